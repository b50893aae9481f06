//! The digests of a body: those a client sent, those of what arrived, and whether they agree.
//!
//! It must never let a body pass whose digest, or whose length, is not the one the client named.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::{S3Result, TrailingHeaders, s3_error};
use serde::{Deserialize, Serialize};

/// The additional checksums of S3, in base64 as the protocol has them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Checksums {
    pub(super) crc32: Option<String>,
    pub(super) crc32c: Option<String>,
    pub(super) crc64nvme: Option<String>,
    pub(super) sha1: Option<String>,
    pub(super) sha256: Option<String>,
}

impl Checksums {
    /// Each checksum with the name of its header.
    fn each_mut(&mut self) -> [(HeaderName, &mut Option<String>); 5] {
        [
            (s3s::header::X_AMZ_CHECKSUM_CRC32, &mut self.crc32),
            (s3s::header::X_AMZ_CHECKSUM_CRC32C, &mut self.crc32c),
            (s3s::header::X_AMZ_CHECKSUM_CRC64NVME, &mut self.crc64nvme),
            (s3s::header::X_AMZ_CHECKSUM_SHA1, &mut self.sha1),
            (s3s::header::X_AMZ_CHECKSUM_SHA256, &mut self.sha256),
        ]
    }

    /// Whether everything named here is the same there.
    pub(super) fn agree_with(&self, other: &Self) -> bool {
        let agree = |one: &Option<String>, other: &Option<String>| one.is_none() || one == other;
        agree(&self.crc32, &other.crc32)
            && agree(&self.crc32c, &other.crc32c)
            && agree(&self.crc64nvme, &other.crc64nvme)
            && agree(&self.sha1, &other.sha1)
            && agree(&self.sha256, &other.sha256)
    }

    /// Only the digests of the whole body: those that end in `-<parts>` are digests of digests.
    pub(super) fn of_whole_body(mut self) -> Self {
        for (_, checksum) in self.each_mut() {
            checksum.take_if(|value| value.contains('-'));
        }
        self
    }
}

/// The checksum fields that many of `s3s`'s types have under the same names.
macro_rules! checksums_of {
    ($from:expr) => {
        $crate::s3::digests::Checksums {
            crc32: $from.checksum_crc32.clone(),
            crc32c: $from.checksum_crc32c.clone(),
            crc64nvme: $from.checksum_crc64nvme.clone(),
            sha1: $from.checksum_sha1.clone(),
            sha256: $from.checksum_sha256.clone(),
        }
    };
}
pub(super) use checksums_of;

/// What a client said its body would be.
#[derive(Clone, Default)]
pub(super) struct Expected {
    length: Option<u64>,
    content_md5: Option<String>,
    checksums: Checksums,
    /// The checksums that follow the body, by the names of their headers.
    announced: Vec<HeaderName>,
    trailer: Option<TrailingHeaders>,
}

impl Expected {
    /// What the headers say; `checksums` are those that came before the body.
    pub(super) fn new(
        length: Option<i64>,
        content_md5: Option<String>,
        checksums: Checksums,
        headers: &HeaderMap,
        trailer: Option<TrailingHeaders>,
    ) -> Self {
        let announced = headers
            .get_all("x-amz-trailer")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        // A body in signed chunks may come without Content-Length, but never without its own length.
        let decoded = || headers.get(s3s::header::X_AMZ_DECODED_CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        let length = length.and_then(|length| u64::try_from(length).ok()).or_else(decoded);
        Self { length, content_md5, checksums, announced, trailer }
    }

    /// What is known of a body that is put together from stored ones.
    pub(super) fn of_stored(length: Option<u64>, checksums: Checksums) -> Self {
        Self { length, checksums, ..Self::default() }
    }

    /// Takes the checksums that came after the body, now that it has been read.
    fn read_trailer(&mut self) -> S3Result<()> {
        for (name, checksum) in self.checksums.each_mut() {
            if !self.announced.contains(&name) {
                continue;
            }
            let sent = self.trailer.as_ref().and_then(|trailer| {
                trailer.read(|headers| headers.get(&name)?.to_str().ok().map(str::to_owned)).flatten()
            });
            let sent =
                sent.ok_or_else(|| s3_error!(IncompleteBody, "reading the trailer: {name} did not follow"))?;
            *checksum = Some(sent);
        }
        Ok(())
    }
}

/// The digests of a body as it arrives.
pub(super) struct Digests {
    expected: Expected,
    size: u64,
    md5: Md5,
    hasher: ChecksumHasher,
}

/// A body whose digests agree with what its client said.
pub(super) struct Verified {
    pub(super) size: u64,
    /// The MD5 digest in hexadecimal: the entity tag of an object put in one piece.
    pub(super) md5: String,
    pub(super) checksums: Checksums,
}

impl Digests {
    pub(super) fn new(expected: Expected) -> Self {
        // Only what can be compared is computed.
        let wanted =
            |sent: &Option<String>, name: &HeaderName| sent.is_some() || expected.announced.contains(name);
        let named = &expected.checksums;
        let hasher = ChecksumHasher {
            crc32: wanted(&named.crc32, &s3s::header::X_AMZ_CHECKSUM_CRC32).then(Default::default),
            crc32c: wanted(&named.crc32c, &s3s::header::X_AMZ_CHECKSUM_CRC32C).then(Default::default),
            crc64nvme: wanted(&named.crc64nvme, &s3s::header::X_AMZ_CHECKSUM_CRC64NVME)
                .then(Default::default),
            sha1: wanted(&named.sha1, &s3s::header::X_AMZ_CHECKSUM_SHA1).then(Default::default),
            sha256: wanted(&named.sha256, &s3s::header::X_AMZ_CHECKSUM_SHA256).then(Default::default),
        };
        Self { expected, size: 0, md5: Md5::new(), hasher }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.md5.update(bytes);
        self.hasher.update(bytes);
    }

    /// Compares what arrived with what was said.
    pub(super) fn verify(mut self) -> S3Result<Verified> {
        self.expected.read_trailer()?;
        if let Some(length) = self.expected.length
            && length != self.size
        {
            return Err(s3_error!(IncompleteBody, "reading the body: {} of {length} bytes came", self.size));
        }
        let md5 = self.md5.finalize();
        let md5: &[u8] = md5.as_ref();
        if let Some(sent) = &self.expected.content_md5 {
            let sent = STANDARD.decode(sent).ok().filter(|sent| sent.len() == md5.len());
            let sent =
                sent.ok_or_else(|| s3_error!(InvalidDigest, "reading Content-MD5: it is no MD5 digest"))?;
            if sent != md5 {
                return Err(s3_error!(BadDigest, "verifying the body: its MD5 digest is not Content-MD5"));
            }
        }
        let computed = self.hasher.finalize();
        let checksums = checksums_of!(computed);
        if !self.expected.checksums.agree_with(&checksums) {
            return Err(s3_error!(BadDigest, "verifying the body: its checksum is not the one sent"));
        }
        Ok(Verified { size: self.size, md5: hex::encode(md5), checksums })
    }
}
