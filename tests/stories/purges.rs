//! What a purge removes, what it must leave, and what becomes of it when it is cut short.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use nightkeep_domain::{
    cause::Cause,
    identifier::RecordId,
    operation::{Purged, Report},
};
use nightkeep_tests::{
    alone::{Alone, Ended, vanished},
    files::{noise, portrait},
};

/// What the purge removed.
fn purged(ended: &Ended) -> Purged {
    match &ended.report {
        Some(Report::Purged { purged }) => *purged,
        Some(_) | None => panic!("the purge did not end well: {ended:?}"),
    }
}

/// Writes the application's files as they are on some day: most stay, one is new, one grows.
fn day(tree: &Path, number: u64) {
    fs::write(tree.join("constant"), noise(1, 400_000)).unwrap();
    fs::write(tree.join(format!("new {number}")), noise(1000 + number, 150_000)).unwrap();
    let _ = fs::remove_file(tree.join(format!("new {}", number.saturating_sub(2))));
    fs::create_dir_all(tree.join("folder")).unwrap();
    fs::write(tree.join("folder/changing"), noise(number, 100_000)).unwrap();
}

/// Backups of many ages: expired ones, a failed one that has left its snapshot, and kept ones.
async fn many_ages() -> (Alone, Vec<RecordId>) {
    let alone = Alone::start().await;
    let mut kept = Vec::new();
    for (number, (days, succeeds)) in
        [(80, true), (70, true), (65, false), (61, true), (30, true), (20, false), (10, true)]
            .into_iter()
            .enumerate()
    {
        day(&alone.tree(), number as u64);
        let id = alone.backup(days, succeeds).await;
        if days < 60 {
            kept.push(id);
        }
    }
    (alone, kept)
}

/// Looks whether the table and the repository fit together, as they have to at any moment.
async fn assert_consistent(alone: &Alone) {
    alone.check();
    let (records, snapshots) = (alone.records().await, alone.snapshots());
    for record in records.iter().filter(|record| record.restorable()) {
        for snapshot in &record.snapshots {
            assert!(snapshots.contains_key(&snapshot.id), "no record without data: {record:?}");
        }
    }
    let ids: BTreeSet<String> = records.iter().map(|record| record.id.to_string()).collect();
    for (snapshot, tags) in &snapshots {
        assert!(tags.iter().any(|tag| ids.contains(tag)), "no data without a record: {snapshot} {tags:?}");
    }
}

/// Looks whether exactly these records are there, and nothing but their data.
async fn assert_only(alone: &Alone, kept: &[RecordId]) {
    let records = alone.records().await;
    let found: BTreeSet<RecordId> = records.iter().map(|record| record.id).collect();
    assert_eq!(found, kept.iter().copied().collect());
    let named: BTreeSet<String> =
        records.iter().flat_map(|record| &record.snapshots).map(|snapshot| snapshot.id.clone()).collect();
    assert_eq!(alone.snapshots().into_keys().collect::<BTreeSet<_>>(), named);
    let said = alone.check();
    assert!(!said.contains("additional files"), "nothing that no index knows: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r10_a_purge_removes_what_has_expired_and_nothing_else() {
    let (alone, kept) = many_ages().await;
    let before: Vec<_> = alone.records().await;
    let newest = before.iter().find(|record| record.restorable()).unwrap().snapshots[0].id.clone();
    let held = alone.restored(&newest, portrait);
    let bytes = alone.bytes();

    let ended = alone.purge().await;
    let purged = purged(&ended);
    assert_eq!(purged.records, 4, "the failed one too");
    assert_eq!(purged.snapshots, 5, "three named, and two that failed backups had left");
    let freed = bytes - alone.bytes();
    assert!(purged.freed_bytes.abs_diff(freed) < freed / 20, "{purged:?}, but {freed}");
    assert!(freed > 400_000, "{freed}");
    assert_only(&alone, &kept).await;
    assert_eq!(alone.restored(&newest, portrait), held, "what is kept is as it was");
    let kept_before = before.into_iter().filter(|record| kept.contains(&record.id)).collect::<Vec<_>>();
    assert_eq!(alone.records().await, kept_before, "and so are its records");

    // The next one finds nothing to do.
    let again = purged_of_nothing(&alone.purge().await);
    assert_eq!(again, (0, 0));
    assert_only(&alone, &kept).await;
}

fn purged_of_nothing(ended: &Ended) -> (u64, u64) {
    let purged = purged(ended);
    (purged.records, purged.snapshots)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_that_is_killed_at_any_of_its_writes_harms_nothing_and_the_next_one_finishes() {
    let (prepared, kept) = many_ages().await;
    let reference = prepared.copy().await;
    purged(&reference.purge().await);
    let writes = reference.gate().seen();
    for kind in [
        "DELETE /nightkeep/repository/snapshots/",
        "DELETE /nightkeep/repository/index/",
        "DELETE /nightkeep/repository/data/",
        "PUT /nightkeep/repository/index/",
        "PUT /nightkeep/repository/data/",
        "POST transactwriteitems",
    ] {
        assert!(writes.iter().any(|write| write.contains(kind)), "{kind} is not in {writes:#?}");
    }
    let bytes = reference.bytes();

    let next = AtomicU64::new(1);
    let cut_all = || async {
        loop {
            let number = next.fetch_add(1, SeqCst);
            let alone = prepared.copy().await;
            alone.gate().kill_at(number);
            let assignment = alone.begin_purge().await;
            let ended = alone.agent(assignment).await;
            if ended.status.success() {
                assert!(number > 15, "there were {number} writes only");
                return;
            }
            assert_eq!(ended.report, None, "killed at {number}: {ended:?}");
            alone.settle(&vanished()).await;
            assert_consistent(&alone).await;
            for record in alone.records().await.iter().filter(|record| kept.contains(&record.id)) {
                assert!(!record.expired, "killed at {number}: {record:?}");
            }
            // The next night.
            alone.gate().kill_at(0);
            purged(&alone.purge().await);
            assert_only(&alone, &kept).await;
            let now = alone.bytes();
            assert!(now.abs_diff(bytes) < bytes / 50, "killed at {number}: {now} bytes instead of {bytes}");
        }
    };
    tokio::join!(cut_all(), cut_all());
}

#[tokio::test(flavor = "multi_thread")]
async fn s19_a_refused_deletion_leaves_the_row_and_the_next_night_removes_both() {
    let (alone, kept) = many_ages().await;
    for refused in ["repository/snapshots", "repository/index", "repository/data"] {
        alone.gate().refuse(Some(&format!("DELETE /nightkeep/{refused}")));
        let ended = alone.purge().await;
        let Some(Report::Failed { cause: Cause::StorageRefused { doing, why } }) = &ended.report else {
            panic!("{refused}: {ended:?}")
        };
        assert!(doing.contains(refused) && why.contains("AccessDenied"), "{doing}: {why}");
        assert_eq!(alone.records().await.len(), 7, "every row is there");
        assert_consistent(&alone).await;
    }
    alone.gate().refuse(None);
    assert_eq!(purged(&alone.purge().await).records, 4);
    assert_only(&alone, &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_a_purge_whose_operation_was_ended_removes_nothing_more() {
    let (alone, _) = many_ages().await;
    let assignment = alone.begin_purge().await;
    alone.settle(&vanished()).await;
    let ended = alone.agent(assignment).await;
    assert!(!ended.status.success() && ended.log.contains("ConditionalCheckFailed"), "{ended:?}");
    assert_eq!(alone.records().await.len(), 7);
    assert_eq!(alone.snapshots().len(), 7);
}
