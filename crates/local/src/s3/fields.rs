//! The fields that many of `s3s`'s types have under the same names, taken from requests and put into
//! answers.
//!
//! An answer must never carry a checksum of a whole body beside a part of it.

use std::ops::Range;

use s3s::dto::{ChecksumMode, Range as RequestedRange};
use s3s::{S3Result, s3_error};

use super::digests::Checksums;
use super::object::Metadata;

/// What S3 says of an object whose client did not say what it is.
pub(super) const UNKNOWN_TYPE: &str = "binary/octet-stream";

/// The fields by which clients describe objects, which several of `s3s`'s types have.
macro_rules! attributes_of {
    ($input:expr) => {
        $crate::s3::object::Attributes {
            content_type: $input.content_type.clone(),
            content_encoding: $crate::s3::fields::content_encoding($input.content_encoding.as_deref()),
            content_language: $input.content_language.clone(),
            content_disposition: $input.content_disposition.clone(),
            cache_control: $input.cache_control.clone(),
            expires: $input.expires.clone(),
            user: $input.metadata.clone().unwrap_or_default().into_iter().collect(),
        }
    };
}
pub(super) use attributes_of;

/// The conditions on what is read, which several of `s3s`'s types have.
macro_rules! read_conditions_of {
    ($input:expr) => {
        $crate::s3::conditions::ReadConditions {
            if_match: $input.if_match.clone(),
            if_none_match: $input.if_none_match.clone(),
            if_modified_since: $input.if_modified_since.clone(),
            if_unmodified_since: $input.if_unmodified_since.clone(),
        }
    };
}
pub(super) use read_conditions_of;

/// The answer to a request for an object or for its headers: both types have the same fields.
macro_rules! description {
    ($output:ident, $input:expr, $metadata:expr, $span:expr) => {{
        let metadata: &$crate::s3::object::Metadata = $metadata;
        let span: &$crate::s3::fields::Span = $span;
        let checksums = span.checksums($input.checksum_mode.as_ref(), metadata);
        let attributes = metadata.attributes.clone();
        $output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: attributes.cache_control,
            checksum_crc32: checksums.crc32,
            checksum_crc32c: checksums.crc32c,
            checksum_crc64nvme: checksums.crc64nvme,
            checksum_sha1: checksums.sha1,
            checksum_sha256: checksums.sha256,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            content_length: $crate::s3::fields::signed(span.bytes.end - span.bytes.start),
            content_range: span.content_range.clone(),
            content_type: attributes
                .content_type
                .or_else(|| Some($crate::s3::fields::UNKNOWN_TYPE.to_owned())),
            e_tag: Some(metadata.entity_tag()),
            expires: attributes.expires,
            last_modified: Some(metadata.last_modified()),
            metadata: Some(attributes.user.into_iter().collect()),
            ..Default::default()
        }
    }};
}
pub(super) use description;

/// The answer to a body that was kept, whole or as a part.
macro_rules! kept {
    ($output:ident, $metadata:expr) => {
        $output {
            checksum_crc32: $metadata.checksums.crc32.clone(),
            checksum_crc32c: $metadata.checksums.crc32c.clone(),
            checksum_crc64nvme: $metadata.checksums.crc64nvme.clone(),
            checksum_sha1: $metadata.checksums.sha1.clone(),
            checksum_sha256: $metadata.checksums.sha256.clone(),
            e_tag: Some($metadata.entity_tag()),
            ..Default::default()
        }
    };
}
pub(super) use kept;

/// The bytes of a body that an answer holds.
pub(super) struct Span {
    pub(super) bytes: Range<u64>,
    /// The header that says which they are, if they are not all.
    pub(super) content_range: Option<String>,
}

impl Span {
    pub(super) fn new(requested: Option<RequestedRange>, size: u64) -> S3Result<Self> {
        let Some(requested) = requested else {
            return Ok(Self { bytes: 0..size, content_range: None });
        };
        let refuse = || {
            let requested = requested.to_header_string();
            s3_error!(InvalidRange, "reading the range {requested}: the object has {size} bytes")
        };
        // The end of nothing is nothing, which a header cannot say.
        let bytes = requested.check(size).ok().filter(|bytes| !bytes.is_empty()).ok_or_else(refuse)?;
        let content_range = Some(format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1));
        Ok(Self { bytes, content_range })
    }

    /// The checksums of an object, if they are asked for and all of its body is in the answer.
    pub(super) fn checksums(&self, mode: Option<&ChecksumMode>, metadata: &Metadata) -> Checksums {
        let wanted = mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        if wanted && self.content_range.is_none() { metadata.checksums.clone() } else { Checksums::default() }
    }
}

/// What remains of the header once the body has arrived: `aws-chunked` is only how it came.
pub(super) fn content_encoding(sent: Option<&str>) -> Option<String> {
    let kept: Vec<&str> = sent?.split(',').map(str::trim).filter(|one| *one != "aws-chunked").collect();
    Some(kept.join(",")).filter(|kept| !kept.is_empty())
}

/// A length in the type that `s3s` has for it.
pub(super) fn signed(length: u64) -> Option<i64> {
    i64::try_from(length).ok()
}
