//! A record: a row of the table, the lasting trace of a backup or a restore.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    cause::Failure,
    identifier::RecordId,
    notes::Notes,
    operation::{Restored, Stage},
};

/// A backup or a restore, as it is stored and as the API gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its name for ever.
    pub id: RecordId,
    /// What it is a record of.
    pub kind: RecordKind,
    /// What started it.
    pub trigger: Trigger,
    /// How it stands.
    pub status: Status,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it ended, unless it is in progress.
    pub finished_at: Option<Timestamp>,
    /// What people wrote on it.
    pub notes: Notes,
    /// One more at each change of the notes.
    pub notes_version: u64,
    /// Who asked for it.
    pub requested_by: String,
    /// Of a restore: the backup that it restored.
    pub restored_from: Option<RecordId>,
    /// Of a restore: the backup that was made before it.
    pub safety_backup: Option<RecordId>,
    /// Of a restore that failed: whether the safety backup was put back.
    pub put_back: Option<bool>,
    /// Of a backup that succeeded: how much it holds.
    pub size: Option<Size>,
    /// The stages of its operation, as they went.
    pub stages: Vec<Stage>,
    /// Of a backup that succeeded: the snapshots that hold it, one a source. Empty otherwise.
    #[serde(default)]
    pub snapshots: Vec<Snapshot>,
    /// Whether a purge has begun to remove its data: from then on it cannot be restored.
    #[serde(default)]
    pub expired: bool,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
}

/// What a record is a record of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// The application's data was copied into the repository.
    Backup,
    /// The application's data was replaced by a backup's.
    Restore,
}

/// What started an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// A person, or a script of theirs.
    Manual,
    /// The nightly schedule.
    Scheduled,
    /// A restore, which backs up first.
    Safety,
}

/// How a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Its operation has not ended.
    InProgress,
    /// All of it succeeded; a backup with this status can be restored.
    Success,
    /// It did not succeed; `failure` says why.
    Failed,
}

/// How much a backup holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Bytes of all files and dumps, before deduplication and compression.
    pub total_bytes: u64,
    /// Bytes that this backup added to the repository, compressed.
    pub added_bytes: u64,
    /// Files, a dump counting as one.
    pub files: u64,
}

/// The part of a backup that holds one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The source's name.
    pub source: String,
    /// The snapshot's id in the repository, 64 hexadecimal digits.
    pub id: String,
    /// How much of the backup it is.
    pub size: Size,
}

impl Size {
    /// The size of a backup that consists of these snapshots.
    pub fn of(snapshots: &[Snapshot]) -> Self {
        snapshots.iter().fold(Self::default(), |sum, snapshot| Self {
            total_bytes: sum.total_bytes + snapshot.size.total_bytes,
            added_bytes: sum.added_bytes + snapshot.size.added_bytes,
            files: sum.files + snapshot.size.files,
        })
    }
}

impl Record {
    /// A record of a backup that is about to begin.
    pub fn backup(
        id: RecordId,
        trigger: Trigger,
        notes: Notes,
        requested_by: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            kind: RecordKind::Backup,
            trigger,
            status: Status::InProgress,
            created_at: now,
            finished_at: None,
            notes,
            notes_version: 1,
            requested_by,
            restored_from: None,
            safety_backup: None,
            put_back: None,
            size: None,
            stages: Vec::new(),
            snapshots: Vec::new(),
            expired: false,
            failure: None,
        }
    }

    /// A record of a restore that is about to begin.
    pub fn restore(
        id: RecordId,
        restored: &Restored,
        notes: Notes,
        requested_by: String,
        now: Timestamp,
    ) -> Self {
        Self {
            kind: RecordKind::Restore,
            restored_from: Some(restored.record),
            safety_backup: Some(restored.safety_backup),
            ..Self::backup(id, Trigger::Manual, notes, requested_by, now)
        }
    }

    /// Whether it can be restored (R5).
    pub fn restorable(&self) -> bool {
        self.kind == RecordKind::Backup && self.status == Status::Success && !self.expired
    }
}
