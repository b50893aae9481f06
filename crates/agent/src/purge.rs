//! The stage Purge: what has expired is removed, its data first and then its records.
//!
//! Expired records are marked before anything of their data goes, so that nobody can restore what is
//! half gone, and they stay until all of it is. It must never touch a snapshot that a record names which
//! is kept, nor one that is not ours. It can be killed at any moment: the next purge finds the marks and
//! goes on.

mod prune;
mod selection;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use nightkeep_cloud::{Holding, Ledger};
use nightkeep_domain::{
    cause::Cause,
    identifier::RecordId,
    operation::{Assignment, Purged},
    record::Status,
    retention::Retention,
};
use tokio::runtime::Runtime;

use self::selection::Selection;
use crate::{progress::Tally, report::patiently, repository::Archive};

/// How many records one purge removes at most, so that it ends, and knows them all at once.
const MOST: usize = 10_000;

/// What a purge needs to know.
pub(crate) struct Purge<'a> {
    /// None if there has never been a backup.
    pub(crate) archive: Option<&'a Archive>,
    pub(crate) runtime: &'a Runtime,
    pub(crate) ledger: &'a Ledger,
    pub(crate) assignment: Assignment,
    pub(crate) retention: Retention,
    pub(crate) now: fn() -> Timestamp,
    pub(crate) tally: &'a Arc<Tally>,
}

impl Purge<'_> {
    /// Removes what has expired.
    pub(crate) fn run(&self) -> anyhow::Result<Purged> {
        let holdings = self.runtime.block_on(patiently(|| self.ledger.holdings()))?;
        let now = (self.now)();
        let expired = self.expired(&holdings, now)?;
        let ids: Vec<RecordId> = expired.iter().copied().collect();
        self.runtime.block_on(patiently(|| self.ledger.mark_expired(self.assignment, &ids)))?;
        tracing::info!(records = ids.len(), "expired records were marked");

        let mut purged = match self.archive {
            Some(archive) => self.remove_data(archive, &holdings, &expired)?,
            None => nothing_is_named(&holdings, &expired)?,
        };

        self.still_ours()?;
        self.runtime.block_on(patiently(|| self.ledger.remove_records(self.assignment, &ids)))?;
        purged.records = ids.len() as u64;
        let before = self.retention.first_kept(now);
        let activities =
            self.runtime.block_on(patiently(|| self.ledger.remove_activities(self.assignment, before)))?;
        tracing::info!(
            records = purged.records,
            activities,
            snapshots = purged.snapshots,
            freed_bytes = purged.freed_bytes,
            "what has expired is gone"
        );
        Ok(purged)
    }

    /// The records that go: what has expired, and what an earlier purge has marked. The mark is for ever,
    /// whatever the retention is now: data of theirs may be gone.
    fn expired(&self, holdings: &[Holding], now: Timestamp) -> anyhow::Result<BTreeSet<RecordId>> {
        let found = self.runtime.block_on(patiently(|| self.ledger.expired(self.retention, now, MOST)))?;
        let old = found.iter().map(|record| (record.id, record.status));
        let marked = holdings.iter().filter(|holding| holding.expired);
        let all = old.chain(marked.map(|holding| (holding.record, holding.status)));
        Ok(all.filter(|(_, status)| *status != Status::InProgress).map(|(id, _)| id).collect())
    }

    fn remove_data(
        &self,
        archive: &Archive,
        holdings: &[Holding],
        expired: &BTreeSet<RecordId>,
    ) -> anyhow::Result<Purged> {
        self.tally.begin("repository");
        let found = archive.undisturbed((self.now)())?;
        let before = archive.bytes()?;
        let repository = archive.repository()?;
        let snapshots = archive.engine(repository.get_all_snapshots())?;
        let selection = Selection::of(&snapshots, holdings, expired);
        if selection.unknown > 0 {
            tracing::warn!(
                snapshots = selection.unknown,
                "snapshots of records that the table does not know were left alone; they may be the only \
                 copies of backups whose records were lost, and plain restic can restore or forget them"
            );
        }
        // Nothing goes before it is known that the rest is whole.
        let pruning = prune::plan(&repository, &selection.removed, self.tally)
            .map_err(|error| archive.damage(&error))?;
        self.still_ours()?;
        archive.still_undisturbed(&found, (self.now)())?;
        archive.engine(repository.delete_snapshots(&selection.removed))?;
        archive.healthy()?;
        tracing::info!(
            removed = selection.removed.len(),
            swept = selection.swept,
            kept = snapshots.len() - selection.removed.len(),
            "snapshots were removed"
        );
        archive.engine(pruning.run(&repository))?;
        archive.healthy()?;
        let freed_bytes = before.saturating_sub(archive.bytes()?);
        Ok(Purged { records: 0, snapshots: selection.removed.len() as u64, freed_bytes })
    }

    /// Ends here if the operation has gone on without this task.
    fn still_ours(&self) -> anyhow::Result<()> {
        Ok(self.runtime.block_on(patiently(|| self.ledger.still_holds(self.assignment)))?)
    }
}

/// Makes sure that no record that goes names anything in a repository that is not there: then the
/// repository is elsewhere or lost, and the record is the only trace of it.
fn nothing_is_named(holdings: &[Holding], expired: &BTreeSet<RecordId>) -> Result<Purged, Cause> {
    let names = |holding: &&Holding| expired.contains(&holding.record) && !holding.snapshots.is_empty();
    let found = match holdings.iter().filter(names).count() {
        0 => return Ok(Purged::default()),
        1 => "there is none, but an expired backup should be in it".to_owned(),
        count => format!("there is none, but {count} expired backups should be in it"),
    };
    Err(Cause::RepositoryDamaged { found })
}
