//! What is to be kept, and what has expired (R10).

use jiff::{SignedDuration, Timestamp};

use crate::{
    identifier::RecordId,
    record::{Record, RecordKind, Status},
};

/// How long records and the backups behind them are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Days after which they expire.
    pub days: u64,
    /// The newest successful backups, so many of them, never expire.
    pub keep_newest: u64,
}

impl Retention {
    /// What was made before this moment has expired. A day is 24 hours.
    pub fn cutoff(self, now: Timestamp) -> Timestamp {
        let days = SignedDuration::from_hours(i64::try_from(self.days).unwrap_or(i64::MAX / 24) * 24);
        now.saturating_sub(days).unwrap_or(Timestamp::MIN)
    }

    /// The first identifier that has not expired: every older one is smaller.
    pub fn first_kept(self, now: Timestamp) -> RecordId {
        RecordId::new(self.cutoff(now).max(Timestamp::UNIX_EPOCH), [0; 10])
    }
}

/// Whether a record is one of those that [`Retention::keep_newest`] counts. A safety backup of nothing
/// keeps nothing.
pub fn counts(record: &Record) -> bool {
    record.kind == RecordKind::Backup
        && record.status == Status::Success
        && !record.expired
        && record.size.is_some_and(|size| size.files > 0)
}
