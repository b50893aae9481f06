//! What grows with an application, and with its age: records, files, snapshots.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use nightkeep_domain::operation::Kind;
use nightkeep_tests::{machine::Machine, many};
use serde_json::json;

use crate::{data::at_work, peers::root, results::Results};

/// Answers that are measured together.
const ANSWERS: u32 = 100;

pub(crate) async fn measure(results: &mut Results) {
    for count in [100, 10_000, 100_000] {
        records(results, count).await;
    }
    for count in [1_000, 100_000, 1_000_000] {
        files(results, count).await;
    }
    snapshots(results, &[60, 600]).await;
}

/// The list and the state, with so many records in the table.
async fn records(results: &mut Results, count: i64) {
    let mut machine = small().await;
    at_work(&mut machine, Kind::Backup).await;
    many::records(&machine.table(), count).await;
    let listed = timed(&machine, "/api/records?limit=50").await;
    let state = timed(&machine, "/api/state").await;
    let usage = at_work(&mut machine, Kind::Backup).await;
    let backup = usage.json();
    results
        .add(&["records", &count.to_string()], json!({ "list": listed, "state": state, "backup": backup }));
}

/// How long one answer takes, in milliseconds.
async fn timed(machine: &Machine, path: &str) -> f64 {
    let mut all = Duration::ZERO;
    for _ in 0..ANSWERS {
        let began = Instant::now();
        let length = machine.get(path).await.len();
        assert!(length > 100, "{path}");
        all += began.elapsed();
    }
    (all / ANSWERS).as_secs_f64() * 1e3
}

/// A backup, one with nothing changed, and a restore of so many files.
async fn files(results: &mut Results, count: u32) {
    let place = tempfile::tempdir_in(root().join("target/bench")).unwrap();
    for number in 0..count {
        let folder = place.path().join(format!("{:04}", number / 1000));
        if number % 1000 == 0 {
            fs::create_dir(&folder).unwrap();
        }
        fs::write(folder.join(format!("file-{number}")), format!("The content of file {number}.\n")).unwrap();
    }
    let mut machine = Machine::straight().await;
    machine.describe(&description(place.path()));
    for (work, kind) in
        [("full", Kind::Backup), ("unchanged", Kind::Backup), ("in place, nothing differs", Kind::Restore)]
    {
        machine.forget_cache();
        let usage = at_work(&mut machine, kind).await;
        results.add(&["files", &count.to_string(), work], usage.json());
    }
}

/// A backup, a restore and a purge with so many snapshots in the repository.
async fn snapshots(results: &mut Results, counts: &[u32]) {
    let mut machine = small().await;
    let mut made = 0;
    for &count in counts {
        while made < count {
            fs::write(machine.tree().join("changing"), format!("Backup {made}.\n")).unwrap();
            at_work(&mut machine, Kind::Backup).await;
            made += 1;
        }
        for (work, kind) in [("backup", Kind::Backup), ("restore", Kind::Restore), ("purge", Kind::Purge)] {
            machine.forget_cache();
            let usage = at_work(&mut machine, kind).await;
            results.add(&["snapshots", &count.to_string(), work], usage.json());
        }
    }
}

/// A machine with a few files.
async fn small() -> Machine {
    let machine = Machine::straight().await;
    for number in 0..100 {
        fs::write(machine.tree().join(format!("file-{number}")), format!("File {number}.\n")).unwrap();
    }
    machine.describe(&description(&machine.tree()));
    machine
}

fn description(folder: &Path) -> String {
    format!("name = \"Bench\"\n[[source]]\nname = \"files\"\ndirectory = {folder:?}\n")
}
