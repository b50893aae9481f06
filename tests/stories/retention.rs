//! What is kept and for how long, lived through by the whole program on a clock that the story moves.

use std::{collections::BTreeMap, fs, path::Path, thread};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use nightkeep_tests::{
    console::Console,
    files::{assert_same, noise, portrait},
    restic, until,
};
use serde_json::{Value, json};

use crate::{directory, dump, gated};

/// More than the 60 days for which records are kept.
const NIGHTS: u64 = 64;

/// A tree, as [`portrait`] sees it.
type Portrait = BTreeMap<Vec<u8>, String>;

fn at(date: Date, hour: i8, minute: i8) -> Timestamp {
    date.at(hour, minute, 5, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
}

/// All records, newest first.
async fn records(console: &Console) -> Vec<Value> {
    console.get("/api/records?limit=200").await["records"].as_array().unwrap().clone()
}

fn id(record: &Value) -> String {
    record["id"].as_str().unwrap().to_owned()
}

/// Waits until the newest record began at `since` or later and nothing is in progress.
async fn night(console: &Console, since: Timestamp) -> Value {
    until(&format!("the backup of {since} has ended"), || async {
        let newest = records(console).await.into_iter().next()?;
        let began: Timestamp = newest["created_at"].as_str().unwrap().parse().unwrap();
        let rest = console.get("/api/state").await["operation"].is_null();
        (began >= since && rest && newest["status"] != "IN_PROGRESS").then_some(newest)
    })
    .await
}

/// Waits until a purge that began at `since` or later has succeeded, and returns what it removed.
async fn purge(console: &Console, since: Timestamp) -> Value {
    let purge = until(&format!("the purge of {since} has ended"), || async {
        let newest = console.get("/api/activity").await["activities"].get(0)?.clone();
        let began: Timestamp = newest["created_at"].as_str()?.parse().unwrap();
        let rest = console.get("/api/state").await["operation"].is_null();
        (began >= since && rest && newest["status"] != "IN_PROGRESS").then_some(newest)
    })
    .await;
    assert_eq!(purge["status"], "SUCCESS", "{purge:#}");
    purge["purged"].clone()
}

/// The tree as it is on the day `number`: most of it stays, files come and go and change.
fn day(tree: &Path, number: u64) {
    fs::create_dir_all(tree.join("many")).unwrap();
    if number == 0 {
        fs::write(tree.join("constant"), noise(1, 500_000)).unwrap();
        for file in 0..50 {
            fs::write(tree.join(format!("many/{file}")), noise(100 + file, 3000)).unwrap();
        }
        // It shares a pack with what stays, so that the pack has to be written again.
        fs::write(tree.join("once"), noise(2, 800_000)).unwrap();
    }
    if number == 1 {
        fs::remove_file(tree.join("once")).unwrap();
    }
    fs::write(tree.join(format!("day {number}")), noise(1000 + number, 40_000)).unwrap();
    if number >= 10 {
        fs::remove_file(tree.join(format!("day {}", number - 10))).unwrap();
    }
    fs::write(tree.join(format!("many/{}", number % 50)), noise(2000 + number, 5000)).unwrap();
    fs::write(tree.join("changing"), noise(3000 + number, 30_000)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_r10_after_64_nights_exactly_the_last_60_are_left_and_every_one_restores() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().canonicalize().unwrap().join("tree");
    // The last night is the last one that has really been, so that the clock can be right at the end.
    let last = (Timestamp::now() - SignedDuration::from_mins(125)).to_zoned(TimeZone::UTC).date();
    let first = last.saturating_sub(jiff::Span::new().days(NIGHTS as i64 - 1));
    let options = ["--nightly", "on", "--backup-time", "02:00"];
    fs::create_dir(&tree).unwrap();
    let console = Console::start_at(at(first, 0, 0), &options, &directory("files", &tree)).await;
    let mut held: BTreeMap<String, Portrait> = BTreeMap::new();
    let mut made = Vec::new();
    let mut freed = 0;
    for number in 0..NIGHTS {
        let date = first.saturating_add(jiff::Span::new().days(number as i64));
        day(&tree, number);
        if number == 2 {
            console.clock().set(at(date, 1, 0));
            console.good_backup().await;
        }
        let aside = folder.path().join("aside");
        if number == 3 {
            fs::rename(&tree, &aside).unwrap();
        }
        console.clock().set(at(date, 2, 0));
        let record = night(&console, at(date, 2, 0)).await;
        assert_eq!(record["trigger"], "scheduled", "R1");
        assert_eq!(record["status"], if number == 3 { "FAILED" } else { "SUCCESS" }, "{record:#}");
        if number == 3 {
            fs::rename(&aside, &tree).unwrap();
        } else {
            held.insert(restic::snapshot_of(&record, "files").to_owned(), portrait(&tree));
        }
        made.push(id(&record));
        if number >= 60 {
            console.clock().set(at(date, 2, 1));
            let purged = purge(&console, at(date, 2, 1)).await;
            // The manual backup was made in the same night as the third.
            assert_eq!(purged["records"], if number == 62 { 2 } else { 1 }, "{number}: {purged}");
            freed += purged["freed_bytes"].as_u64().unwrap();
        } else if number == 3 {
            // What a failed backup may have left is looked for at once.
            console.clock().set(at(date, 2, 1));
            assert_eq!(purge(&console, at(date, 2, 1)).await["records"], 0);
        }
    }
    assert!(freed > 0);
    console.setting("nightly", "off").await;
    console.clock().set(Timestamp::now());

    let found = records(&console).await;
    let left: Vec<String> = found.iter().rev().map(id).collect();
    assert_eq!(left, made[made.len() - 60..], "exactly the last 60 nights");
    let snapshots: Vec<&str> = found.iter().map(|record| restic::snapshot_of(record, "files")).collect();
    let mut in_repository = restic::snapshots(&console);
    let mut named: Vec<String> = snapshots.iter().map(|&snapshot| snapshot.to_owned()).collect();
    in_repository.sort_unstable();
    named.sort_unstable();
    assert_eq!(in_repository, named, "and their data");
    restic::check(&console);
    let (bytes, needed) =
        (restic::bytes(&console), restic::copied_bytes(&console, &folder.path().join("copy")));
    eprintln!("the repository takes {bytes} bytes, and {needed} are needed");
    assert!(bytes * 100 < needed * 105, "{bytes} bytes, but {needed} are needed");

    // restic restores every one of them.
    thread::scope(|scope| {
        for half in snapshots.chunks(30) {
            let (console, held, tree) = (&console, &held, &tree);
            scope.spawn(move || {
                for snapshot in half {
                    let target = tempfile::tempdir().unwrap();
                    restic::restore(console, snapshot, target.path());
                    let restored = target.path().join(tree.strip_prefix("/").unwrap());
                    assert_same(&held[*snapshot], &portrait(&restored));
                }
            });
        }
    });
    // And so do we.
    for record in [&found[59], &found[25]] {
        console.good_restore(&id(record)).await;
        assert_same(&held[restic::snapshot_of(record, "files")], &portrait(&tree));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_expires_while_it_is_restored_is_removed_only_after_that() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, gate) = (folder.path().join("tree"), folder.path().join("gate"));
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), "as it was").unwrap();
    fs::write(&gate, "").unwrap();
    let start: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let slow = dump("slow", &gated(&gate)) + "load = [\"sh\", \"-c\", \"cat > /dev/null\"]\n";
    let options = ["--nightly", "on", "--backup-time", "12:10"];
    let console = Console::start_at(start, &options, &(directory("files", &tree) + &slow)).await;
    let backup = id(&console.good_backup().await);

    let day = SignedDuration::from_hours(24);
    console.clock().set(start + 60 * day - SignedDuration::from_mins(5));
    fs::write(tree.join("file"), "as it must not stay").unwrap();
    fs::remove_file(&gate).unwrap();
    let restore = console.begin_restore(&backup).await;
    until("the restore’s safety backup waits at the gate", || async {
        let state = console.get("/api/state").await;
        (state["operation"]["progress"]["source"] == "slow").then_some(())
    })
    .await;
    let later = start + 60 * day + SignedDuration::from_mins(20);
    console.clock().set(later);
    // The backup has expired, the night is due, and so is a purge.
    console.logged("the night’s backup waits").await;
    assert_eq!(console.get("/api/state").await["operation"]["kind"], "restore");
    fs::write(&gate, "").unwrap();
    let record = console.ended(&restore).await;
    assert_eq!(record["status"], "SUCCESS", "{record:#}");
    assert_eq!(fs::read_to_string(tree.join("file")).unwrap(), "as it was");

    console.clock().forward(SignedDuration::from_mins(1));
    night(&console, later).await;
    console.clock().forward(SignedDuration::from_mins(1));
    assert_eq!(purge(&console, later).await["records"], 1);
    let answer = console.client().get(console.url(&format!("/api/records/{backup}"))).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let kinds: Vec<Value> = records(&console).await.iter().map(|record| record["kind"].clone()).collect();
    assert_eq!(kinds.len(), 3, "the restore, its safety backup, and the night: {kinds:?}");
    assert!(kinds.contains(&json!("restore")));
}
