//! A multipart upload.
//!
//! However it ends, it must never leave parts behind: an upload that is not completed is aborted, after
//! a panic too.

use std::future::Future;

use aws_sdk_s3::{
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use nightkeep_cloud::attachment;
use nightkeep_domain::cause::Cause;
use sha2::{Digest, Sha256};

use super::parts::Part;
use crate::s3::{Bucket, Call};

/// An upload under way.
pub(super) struct Upload<'a> {
    bucket: &'a Bucket,
    key: &'a str,
    id: String,
    completed: bool,
}

impl<'a> Upload<'a> {
    /// Begins to upload the object `key`.
    pub(super) fn begin(bucket: &'a Bucket, key: &'a str) -> Result<Self, Cause> {
        let file_name = key.rsplit('/').next().unwrap_or(key);
        let id = bucket.run(&format!("beginning to write {key}"), async {
            let answer = bucket
                .client
                .create_multipart_upload()
                .bucket(&bucket.name)
                .key(key)
                .content_type("application/gzip")
                .content_disposition(attachment(file_name))
                .checksum_algorithm(ChecksumAlgorithm::Sha256)
                .send()
                .await?;
            answer.upload_id.ok_or_else(|| Call::Broken("the storage gave the upload no id".to_owned()))
        })?;
        Ok(Self { bucket, key, id, completed: false })
    }

    /// Uploads a part.
    pub(super) fn put(&self, part: Part) -> Result<CompletedPart, Cause> {
        let Ok(number) = i32::try_from(part.number) else {
            return Err(Cause::Unexpected { what: format!("part {} of {}", part.number, self.key) });
        };
        let checksum = STANDARD.encode(Sha256::digest(&part.bytes));
        let bytes = Bytes::from(part.bytes);
        self.run(&format!("writing part {number} of {}", self.key), async {
            let answer = self
                .bucket
                .client
                .upload_part()
                .bucket(&self.bucket.name)
                .key(self.key)
                .upload_id(&self.id)
                .part_number(number)
                .checksum_sha256(&checksum)
                .body(ByteStream::from(bytes))
                .customize()
                .disable_payload_signing()
                .send()
                .await?;
            let part = CompletedPart::builder().part_number(number).checksum_sha256(checksum);
            Ok(part.set_e_tag(answer.e_tag).build())
        })
    }

    /// Makes the object out of its parts, `size` bytes together.
    pub(super) fn complete(mut self, parts: Vec<CompletedPart>, size: u64) -> Result<(), Cause> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let done = self.run(&format!("completing {}", self.key), async {
            self.bucket
                .client
                .complete_multipart_upload()
                .bucket(&self.bucket.name)
                .key(self.key)
                .upload_id(&self.id)
                .multipart_upload(parts)
                .send()
                .await?;
            Ok(())
        });
        // When an answer is lost, the call is made again and finds no upload any more.
        if let Err(cause) = done
            && self.stored() != Some(size)
        {
            return Err(cause);
        }
        self.completed = true;
        Ok(())
    }

    /// The size of the object, if it is there.
    fn stored(&self) -> Option<u64> {
        let found = self.run(&format!("looking at {}", self.key), async {
            Ok(self.bucket.client.head_object().bucket(&self.bucket.name).key(self.key).send().await?)
        });
        u64::try_from(found.ok()?.content_length?).ok()
    }

    fn run<T>(&self, doing: &str, call: impl Future<Output = Result<T, Call>>) -> Result<T, Cause> {
        self.bucket.run(doing, call)
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if self.completed {
            return;
        }
        let aborted = self.run(&format!("giving up {}", self.key), async {
            self.bucket
                .client
                .abort_multipart_upload()
                .bucket(&self.bucket.name)
                .key(self.key)
                .upload_id(&self.id)
                .send()
                .await?;
            Ok(())
        });
        if let Err(cause) = aborted {
            // The next archive removes what is left of this one.
            tracing::warn!("{cause}");
        }
    }
}
