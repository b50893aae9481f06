//! Which snapshots a purge removes, case by case.

use std::collections::BTreeSet;

use jiff::Timestamp;
use nightkeep_cloud::Holding;
use nightkeep_domain::{
    identifier::RecordId,
    record::{Size, Snapshot, Status},
};
use rustic_core::{Id, SnapshotOptions, repofile::SnapshotFile};

use super::selection::Selection;

fn record(number: u8) -> RecordId {
    RecordId::new(Timestamp::UNIX_EPOCH, [number; 10])
}

fn id(number: u8) -> Id {
    format!("{number:064x}").parse().unwrap()
}

/// A snapshot of ours, tagged with a record.
fn snapshot(number: u8, tag: &str) -> SnapshotFile {
    let options = SnapshotOptions::default().host("nightkeep".to_owned()).add_tags(tag).unwrap();
    let mut snapshot = options.to_snapshot().unwrap();
    snapshot.id = id(number).into();
    snapshot.original = Some(snapshot.id);
    snapshot
}

/// What a record holds.
fn holding(number: u8, status: Status, snapshots: &[u8]) -> Holding {
    let named = snapshots.iter().map(|number| Snapshot {
        source: "files".to_owned(),
        id: id(*number).to_hex().as_str().to_owned(),
        size: Size::default(),
    });
    Holding { record: record(number), status, expired: false, snapshots: named.collect() }
}

/// What is removed of these, given that the records of these numbers have expired.
fn selected(snapshots: &[SnapshotFile], holdings: &[Holding], expired: &[u8]) -> Selection {
    let expired: BTreeSet<RecordId> = expired.iter().copied().map(record).collect();
    Selection::of(snapshots, holdings, &expired)
}

fn removed(numbers: &[u8], swept: usize, unknown: usize) -> Selection {
    Selection { removed: numbers.iter().map(|number| id(*number).into()).collect(), swept, unknown }
}

#[test]
fn what_expired_records_name_goes_and_what_others_name_stays() {
    let tag = |number| record(number).to_string();
    let snapshots = [snapshot(1, &tag(1)), snapshot(2, &tag(1)), snapshot(3, &tag(2))];
    let holdings = [holding(1, Status::Success, &[1, 2]), holding(2, Status::Success, &[3])];
    assert_eq!(selected(&snapshots, &holdings, &[1]), removed(&[1, 2], 0, 0));
    assert_eq!(selected(&snapshots, &holdings, &[]), removed(&[], 0, 0));
    assert_eq!(selected(&snapshots, &holdings, &[1, 2]), removed(&[1, 2, 3], 0, 0));
    let both = [holding(1, Status::Success, &[1]), holding(2, Status::Success, &[1, 2, 3])];
    assert_eq!(selected(&snapshots, &both, &[1]), removed(&[], 0, 0), "kept by one is kept");
}

#[test]
fn what_an_ended_record_does_not_name_is_swept() {
    let tag = |number| record(number).to_string();
    let snapshots = [snapshot(1, &tag(1)), snapshot(2, &tag(2)), snapshot(3, &tag(3))];
    let holdings = [
        holding(1, Status::Failed, &[]),
        holding(2, Status::Success, &[9]),
        holding(3, Status::InProgress, &[]),
    ];
    assert_eq!(selected(&snapshots, &holdings, &[]), removed(&[1, 2], 2, 0));
    assert_eq!(selected(&snapshots, &holdings, &[1]), removed(&[1, 2], 2, 0));
}

#[test]
fn what_is_not_ours_or_of_a_record_that_nobody_knows_is_left_alone() {
    let mut foreign = snapshot(1, &record(1).to_string());
    foreign.hostname = "laptop".to_owned();
    let snapshots = [foreign, snapshot(2, "by hand"), snapshot(3, &record(7).to_string())];
    let holdings = [holding(1, Status::Failed, &[])];
    assert_eq!(selected(&snapshots, &holdings, &[1]), removed(&[], 0, 1));
}

#[test]
fn a_snapshot_that_took_the_place_of_a_named_one_lives_as_long_as_its_record() {
    let mut retagged = snapshot(5, &format!("{},precious", record(1)));
    retagged.original = Some(id(1).into());
    let holdings = [holding(1, Status::Success, &[1])];
    assert_eq!(selected(std::slice::from_ref(&retagged), &holdings, &[]), removed(&[], 0, 0));
    assert_eq!(selected(&[retagged], &holdings, &[1]), removed(&[5], 1, 0));
}
