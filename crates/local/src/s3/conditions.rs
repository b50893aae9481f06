//! The conditions of a request: what must be true of an object before it is read, replaced or
//! removed.
//!
//! A condition that is not understood must be refused: a write that its client made conditional
//! must never happen without its condition.

use std::io::ErrorKind;
use std::path::Path;

use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

use super::errors::Explain;
use super::object::{Metadata, Stored};

/// What must be true of an object to be replaced or removed.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Always,
    /// There is no such object.
    Absent,
    /// There is such an object, with this entity tag.
    Matching(ETagCondition),
}

impl Condition {
    /// The condition in the headers of a write, for which S3 knows `If-None-Match` only as `*`.
    pub(super) fn of_write(
        if_match: Option<ETagCondition>,
        if_none_match: Option<ETagCondition>,
    ) -> S3Result<Self> {
        match (if_match, if_none_match) {
            (None, None) => Ok(Condition::Always),
            (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
            (Some(tag), None) => Ok(Condition::Matching(tag)),
            (_, Some(_)) => Err(s3_error!(
                NotImplemented,
                "reading the conditions of a write: If-None-Match can only be *, and without If-Match"
            )),
        }
    }

    /// Checks the object `key` at `path`. The answer holds only as long as names can't change.
    pub(super) fn check(&self, path: &Path, key: &str) -> S3Result<()> {
        let doing = || format!("checking the condition on the object {key:?}");
        let holds = match self {
            Condition::Always => true,
            Condition::Absent => !path.try_exists().explain(doing)?,
            Condition::Matching(tag) => match Stored::open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(s3_error!(NoSuchKey, "{}: it is not there", doing()));
                }
                opened => matches(tag, &opened.explain(doing)?.metadata),
            },
        };
        if holds { Ok(()) } else { Err(precondition_failed()) }
    }
}

/// What must be true of an object to be read.
#[derive(Clone, Debug)]
pub(super) struct ReadConditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    /// Checks an object as RFC 9110 has it: where both are there, the tag decides, not the time.
    pub(super) fn check(&self, metadata: &Metadata) -> S3Result<()> {
        let expected = match (&self.if_match, &self.if_unmodified_since) {
            (Some(tag), _) => matches(tag, metadata),
            (None, Some(time)) => metadata.last_modified() <= *time,
            (None, None) => true,
        };
        if !expected {
            return Err(precondition_failed());
        }
        let news = match (&self.if_none_match, &self.if_modified_since) {
            (Some(tag), _) => !matches(tag, metadata),
            (None, Some(time)) => metadata.last_modified() > *time,
            (None, None) => true,
        };
        if news { Ok(()) } else { Err(s3_error!(NotModified)) }
    }
}

pub(super) fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "at least one of the conditions of the request does not hold")
}

fn matches(condition: &ETagCondition, metadata: &Metadata) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.weak_cmp(&metadata.entity_tag()),
    }
}
