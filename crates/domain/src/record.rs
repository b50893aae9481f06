//! A record: a row of the table, the lasting trace of a backup or a restore.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    actor::Actor,
    failure::Failure,
    identifier::RecordId,
    notes::Notes,
    operation::{Restored, Stage},
};

/// A backup or a restore, as it is stored and as the API gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// Who changed the notes last, if anybody has.
    #[serde(default)]
    pub notes_edited: Option<Edited>,
    /// What the notes were before, newest first. Only a single record that is asked for brings it along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes_history: Vec<OlderNotes>,
    /// Who asked for it: their name.
    pub requested_by: String,
    /// What the provider knows them by, whatever their name is; null if nobody had to sign in.
    #[serde(default)]
    pub requested_by_id: Option<String>,
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

/// Who changed something, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Edited {
    /// Their name.
    pub by: String,
    /// What the provider knows them by; null if nobody had to sign in.
    #[serde(default)]
    pub by_id: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Notes that others have replaced since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OlderNotes {
    /// The text.
    pub notes: Notes,
    /// Who wrote it.
    pub by: String,
    /// What the provider knows them by; null if nobody had to sign in.
    #[serde(default)]
    pub by_id: Option<String>,
    /// When they wrote it.
    pub at: Timestamp,
}

/// What a record is a record of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// The application's data was copied into the repository.
    Backup,
    /// The application's data was replaced by a backup's.
    Restore,
}

/// What started an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Size {
    /// Bytes of all files and dumps, before deduplication and compression.
    pub total_bytes: u64,
    /// Bytes that this backup added to the repository, compressed.
    pub added_bytes: u64,
    /// Files, a dump counting as one.
    pub files: u64,
}

/// The part of a backup that holds one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl OlderNotes {
    /// How many older texts are kept.
    pub const MOST: usize = 20;
    /// How many bytes of them. A record may have 400 KB in the table, and a page of records is read whole.
    pub const MOST_BYTES: usize = 100_000;
}

impl Record {
    /// A record of a backup that is about to begin.
    pub fn backup(id: RecordId, trigger: Trigger, notes: Notes, requested_by: Actor, now: Timestamp) -> Self {
        Self {
            id,
            kind: RecordKind::Backup,
            trigger,
            status: Status::InProgress,
            created_at: now,
            finished_at: None,
            notes,
            notes_version: 1,
            notes_edited: None,
            notes_history: Vec::new(),
            requested_by: requested_by.name,
            requested_by_id: requested_by.id,
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
        requested_by: Actor,
        now: Timestamp,
    ) -> Self {
        Self {
            kind: RecordKind::Restore,
            restored_from: Some(restored.record),
            safety_backup: Some(restored.safety_backup),
            ..Self::backup(id, Trigger::Manual, notes, requested_by, now)
        }
    }

    /// Replaces the notes and keeps what they were, newest first: at most [`OlderNotes::MOST`] texts of
    /// [`OlderNotes::MOST_BYTES`] together, so that the record stays well within what the table takes.
    ///
    /// Returns whether anything has changed: the same text again is no new version.
    pub fn edit(&mut self, notes: Notes, by: &Actor, at: Timestamp) -> bool {
        if notes == self.notes {
            return false;
        }
        let Actor { name, id } = by.clone();
        let edited = self.notes_edited.replace(Edited { by: name, by_id: id, at });
        let older = std::mem::replace(&mut self.notes, notes);
        self.notes_version += 1;
        // Notes that were never written are no older version of them.
        let written = edited.or_else(|| {
            let (by, by_id) = (self.requested_by.clone(), self.requested_by_id.clone());
            (!older.as_str().is_empty()).then_some(Edited { by, by_id, at: self.created_at })
        });
        if let Some(Edited { by, by_id, at }) = written {
            self.notes_history.insert(0, OlderNotes { notes: older, by, by_id, at });
        }
        let mut bytes = 0;
        let mut fits = |older: &OlderNotes| {
            bytes += older.notes.as_str().len();
            bytes <= OlderNotes::MOST_BYTES
        };
        let kept = self.notes_history.iter().take(OlderNotes::MOST).take_while(|older| fits(older)).count();
        self.notes_history.truncate(kept);
        true
    }

    /// Whether it can be restored (R5).
    pub fn restorable(&self) -> bool {
        self.kind == RecordKind::Backup && self.status == Status::Success && !self.expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn record(notes: &str) -> Record {
        let (id, notes) = (RecordId::new(at(0), [0; 10]), Notes::new(notes).unwrap());
        Record::backup(id, Trigger::Manual, notes, actor("Maya"), at(0))
    }

    fn actor(name: &str) -> Actor {
        Actor { name: name.to_owned(), id: Some(format!("{name}’s id")) }
    }

    fn edit(record: &mut Record, notes: &str, by: &str, second: i64) {
        assert!(record.edit(Notes::new(notes).unwrap(), &actor(by), at(second)));
    }

    #[test]
    fn each_older_text_is_kept_with_who_wrote_it_and_when() {
        let mut record = record("first");
        edit(&mut record, "second", "Jonas", 1);
        edit(&mut record, "", "Maya", 2);
        edit(&mut record, "third", "Jonas", 3);
        let history: Vec<_> =
            record.notes_history.iter().map(|old| (old.notes.as_str(), old.by.as_str(), old.at)).collect();
        assert!(record.notes_history.iter().all(|old| old.by_id == actor(&old.by).id));
        assert_eq!(history, [("", "Maya", at(2)), ("second", "Jonas", at(1)), ("first", "Maya", at(0))]);
        assert_eq!(
            record.notes_edited,
            Some(Edited { by: "Jonas".to_owned(), by_id: actor("Jonas").id, at: at(3) })
        );
        assert_eq!((record.notes.as_str(), record.notes_version), ("third", 4));
    }

    #[test]
    fn the_same_text_again_changes_nothing() {
        let mut record = record("first");
        let before = record.clone();
        assert!(!record.edit(Notes::new("first").unwrap(), &actor("Jonas"), at(1)));
        assert_eq!(record, before);
    }

    #[test]
    fn notes_that_nobody_wrote_are_no_older_text() {
        let mut record = record("");
        edit(&mut record, "first", "Jonas", 1);
        assert_eq!(record.notes_history, []);
    }

    #[test]
    fn the_newest_twenty_older_texts_are_kept() {
        let mut record = record("0");
        for number in 1..50 {
            edit(&mut record, &number.to_string(), "Jonas", number);
        }
        let texts: Vec<_> = record.notes_history.iter().map(|old| old.notes.as_str()).collect();
        assert_eq!(texts.len(), OlderNotes::MOST);
        assert_eq!((texts[0], texts[19]), ("48", "29"));
    }

    #[test]
    fn a_record_never_outgrows_the_table_however_long_its_notes_are() {
        let longest = ["\u{1f3f0}", "\u{1f56f}"].map(|character| character.repeat(Notes::LONGEST));
        let mut record = record(&longest[0]);
        for number in 1..30 {
            edit(&mut record, &longest[usize::from(number % 2 == 1)], "Jonas", number);
            assert!(serde_json::to_vec(&record).unwrap().len() < 200_000);
        }
        assert_eq!(record.notes_history.len(), 2);
    }
}
