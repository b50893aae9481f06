//! The source archives in S3, for whoever wants to download one.
//!
//! A link is minted when it is asked for and never stored: it dies with the credentials that signed it,
//! and those of a function may do so at any time.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use aws_config::SdkConfig;
use aws_sdk_s3::presigning::PresigningConfig;
use jiff::Timestamp;

use crate::{Error, Kind};

/// The source archives.
#[derive(Debug, Clone)]
pub struct Archives {
    shared: SdkConfig,
    /// Made when it is needed, which it is by few calls only.
    client: OnceLock<aws_sdk_s3::Client>,
    bucket: String,
}

/// A link that anybody can download one archive with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The address, which is a secret while it is valid.
    pub url: String,
    /// Until when a download can be begun with it.
    pub expires_at: Timestamp,
}

impl Archives {
    /// The archives in `bucket`.
    pub fn new(shared: &SdkConfig, bucket: impl Into<String>) -> Self {
        Self { shared: shared.clone(), client: OnceLock::new(), bucket: bucket.into() }
    }

    fn client(&self) -> &aws_sdk_s3::Client {
        self.client.get_or_init(|| aws_sdk_s3::Client::new(&self.shared))
    }

    /// A link to the object `key`, saved as `file_name`, that is valid for so long from `now` on. Whether
    /// the object exists is not asked.
    ///
    /// # Errors
    /// If there are no credentials to sign with, or S3 does not allow so long a time (a week).
    pub async fn link(
        &self,
        key: &str,
        file_name: &str,
        valid: Duration,
        now: Timestamp,
    ) -> Result<Link, Error> {
        let doing = || format!("making a link to {key}");
        let refused = |why: String| Error::new(Kind::Denied, doing(), why);
        // The signature counts in whole seconds.
        let now = Timestamp::from_second(now.as_second()).map_err(|error| refused(error.to_string()))?;
        let expires_at = now.checked_add(valid).map_err(|error| refused(error.to_string()))?;
        let signing = PresigningConfig::builder()
            .start_time(SystemTime::from(now))
            .expires_in(valid)
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let request = self
            .client()
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .response_content_type("application/gzip")
            .response_content_disposition(attachment(file_name))
            .presigned(signing)
            .await
            .map_err(|error| Error::of(doing(), error))?;
        Ok(Link { url: request.uri().to_owned(), expires_at })
    }

    /// The size of the object `key` in bytes, or none if it is not there.
    ///
    /// # Errors
    /// If S3 cannot be asked.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, Error> {
        match self.client().head_object().bucket(&self.bucket).key(key).send().await {
            Ok(found) => Ok(found.content_length.and_then(|size| u64::try_from(size).ok())),
            Err(error) => match Error::of(format!("looking at {key}"), error) {
                error if error.kind == Kind::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }
}

/// The header Content-Disposition with which a browser saves an answer as `file_name` (RFC 6266): first
/// the name in ASCII for what is old, then the whole of it.
pub fn attachment(file_name: &str) -> String {
    let safe = |c: char| !c.is_control() && !r#"/\""#.contains(c);
    let name: String = file_name.chars().map(|c| if safe(c) { c } else { '-' }).collect();
    // A percent sign would be decoded by some.
    let plain = |c: char| if c.is_ascii() && c != '%' { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let encoded: String = name.bytes().map(encode).collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

/// A byte of a name as RFC 8187 has it.
fn encode(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};

    use super::*;

    fn archives() -> Archives {
        let credentials = Credentials::new("key", "secret", Some("session".into()), None, "test");
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Archives::new(&shared, "bucket")
    }

    #[tokio::test]
    async fn s22_each_link_is_minted_anew_and_is_valid_for_as_long_as_it_says() {
        let now: Timestamp = "2026-03-01T12:00:00.9Z".parse().unwrap();
        let ten_minutes = Duration::from_secs(600);
        let link = |at| async move {
            archives().link("source-archives/a b.tar.gz", "Gäste.tar.gz", ten_minutes, at).await.unwrap()
        };
        let first = link(now).await;
        assert_eq!(first.expires_at, "2026-03-01T12:10:00Z".parse().unwrap());
        for expected in [
            "https://bucket.s3.eu-central-1.amazonaws.com/source-archives/a%20b.tar.gz?",
            "X-Amz-Date=20260301T120000Z",
            "X-Amz-Expires=600",
            "X-Amz-Security-Token=session",
            "response-content-type=application%2Fgzip",
            "response-content-disposition=attachment%3B%20filename%3D%22G_ste.tar.gz%22%3B%20filename%2A%3DUTF-8%27%27G%25C3%25A4ste.tar.gz",
        ] {
            assert!(first.url.contains(expected), "{expected} is not in {}", first.url);
        }
        assert_ne!(first.url, link(now + Duration::from_secs(60)).await.url);
    }

    #[tokio::test]
    async fn a_time_that_s3_does_not_allow_is_refused() {
        let (now, month) = (Timestamp::UNIX_EPOCH, Duration::from_secs(30 * 24 * 3600));
        let error = archives().link("key", "file", month, now).await.unwrap_err();
        assert_eq!(error.kind, Kind::Denied);
        assert!(error.to_string().starts_with("making a link to key: "), "{error}");
    }

    #[test]
    fn an_attachment_has_a_name_for_everybody_and_cannot_break_its_header() {
        let cases = [
            (
                "Guest book 2026-03-01.tar.gz",
                "\"Guest book 2026-03-01.tar.gz\"; filename*=UTF-8''Guest%20book%202026-03-01.tar.gz",
            ),
            ("ü 100%.gz", "\"_ 100_.gz\"; filename*=UTF-8''%C3%BC%20100%25.gz"),
            ("a\"; x=\"\r\nb/../c\\", "\"a-; x=---b-..-c-\"; filename*=UTF-8''a-%3B%20x%3D---b-..-c-"),
        ];
        for (name, expected) in cases {
            assert_eq!(attachment(name), format!("attachment; filename={expected}"));
        }
    }
}
