//! What has to be so in the end.

use std::{collections::BTreeSet, fs, time::Duration};

use nightkeep_tests::{files::portrait, restic, until};
use serde_json::Value;

use crate::{
    Siege, TABLE,
    witness::{Data, Seen},
};

/// Looks at everything that the siege has left.
pub(crate) async fn judge(siege: &Siege, seen: &Seen) {
    let console = siege.console.lock().await;
    let state = console.get("/api/state").await;
    assert_eq!(state["operation"], Value::Null, "nothing is in progress");
    assert_eq!(state["maintenance"]["on"], false, "the application is up again");
    assert_eq!(console.agents(), [], "no agent is left over");
    until("the guest book is open again", || async {
        let answer = siege.client.get(&siege.guest_book).timeout(Duration::from_secs(5)).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;

    let records = all_records(&console).await;
    let hanging = records.iter().filter(|record| record["status"] == "IN_PROGRESS");
    assert_eq!(hanging.count(), 0, "no record hangs");
    restic::check(&console);

    let (mut backups, mut restores, mut failed, mut unseen) = (0, 0, 0, 0);
    for record in &records {
        let id = record["id"].as_str().unwrap();
        if record["status"] == "FAILED" {
            failed += 1;
            let said = record["failure"]["happened"].as_str().unwrap_or_default();
            assert!(!said.is_empty(), "S23: a failure says why: {record:#}");
        } else if record["kind"] == "backup" {
            backups += 1;
            // A safety backup is seen as a part of its restore.
            let whole = records.iter().find(|restore| restore["safety_backup"] == id);
            let seen_as = whole.map_or(id, |restore| restore["id"].as_str().unwrap());
            match seen.backed_up.get(seen_as) {
                Some(data) => assert_eq!(&held(siege, &console, record), data, "{record:#}"),
                None => unseen += 1,
            }
        } else {
            restores += 1;
            let from = record["restored_from"].as_str().unwrap();
            let backup = records.iter().find(|backup| backup["id"] == from).unwrap();
            match seen.restored.get(id) {
                Some(data) => assert_eq!(&held(siege, &console, backup), data, "{record:#}"),
                None => unseen += 1,
            }
        }
    }
    println!(
        "figure: {} records: {backups} backups and {restores} restores succeeded, {failed} failed and say why; \
         {unseen} went by unseen, all others hold exactly what was there",
        records.len()
    );
    assert!(backups > 3 && unseen * 4 < backups + restores, "too little was seen to judge");

    let named = records.iter().flat_map(|record| record["snapshots"].as_array().into_iter().flatten());
    let named: BTreeSet<&str> = named.filter_map(|snapshot| snapshot["id"].as_str()).collect();
    let there = restic::snapshots(&console);
    for name in &named {
        assert!(there.iter().any(|snapshot| snapshot == name), "{name} is named, but not there");
    }
    drop(console);
}

async fn all_records(console: &nightkeep_tests::console::Console) -> Vec<Value> {
    let (mut records, mut path) = (Vec::new(), "/api/records".to_owned());
    loop {
        let mut page = console.get(&path).await;
        records.append(page["records"].as_array_mut().unwrap());
        match page["next"].as_str() {
            Some(next) => path = format!("/api/records?before={next}"),
            None => return records,
        }
    }
}

/// What a backup holds, by plain restic and PostgreSQL.
fn held(siege: &Siege, console: &nightkeep_tests::console::Console, record: &Value) -> Data {
    let target = tempfile::tempdir().unwrap();
    restic::restore(console, restic::snapshot_of(record, "uploads"), &target.path().join("files"));
    restic::restore(console, restic::snapshot_of(record, "database"), &target.path().join("dump"));
    let folder = siege.folder.strip_prefix("/").unwrap();
    let files = portrait(&target.path().join("files").join(folder));
    let dump = fs::read_dir(target.path().join("dump")).unwrap().next().unwrap().unwrap().path();
    let name = format!("judged_{}", record["id"].as_str().unwrap().replace('-', "_"));
    siege.database.load(&name, &dump);
    let rows = siege.database.sql(&name, TABLE);
    siege.database.sql("postgres", &format!("DROP DATABASE {name}"));
    Data { files, rows }
}
