//! Whether somebody else is at work on the repository. Our own operations exclude each other; plain
//! restic, which anybody may use by hand, only leaves a lock while it works, and what it has written.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use nightkeep_domain::cause::Cause;
use rustic_core::{FileType, Id};

use super::Archive;

/// For how long a lock counts, as restic itself has it: while it works it writes a new one every five
/// minutes.
const LOCK_COUNTS: SignedDuration = SignedDuration::from_mins(30);

impl Archive {
    /// Makes sure that nobody holds a lock, and returns what nobody can work here without adding to: the
    /// ids of all snapshots and indexes.
    pub(crate) fn undisturbed(&self, now: Timestamp) -> anyhow::Result<BTreeSet<Id>> {
        let newest = self.engine(self.storage.newest_lock())?;
        if newest.is_some_and(|written| now.duration_since(written) < LOCK_COUNTS) {
            let seen = "a lock of restic’s is there that is less than half an hour old".to_owned();
            return Err(Cause::RepositoryInUse { seen }.into());
        }
        let listed = [self.list(FileType::Snapshot)?, self.list(FileType::Index)?];
        Ok(listed.into_iter().flatten().map(|(id, _)| id).collect())
    }

    /// Makes sure that nobody has been at work since [`Archive::undisturbed`] returned `before`.
    pub(crate) fn still_undisturbed(&self, before: &BTreeSet<Id>, now: Timestamp) -> anyhow::Result<()> {
        if self.undisturbed(now)? == *before {
            return Ok(());
        }
        let seen = "there are snapshots or indexes that were not there before".to_owned();
        Err(Cause::RepositoryInUse { seen }.into())
    }
}
