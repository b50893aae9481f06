//! Which snapshots a purge removes: those of expired records, and those that an incomplete backup left.
//!
//! What a record names that is kept is never among them, and neither is what may be the only copy of
//! something: a snapshot that is not ours, or one whose record nobody knows.

use std::collections::{BTreeMap, BTreeSet};

use nightkeep_cloud::Holding;
use nightkeep_domain::{identifier::RecordId, record::Status};
use rustic_core::repofile::{SnapshotFile, SnapshotId};

use crate::repository::HOST;

/// The snapshots of a repository, sorted out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// What is removed.
    pub(super) removed: Vec<SnapshotId>,
    /// How many of these no record names.
    pub(super) swept: usize,
    /// How many are of a record that is not in the table. Our own ways leave none: a record is there
    /// before its data, and as long as it. So the table was lost or replaced.
    pub(super) unknown: usize,
}

impl Selection {
    /// Sorts out `snapshots`, given what every record holds and which of them have expired.
    pub(super) fn of(snapshots: &[SnapshotFile], holdings: &[Holding], expired: &BTreeSet<RecordId>) -> Self {
        let records: BTreeMap<String, &Holding> =
            holdings.iter().map(|holding| (holding.record.to_string(), holding)).collect();
        let (gone, kept): (Vec<&Holding>, Vec<&Holding>) =
            holdings.iter().partition(|holding| expired.contains(&holding.record));
        let (gone, kept) = (names(&gone), names(&kept));

        let mut selection = Self::default();
        for snapshot in snapshots {
            let id = snapshot.id.to_hex();
            // restic replaces a snapshot when its tags are changed; the new one knows what it was.
            let original = snapshot.original.map(|original| original.to_hex());
            let original = original.as_ref().map(|original| original.as_str());
            if kept.contains(id.as_str()) || original.is_some_and(|original| kept.contains(original)) {
                continue;
            }
            if gone.contains(id.as_str()) {
                selection.removed.push(snapshot.id);
                continue;
            }
            let Some(tag) = record_of(snapshot) else { continue };
            match records.get(&tag) {
                None => selection.unknown += 1,
                Some(holding) if holding.status == Status::InProgress => {}
                Some(_) => {
                    selection.removed.push(snapshot.id);
                    selection.swept += 1;
                }
            }
        }
        selection
    }
}

/// The ids of the snapshots that records name.
fn names<'a>(holdings: &[&'a Holding]) -> BTreeSet<&'a str> {
    holdings.iter().flat_map(|holding| &holding.snapshots).map(|snapshot| snapshot.id.as_str()).collect()
}

/// The record that a snapshot of ours is tagged with.
fn record_of(snapshot: &SnapshotFile) -> Option<String> {
    if snapshot.hostname != HOST {
        return None;
    }
    snapshot.tags.iter().find(|tag| tag.parse::<RecordId>().is_ok()).cloned()
}
