//! A backup from end to end.

use std::{fs, path::Path};

use nightkeep_tests::{
    console::Console,
    files::{assert_same, plant, portrait},
    postgres::Postgres,
    restic, until,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{directory, dump, gated};

#[tokio::test(flavor = "multi_thread")]
async fn r2_r4_plain_restic_restores_a_real_tree_and_a_real_database_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("srv/uploads");
    fs::create_dir_all(&tree).unwrap();
    plant(&tree, 10_000).unwrap();
    // Which restic knows from version 0.17 on only.
    fs::remove_file(tree.join("a link to bytes")).unwrap();
    let before = portrait(&tree);
    let database = Postgres::start();
    database.sql(
        "app",
        "CREATE TABLE guests AS SELECT n AS id, md5(n::text) AS name, 'übung 日本 ' || n AS note FROM generate_series(1, 50000) n",
    );
    let sum = "SELECT count(*) || md5(string_agg(id || name || note, ',' ORDER BY id)) FROM guests";
    let guests = database.sql("app", sum);
    let console = Console::start(&(directory("uploads", &tree) + &database.source())).await;

    let notes = "Before the move 🏰\nсегодня — 今日\n\n  indented";
    let id = console.begin_backup(notes).await;
    until("the backup ends, under maintenance while it lasts", || async {
        let state = console.get("/api/state").await;
        if state["operation"].is_null() {
            return Some(());
        }
        assert_eq!(state["maintenance"]["on"], true, "R4: {state:#}");
        None
    })
    .await;
    let record = console.settled(&id).await;
    assert_eq!(record["status"], "SUCCESS", "{record:#}");
    assert_eq!(record["notes"], notes, "R2");
    assert_eq!(record["kind"], "backup");
    assert_eq!(record["trigger"], "manual");
    assert_eq!(record["stages"][0]["state"], "done");
    let files = before.values().filter(|line| !line.starts_with("folder")).count() as u64;
    assert_eq!(record["size"]["files"], files + 1, "every file, and the dump");
    let state = console.get("/api/state").await;
    assert_eq!(state["nightly"]["last_success_at"], record["finished_at"]);
    assert!(state["usual_seconds"]["backup"].is_u64(), "{state:#}");

    restic::check(&console);
    let restored = folder.path().join("restored");
    restic::restore(&console, restic::snapshot_of(&record, "uploads"), &restored);
    assert_same(&before, &portrait(&below(&restored, &tree)));
    restic::restore(&console, restic::snapshot_of(&record, "database"), &restored);
    database.load("restored", &restored.join("database"));
    assert_eq!(database.sql("restored", sum), guests);

    // Nothing has changed: nothing is read or uploaded again.
    let again = console.good_backup().await;
    assert_eq!(again["size"]["files"], record["size"]["files"]);
    let uploads = again["snapshots"].as_array().unwrap().iter().find(|s| s["source"] == "uploads").unwrap();
    let added = uploads["size"]["added_bytes"].as_u64().unwrap();
    assert!(added < 1000, "an unchanged folder added {added} bytes: {again:#}");

    // What changes is kept beside what was.
    fs::write(tree.join("empty"), "no longer").unwrap();
    fs::remove_file(tree.join("large")).unwrap();
    let changed = console.good_backup().await;
    restic::check(&console);
    let restored = folder.path().join("changed");
    restic::restore(&console, restic::snapshot_of(&changed, "uploads"), &restored);
    assert_same(&portrait(&tree), &portrait(&below(&restored, &tree)));
    let restored = folder.path().join("first");
    restic::restore(&console, restic::snapshot_of(&record, "uploads"), &restored);
    assert_same(&before, &portrait(&below(&restored, &tree)));
}

/// Where a tree is restored below another folder.
fn below(target: &Path, tree: &Path) -> std::path::PathBuf {
    target.join(tree.canonicalize().unwrap().strip_prefix("/").unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn r4_the_application_is_told_of_the_maintenance_and_of_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let console = Console::start(&dump("slow", &gated(&gate))).await;
    let ask = || async { console.client().get(console.url("/maintenance")).send().await.unwrap() };
    assert_eq!(ask().await.status(), StatusCode::OK);

    let id = console.begin_backup("").await;
    let answer = ask().await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["on"], true);
    assert!(body["message"].as_str().unwrap().contains("looking after our data"), "{body}");

    fs::write(&gate, "").unwrap();
    assert_eq!(console.settled(&id).await["status"], "SUCCESS");
    assert_eq!(ask().await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_shown_as_it_goes_and_never_runs_backwards() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, gate) = (folder.path().join("tree"), folder.path().join("gate"));
    fs::create_dir(&tree).unwrap();
    plant(&tree, 200).unwrap();
    let console = Console::start(&(directory("files", &tree) + &dump("slow", &gated(&gate)))).await;
    // A dump has no total the first time.
    fs::write(&gate, "").unwrap();
    let first = console.good_backup().await;
    fs::remove_file(&gate).unwrap();

    let id = console.begin_backup("").await;
    let at_the_dump = || async {
        let progress = console.get("/api/state").await["operation"]["progress"].take();
        (progress["source"] == "slow" && progress["total_files"].is_u64()).then_some(progress)
    };
    let progress = until("the agent is at the dump and has counted", at_the_dump).await;
    assert_eq!(progress["total_files"], first["size"]["files"]);
    assert_eq!(progress["total_bytes"], first["size"]["total_bytes"]);
    let done = progress["done_bytes"].as_u64().unwrap();
    assert!(done >= 48 << 20 && done <= progress["total_bytes"].as_u64().unwrap(), "{progress}");
    fs::write(&gate, "").unwrap();
    assert_eq!(console.settled(&id).await["status"], "SUCCESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_s05_of_fifty_requests_at_once_exactly_one_begins() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let console = Console::start(&dump("slow", &gated(&gate))).await;
    let requests = (0..50).map(|number| {
        let request =
            console.client().post(console.url("/api/backups")).json(&json!({ "notes": format!("{number}") }));
        tokio::spawn(async move {
            let answer = request.send().await.unwrap();
            (
                answer.status(),
                answer.headers().get("location").cloned(),
                answer.json::<Value>().await.unwrap(),
            )
        })
    });
    let requests: Vec<_> = requests.collect();
    let mut begun = Vec::new();
    for request in requests {
        let (status, location, body) = request.await.unwrap();
        if status == StatusCode::ACCEPTED {
            let id = body["record"]["id"].as_str().unwrap().to_owned();
            assert_eq!(location.unwrap(), format!("/api/records/{id}").as_str());
            begun.push(id);
        } else {
            assert_eq!(status, StatusCode::CONFLICT, "{body:#}");
            assert_eq!(body["type"], "urn:nightkeep:problem:busy");
            assert_eq!(body["operation"]["kind"], "backup", "{body:#}");
        }
    }
    assert_eq!(begun.len(), 1, "one has begun");
    fs::write(&gate, "").unwrap();
    assert_eq!(console.settled(&begun[0]).await["status"], "SUCCESS");
    assert_eq!(console.get("/api/records").await["records"].as_array().unwrap().len(), 1);
}
