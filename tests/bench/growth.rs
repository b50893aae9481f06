//! What grows with an application, and with its age: records, files, snapshots.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use nightkeep_domain::operation::Kind;
use nightkeep_tests::{
    between::{Service, Verdict},
    machine::Machine,
    many,
};
use serde_json::{Value, json};

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
    for (work, path) in [("a page of the list", "/api/records?limit=50"), ("the state", "/api/state")] {
        results.add(&["records", &count.to_string(), work], answers(&machine, path).await);
    }
    results.add(&["records", &count.to_string(), "a backup"], counted(&mut machine, Kind::Backup).await);
}

/// What one answer takes.
async fn answers(machine: &Machine, path: &str) -> Value {
    machine.between().follow(|_| Verdict::Pass);
    let mut all = Duration::ZERO;
    for _ in 0..ANSWERS {
        let began = Instant::now();
        let length = machine.get(path).await.len();
        assert!(length > 100, "{path}");
        all += began.elapsed();
    }
    let requests = requests(machine, Service::DynamoDb) as f64 / f64::from(ANSWERS);
    json!({ "wall": (all / ANSWERS).as_secs_f64(), "dynamodb": requests })
}

/// What an operation takes; its requests are those of all who take part in it.
async fn counted(machine: &mut Machine, kind: Kind) -> Value {
    machine.forget_cache();
    machine.between().follow(|_| Verdict::Pass);
    let mut usage = at_work(machine, kind).await.json();
    usage["s3"] = requests(machine, Service::S3).into();
    usage["dynamodb"] = requests(machine, Service::DynamoDb).into();
    usage
}

fn requests(machine: &Machine, service: Service) -> u64 {
    machine.between().calls().iter().filter(|call| call.service == service).count() as u64
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
    let mut machine = Machine::start().await;
    machine.describe(&description(place.path()));
    for (work, kind) in [
        ("first full backup", Kind::Backup),
        ("nothing changed", Kind::Backup),
        ("restore in place, nothing differs", Kind::Restore),
    ] {
        results.add(&["files", &count.to_string(), work], counted(&mut machine, kind).await);
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
        for (work, kind) in
            [("a backup", Kind::Backup), ("a restore", Kind::Restore), ("a purge", Kind::Purge)]
        {
            results.add(&["snapshots", &count.to_string(), work], counted(&mut machine, kind).await);
        }
    }
}

/// A machine with a few files.
async fn small() -> Machine {
    let machine = Machine::start().await;
    for number in 0..100 {
        fs::write(machine.tree().join(format!("file-{number}")), format!("File {number}.\n")).unwrap();
    }
    machine.describe(&description(&machine.tree()));
    machine
}

fn description(folder: &Path) -> String {
    format!("name = \"Bench\"\n[[source]]\nname = \"files\"\ndirectory = {folder:?}\n")
}
