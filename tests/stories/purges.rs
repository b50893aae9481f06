//! What a purge removes, what it must leave, and what becomes of it when it is cut short.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use jiff::Timestamp;
use nightkeep_cloud::{Begin, Beginning};
use nightkeep_domain::{
    actor::Actor,
    cause::Cause,
    identifier::RecordId,
    operation::{Kind, Operation, Purged, Report, Restored},
    record::{Record, Status},
};
use nightkeep_tests::{
    alone::{Alone, Ended, aged, random, vanished},
    files::{noise, portrait},
};

/// What the purge removed.
fn purged(ended: &Ended) -> Purged {
    match &ended.report {
        Some(Report::Purged { purged }) => *purged,
        Some(_) | None => panic!("the purge did not end well: {ended:?}"),
    }
}

/// Writes the application's files as they are on some day: most stay, one is new, one is gone, one changes.
fn day(tree: &Path, number: u64) {
    fs::create_dir_all(tree.join("folder")).unwrap();
    fs::write(tree.join("constant"), noise(1, 400_000)).unwrap();
    fs::write(tree.join(format!("new {number}")), noise(1000 + number, 150_000)).unwrap();
    let _ = fs::remove_file(tree.join(format!("new {}", number.saturating_sub(2))));
    fs::write(tree.join("folder/changing"), noise(number, 100_000)).unwrap();
}

/// Makes backups of these ages, and returns their records in that order. One that fails has left its
/// snapshot, as if its agent had been killed.
async fn backups(alone: &Alone, ages: &[(i64, bool)]) -> Vec<RecordId> {
    let mut records = Vec::new();
    for (number, (days, succeeds)) in ages.iter().enumerate() {
        day(&alone.tree(), number as u64);
        records.push(alone.backup(*days, *succeeds).await);
    }
    records
}

/// Backups of which two have expired, and the ids of those that are kept. Two failed and have left
/// something.
async fn many_ages() -> (Alone, Vec<RecordId>) {
    let alone = Alone::start().await;
    let records = backups(&alone, &[(80, true), (61, false), (30, true), (20, false), (10, true)]).await;
    (alone, records[2..].to_vec())
}

/// A record that ended long ago and holds nothing.
fn ended(days: i64, status: Status) -> Record {
    let (_, mut record) = aged(days);
    record.status = status;
    record
}

/// The ids of all records.
async fn ids(alone: &Alone) -> BTreeSet<RecordId> {
    alone.records().await.iter().map(|record| record.id).collect()
}

/// The snapshots that records name.
fn named(records: &[Record]) -> BTreeSet<String> {
    records.iter().flat_map(|record| &record.snapshots).map(|snapshot| snapshot.id.clone()).collect()
}

/// Looks whether table and repository fit together, as they have to at any moment: no record without
/// data that could be restored, no data without a record. `tags` are those of all snapshots.
async fn assert_consistent(alone: &Alone, tags: &BTreeMap<String, Vec<String>>) {
    alone.check().await;
    let (records, snapshots) = (alone.records().await, alone.listed("snapshots/").await);
    for record in records.iter().filter(|record| record.restorable()) {
        assert!(!record.snapshots.is_empty());
        for snapshot in &record.snapshots {
            assert!(snapshots.contains_key(&snapshot.id), "no data: {record:?}");
        }
    }
    let ids: BTreeSet<String> = records.iter().map(|record| record.id.to_string()).collect();
    for snapshot in snapshots.keys() {
        assert!(tags[snapshot].iter().any(|tag| ids.contains(tag)), "no record: {snapshot}");
    }
}

/// Looks whether exactly these records are there, and nothing but their data.
async fn assert_only(alone: &Alone, kept: &[RecordId]) {
    let records = alone.records().await;
    assert_eq!(ids(alone).await, kept.iter().copied().collect());
    let snapshots: BTreeSet<String> = alone.listed("snapshots/").await.into_keys().collect();
    assert_eq!(snapshots, named(&records));
    let said = alone.check().await;
    assert!(!said.contains("additional files"), "nothing that no index knows: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r10_a_purge_removes_what_has_expired_and_nothing_else() {
    let (alone, kept) = many_ages().await;
    let before: Vec<Record> = alone.records().await;
    let newest = before.iter().find(|record| record.restorable()).unwrap().snapshots[0].id.clone();
    let held = alone.restored(&newest, portrait).await;
    let bytes = alone.bytes().await;

    let removed = purged(&alone.purge().await);
    assert_eq!(removed.records, 2, "the failed one too");
    assert_eq!(removed.snapshots, 3, "one that was named, and two that failed backups had left");
    assert_eq!(removed.freed_bytes, bytes - alone.bytes().await);
    assert!(removed.freed_bytes > 300_000, "{removed:?}");
    assert_only(&alone, &kept).await;
    assert_eq!(alone.restored(&newest, portrait).await, held, "what is kept is as it was");
    let kept_before: Vec<Record> = before.into_iter().filter(|record| kept.contains(&record.id)).collect();
    assert_eq!(alone.records().await, kept_before, "and so are its records");

    assert_eq!(purged(&alone.purge().await), Purged::default(), "the next one finds nothing to do");
    assert_only(&alone, &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_that_is_killed_at_any_of_its_writes_harms_nothing_and_the_next_one_finishes() {
    let (prepared, kept) = many_ages().await;
    let tags = prepared.snapshots().await;
    let reference = prepared.copy().await;
    purged(&reference.purge().await);
    let writes = reference.writes();
    for kind in [
        "TransactWriteItems",
        "DELETE /nightkeep/repository/snapshots/",
        "PUT /nightkeep/repository/data/",
        "PUT /nightkeep/repository/index/",
        "DELETE /nightkeep/repository/index/",
        "DELETE /nightkeep/repository/data/",
    ] {
        assert!(writes.iter().any(|write| write.contains(kind)), "{kind} is not in {writes:#?}");
    }
    let bytes = reference.bytes().await;

    let next = AtomicUsize::new(1);
    let cut = || async {
        loop {
            let number = next.fetch_add(1, SeqCst);
            let alone = prepared.copy().await;
            alone.kill_at(number);
            let assignment = alone.begin_purge(0).await;
            let ended = alone.agent(assignment).await;
            if ended.status.success() {
                return number;
            }
            assert_eq!(ended.report, None, "killed at {number}: {ended:?}");
            alone.settle(&vanished()).await;
            assert_consistent(&alone, &tags).await;
            let marked = alone.records().await.into_iter().filter(|record| record.expired);
            assert!(marked.into_iter().all(|record| !kept.contains(&record.id)), "killed at {number}");
            // The next night.
            alone.let_pass();
            purged(&alone.purge().await);
            assert_only(&alone, &kept).await;
            let now = alone.bytes().await;
            assert!(now.abs_diff(bytes) < bytes / 50, "killed at {number}: {now} bytes instead of {bytes}");
        }
    };
    let (one, other) = tokio::join!(cut(), cut());
    // A write of progress comes when it comes.
    assert!(one.min(other) + 1 >= writes.len(), "{one} and {other} of {}", writes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn s19_a_refused_deletion_leaves_the_row_and_the_next_night_removes_both() {
    let (alone, kept) = many_ages().await;
    let tags = alone.snapshots().await;
    for refused in ["repository/snapshots", "repository/index", "repository/data"] {
        alone.refuse(&format!("DELETE /nightkeep/{refused}"));
        let ended = alone.purge().await;
        let Some(Report::Failed { cause: Cause::StorageRefused { doing, why } }) = &ended.report else {
            panic!("{refused}: {ended:?}")
        };
        assert!(doing.contains(refused) && why.contains("AccessDenied"), "{doing}: {why}");
        assert_eq!(alone.records().await.len(), 5, "every row is there");
        assert_consistent(&alone, &tags).await;
    }
    alone.let_pass();
    assert_eq!(purged(&alone.purge().await).records, 2);
    assert_only(&alone, &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s18_the_newest_successful_backups_stay_whatever_their_age_and_failed_ones_do_not_count() {
    let alone = Alone::start().await;
    let records = backups(&alone, &[(90, true), (80, true), (70, true), (65, false), (62, false)]).await;
    alone.set("keep-newest", "2");
    assert_eq!(purged(&alone.purge().await).records, 3);
    assert_only(&alone, &[records[1], records[2]]).await;
    alone.set("keep-newest", "0");
    assert_eq!(purged(&alone.purge().await).records, 2);
    assert_only(&alone, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_a_purge_whose_operation_was_ended_removes_nothing_more() {
    let (alone, _) = many_ages().await;
    let assignment = alone.begin_purge(0).await;
    alone.settle(&vanished()).await;
    let ended = alone.agent(assignment).await;
    assert!(!ended.status.success() && ended.log.contains("ConditionalCheckFailed"), "{ended:?}");
    assert_eq!(alone.records().await.len(), 5);
    assert_eq!(alone.listed("snapshots/").await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_made_by_hand_and_one_whose_record_nobody_knows_survive_a_purge() {
    let (alone, kept) = many_ages().await;
    let tree = alone.tree().display().to_string();
    let before: BTreeSet<String> = alone.listed("snapshots/").await.into_keys().collect();
    alone.restic(&["backup", "--host", "laptop", &tree]).await;
    alone.restic(&["backup", "--host", "nightkeep", "--tag", "by hand", &tree]).await;
    alone.restic(&["backup", "--host", "nightkeep", "--tag", &aged(200).0.to_string(), &tree]).await;
    let mut foreign: BTreeSet<String> = alone.listed("snapshots/").await.into_keys().collect();
    foreign.retain(|id| !before.contains(id));
    assert_eq!(foreign.len(), 3);
    // restic puts a new snapshot in the place of one whose tags it changes.
    let records = alone.records().await;
    let retagged = &records.iter().find(|record| record.id == kept[0]).unwrap().snapshots[0].id;
    alone.restic(&["tag", "--add", "precious", retagged]).await;
    let mut expected: BTreeSet<String> = alone.listed("snapshots/").await.into_keys().collect();
    expected.retain(|id| !before.contains(id));
    let kept_untouched = records.iter().filter(|record| kept[1..].contains(&record.id));
    expected.extend(named(&kept_untouched.cloned().collect::<Vec<_>>()));

    let ended = alone.purge().await;
    assert_eq!(purged(&ended).records, 2);
    assert!(ended.log.contains("records that the table does not know"), "{}", ended.log);
    assert_eq!(alone.listed("snapshots/").await.into_keys().collect::<BTreeSet<_>>(), expected);
    alone.check().await;
    for snapshot in &foreign {
        assert_eq!(alone.restored(snapshot, portrait).await, portrait(&alone.tree()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_while_plain_restic_is_at_work_or_the_repository_is_damaged() {
    let (alone, kept) = many_ages().await;
    let before = alone.listed("").await;
    let refusal = async |ended: Ended| match ended.report {
        Some(Report::Failed { cause }) => (cause.code(), cause.to_string()),
        Some(_) | None => panic!("{ended:?}"),
    };
    alone.put("locks/0123", Some(b"as restic writes it")).await;
    let (code, said) = refusal(alone.purge().await).await;
    assert_eq!(code, "repository_in_use");
    assert!(said.contains("less than half an hour"), "{said}");
    alone.put("locks/0123", None).await;
    assert_eq!(alone.listed("").await, before);

    let indexes = alone.listed("index/").await;
    let mut missed = 0;
    for index in indexes.keys() {
        let damaged = alone.copy().await;
        damaged.put(&format!("index/{index}"), None).await;
        let before = damaged.listed("").await;
        let ended = damaged.purge().await;
        // The index of what has expired may be missed by nobody.
        if let Some(Report::Purged { .. }) = &ended.report {
            assert_only(&damaged, &kept).await;
            continue;
        }
        missed += 1;
        let (code, said) = refusal(ended).await;
        assert_eq!(code, "repository_damaged", "{said}");
        assert_eq!(damaged.listed("").await, before, "{said}");
        assert_eq!(damaged.records().await.len(), 5);
    }
    assert!(missed >= 2, "{missed} of {}", indexes.len());
    purged(&alone.purge().await);
    assert_only(&alone, &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r10_failed_backups_restores_and_activities_expire_by_the_hundred_without_a_repository() {
    let alone = Alone::start().await;
    alone.set("application", "what is this?");
    let mut old: Vec<Record> = (0..200).map(|_| ended(61, Status::Failed)).collect();
    let (backup, safety) = (aged(75), aged(70));
    let restored = Restored { record: backup.0, snapshots: Vec::new(), safety_backup: safety.0 };
    let mut restore =
        Record::restore(aged(70).0, &restored, safety.1.notes, Actor::named("me"), safety.1.created_at);
    restore.status = Status::Success;
    old.push(restore);
    let in_progress = ended(61, Status::InProgress);
    let young = [ended(59, Status::Failed), ended(1, Status::Failed), in_progress];
    alone.store(&old).await;
    alone.store(&young).await;
    let assignment = alone.begin_purge(61).await;
    purged(&alone.agent(assignment).await);
    let earlier = alone.ledger().activities(None, 10).await.unwrap().activities;
    alone.settle(&vanished()).await;
    let kept: BTreeSet<RecordId> = ids(&alone).await;
    assert!(young.iter().all(|record| kept.contains(&record.id)), "and what is in progress is not touched");
    assert!(old.iter().all(|record| !kept.contains(&record.id)));

    assert_eq!(purged(&alone.purge().await), Purged::default());
    let activities = alone.ledger().activities(None, 10).await.unwrap().activities;
    assert_eq!((earlier.len(), activities.len()), (1, 1));
    assert_ne!(earlier[0].id, activities[0].id, "the earlier one has expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_stay_when_the_repository_that_they_name_is_not_to_be_found() {
    let (alone, _) = many_ages().await;
    let elsewhere = Alone::start().await;
    let records = alone.records().await;
    elsewhere.store(&records).await;
    let before = ids(&elsewhere).await;
    let ended = elsewhere.purge().await;
    let Some(Report::Failed { cause: Cause::RepositoryDamaged { found } }) = &ended.report else {
        panic!("{ended:?}")
    };
    assert!(found.contains("an expired backup should be in it"), "{found}");
    assert_eq!(ids(&elsewhere).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_purge_has_marked_cannot_be_restored_and_goes_whatever_the_retention_is_then() {
    let (alone, kept) = many_ages().await;
    // The claim, the marks, and perhaps a progress come first.
    alone.kill_at(4);
    let assignment = alone.begin_purge(0).await;
    assert_eq!(alone.agent(assignment).await.report, None);
    alone.settle(&vanished()).await;
    let records = alone.records().await;
    let marked: Vec<&Record> = records.iter().filter(|record| record.expired).collect();
    assert_eq!(marked.len(), 2);
    let backup = marked.iter().find(|record| record.status == Status::Success).unwrap();
    assert!(!backup.restorable());
    let (safety, now) = (aged(0), Timestamp::now());
    let mut operation = Operation::new(random(), Kind::Restore, aged(0).0, "me".to_owned(), now);
    operation.restored =
        Some(Restored { record: backup.id, snapshots: backup.snapshots.clone(), safety_backup: safety.0 });
    let beginning = Beginning {
        operation: &operation,
        records: &[],
        activity: None,
        confirmation: None,
        schedule: None,
        message: "",
    };
    assert_eq!(alone.ledger().begin(&beginning).await.unwrap(), Begin::NotRestorable);

    alone.set("retention-days", "3650");
    alone.let_pass();
    assert_eq!(purged(&alone.purge().await).records, 2);
    assert_only(&alone, &kept).await;
}
