//! A restore: the source is exactly as it was, or as it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use nightkeep_tests::{
    console::Console,
    files::{assert_same, noise, plant, portrait, ravage},
    lambda::Lambda,
    postgres::Postgres,
    restic, until,
};
use reqwest::StatusCode;
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::{EVERY_MINUTE, directory};

fn id(record: &Value) -> &str {
    record["id"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_r6_a_ravaged_tree_and_database_are_exactly_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("uploads");
    fs::create_dir(&tree).unwrap();
    plant(&tree, 10_000).unwrap();
    let before = portrait(&tree);
    let database = Postgres::start();
    database.sql(
        "app",
        "CREATE TABLE guests AS SELECT n AS id, md5(n::text) AS name FROM generate_series(1, 20000) n",
    );
    let sum = "SELECT count(*) || md5(string_agg(id || name, ',' ORDER BY id)) FROM guests";
    let guests = database.sql("app", sum);
    let console = Console::start(&(directory("uploads", &tree) + &database.source())).await;
    let backup = console.good_backup().await;

    ravage(&tree).unwrap();
    database.sql(
        "app",
        "UPDATE guests SET name = 'defaced' WHERE id % 3 = 0; DELETE FROM guests WHERE id % 7 = 0",
    );
    let ravaged = portrait(&tree);
    let restored = console.good_restore(id(&backup)).await;
    assert_same(&before, &portrait(&tree));
    assert_eq!(database.sql("app", sum), guests);
    let stages: Vec<&str> =
        restored["stages"].as_array().unwrap().iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    assert_eq!(stages, ["backup", "restore", "redeploy"]);

    // The safety backup is an ordinary record, and holds what was there before.
    let safety = console.record(restored["safety_backup"].as_str().unwrap()).await;
    assert_eq!((&safety["status"], &safety["trigger"]), (&json!("SUCCESS"), &json!("safety")));
    console.good_restore(id(&safety)).await;
    assert_same(&ravaged, &portrait(&tree));
    restic::check(&console);
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_after_two_restores_the_original_can_still_be_had_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tree/file");
    fs::create_dir(file.parent().unwrap()).unwrap();
    let console = Console::start(&directory("files", file.parent().unwrap())).await;
    let mut backups = Vec::new();
    for content in ["A", "B"] {
        fs::write(&file, content).unwrap();
        backups.push(console.good_backup().await);
    }
    fs::write(&file, "the original").unwrap();
    let first = console.good_restore(id(&backups[0])).await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "A");
    console.good_restore(id(&backups[1])).await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "B");
    console.good_restore(first["safety_backup"].as_str().unwrap()).await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "the original");
}

#[tokio::test(flavor = "multi_thread")]
async fn s13_when_the_safety_backup_fails_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, broken) = (folder.path().join("tree"), folder.path().join("broken"));
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), "then").unwrap();
    let dump = format!(
        "[[source]]\nname = \"database\"\ndump = [\"sh\", \"-c\", \"test ! -e '{0}' && echo data\"]\nload = [\"cat\"]\n",
        broken.display()
    );
    let console = Console::start(&(directory("files", &tree) + &dump)).await;
    let backup = console.good_backup().await;
    fs::write(tree.join("file"), "now").unwrap();
    fs::write(&broken, "").unwrap();
    let before = portrait(&tree);
    let record = console.restore(id(&backup)).await;
    assert_eq!(record["status"], "FAILED");
    assert_eq!(record["put_back"], Value::Null);
    assert_eq!(record["failure"]["code"], "dump_failed");
    assert!(record["failure"]["done"].as_str().unwrap().contains("not touched"), "{record:#}");
    assert_eq!(console.record(record["safety_backup"].as_str().unwrap()).await["status"], "FAILED");
    assert_same(&before, &portrait(&tree));
}

/// A console whose database is a file, loaded by a command that obeys `order`: a shell script that is
/// read at each load, and sees the dump on its standard input.
async fn with_a_load(folder: &Path, tree: &Path) -> (Console, PathBuf, PathBuf) {
    let (database, order) = (folder.join("database"), folder.join("order"));
    fs::write(&database, "rows of then").unwrap();
    fs::write(&order, format!("cat > '{}'", database.display())).unwrap();
    let source = format!(
        "[[source]]\nname = \"database\"\ndump = [\"cat\", {:?}]\nload = [\"sh\", {:?}]\n",
        database.to_str().unwrap(),
        order.to_str().unwrap()
    );
    let console = Console::start(&(directory("files", tree) + &source)).await;
    (console, database, order)
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_a_restore_that_fails_half_way_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    plant(&tree, 300).unwrap();
    let (console, database, order) = with_a_load(folder.path(), &tree).await;
    let backup = console.good_backup().await;
    ravage_lightly(&tree);
    fs::write(&database, "rows of now").unwrap();
    let before = portrait(&tree);
    // The files are restored first; then the load fails, once.
    fs::write(
        &order,
        format!("if [ -e '{0}.failed' ]; then cat > '{0}'; else touch '{0}.failed'; echo 'no such role' >&2; exit 3; fi", database.display()),
    )
    .unwrap();
    let record = console.restore(id(&backup)).await;
    assert_eq!(record["status"], "FAILED");
    assert_eq!(record["put_back"], true, "{record:#}");
    let failure = &record["failure"];
    assert_eq!(failure["cause"]["said"], "no such role", "S23: {failure:#}");
    assert!(failure["done"].as_str().unwrap().contains("put back"), "{failure:#}");
    assert_same(&before, &portrait(&tree));
    assert_eq!(fs::read_to_string(&database).unwrap(), "rows of now");
    // And the same backup can be restored now.
    console.good_restore(id(&backup)).await;
    assert_eq!(fs::read_to_string(&database).unwrap(), "rows of then");
}

fn ravage_lightly(tree: &Path) {
    fs::write(tree.join("empty"), "no longer").unwrap();
    fs::remove_file(tree.join("large")).unwrap();
    fs::write(tree.join("new"), "new").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_a_folder_that_has_lost_everything_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    plant(&tree, 300).unwrap();
    let before = portrait(&tree);
    let console = Console::start(&directory("files", &tree)).await;
    let backup = console.good_backup().await;
    for entry in fs::read_dir(&tree).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
    }
    let restored = console.good_restore(id(&backup)).await;
    assert_same(&before, &portrait(&tree));
    let safety = console.record(restored["safety_backup"].as_str().unwrap()).await;
    assert_eq!((&safety["status"], &safety["size"]["files"]), (&json!("SUCCESS"), &json!(0)));
    let last = console.get("/api/state").await["nightly"]["last_success_at"].take();
    assert_eq!(last, backup["finished_at"], "a backup of nothing is no success to count on");
    restic::check(&console);
}

/// A disk of its own, unmounted at the end.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(folder: &'a Path, size: &str) -> Self {
        fs::create_dir(folder).unwrap();
        let options = format!("size={size}");
        nightkeep_tests::run(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(folder));
        Self(folder)
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_a_restore_that_fills_the_disk_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    let _disk = Disk::mount(&tree, "24m");
    fs::write(tree.join("then"), noise(1, 15 << 20)).unwrap();
    fs::write(tree.join("small"), "then").unwrap();
    let console = Console::start(&directory("files", &tree)).await;
    let backup = console.good_backup().await;
    // A file is written beside what is there: there is no room for both.
    fs::remove_file(tree.join("then")).unwrap();
    fs::write(tree.join("now"), noise(2, 15 << 20)).unwrap();
    fs::write(tree.join("small"), "now").unwrap();
    let before = portrait(&tree);
    let record = console.restore(id(&backup)).await;
    assert_eq!((&record["status"], &record["put_back"]), (&json!("FAILED"), &json!(true)), "{record:#}");
    let happened = record["failure"]["happened"].as_str().unwrap();
    assert!(happened.contains("No space left on device"), "S23: {happened}");
    assert_same(&before, &portrait(&tree));
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_a_restore_whose_storage_goes_away_is_put_back_once_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, order) = (folder.path().join("tree"), folder.path().join("order"));
    fs::create_dir(&tree).unwrap();
    plant(&tree, 300).unwrap();
    fs::write(&order, "cat > /dev/null").unwrap();
    // The load comes first, and takes the storage away from the files that follow.
    let load = format!(
        "[[source]]\nname = \"database\"\ndump = [\"echo\", \"rows\"]\nload = [\"sh\", {:?}]\n",
        order.to_str().unwrap()
    );
    let console = Console::start(&(load + &directory("files", &tree))).await;
    let backup = console.good_backup().await;
    ravage_lightly(&tree);
    let before = portrait(&tree);
    let bucket = console.state_folder().join("s3").join(&console.environment()["NIGHTKEEP_BUCKET"]);
    let aside = folder.path().join("aside");
    let script = "cat > /dev/null; if [ ! -e \"$0.once\" ]; then touch \"$0.once\"; mv";
    fs::write(&order, format!("{script} '{}' '{}'; fi", bucket.display(), aside.display())).unwrap();
    let restore = console.begin_restore(id(&backup)).await;
    until("the data is being put back", || async {
        let stages = console.get("/api/state").await["operation"]["stages"].take();
        let putting = |stage: &Value| stage["name"] == "put_back" && stage["state"] == "in_progress";
        stages.as_array()?.iter().any(putting).then_some(())
    })
    .await;
    fs::rename(&aside, &bucket).unwrap();
    let record = console.settled(&restore).await;
    assert_eq!((&record["status"], &record["put_back"]), (&json!("FAILED"), &json!(true)), "{record:#}");
    assert_eq!(record["failure"]["code"], "storage_refused", "{record:#}");
    assert_same(&before, &portrait(&tree));
    restic::check(&console);
}

/// Begins a restore whose load command hangs the first time, and waits until it does.
async fn begin_and_hang(console: &Console, backup: &str, order: &Path, database: &Path) -> String {
    let marks = order.with_extension("marks");
    let script = format!(
        "echo >> '{0}'; if [ $(wc -l < '{0}') = 1 ]; then sleep 600; fi; cat > '{1}'",
        marks.display(),
        database.display()
    );
    fs::write(order, script).unwrap();
    let restore = console.begin_restore(backup).await;
    until("the restore is at its load command", || async { marks.exists().then_some(()) }).await;
    restore
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_an_agent_that_is_killed_in_mid_restore_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    plant(&tree, 300).unwrap();
    let (console, database, order) = with_a_load(folder.path(), &tree).await;
    let backup = console.good_backup().await;
    ravage_lightly(&tree);
    fs::write(&database, "rows of now").unwrap();
    let before = portrait(&tree);
    let restore = begin_and_hang(&console, id(&backup), &order, &database).await;
    for agent in console.agents() {
        let _ = kill_process(agent, Signal::KILL);
    }
    let record = console.settled(&restore).await;
    assert_eq!((&record["status"], &record["put_back"]), (&json!("FAILED"), &json!(true)), "{record:#}");
    assert_eq!(record["failure"]["code"], "task_vanished");
    assert_same(&before, &portrait(&tree));
    assert_eq!(fs::read_to_string(&database).unwrap(), "rows of now");
    assert_eq!(console.agents(), [], "no process is left over");
}

/// What the scheduler's metric says about maintenance.
async fn stuck(console: &Console) -> Value {
    let scheduler = Lambda::start("nightkeep-scheduler", console).await;
    scheduler.invoke(EVERY_MINUTE).await.unwrap();
    let output = scheduler.output();
    let mut lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find_map(|line| line.get("MaintenanceStuck").cloned()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_when_putting_back_fails_too_maintenance_stays_on_until_somebody_acts() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), "then").unwrap();
    let (console, database, order) = with_a_load(folder.path(), &tree).await;
    let backup = console.good_backup().await;
    fs::write(tree.join("file"), "now").unwrap();
    fs::write(&order, "echo 'the server is gone' >&2; exit 1").unwrap();
    let record = console.ended(&console.begin_restore(id(&backup)).await).await;
    assert_eq!((&record["status"], &record["put_back"]), (&json!("FAILED"), &json!(false)), "{record:#}");
    let to_do = record["failure"]["to_do"].as_str().unwrap();
    assert!(to_do.contains("end the maintenance by hand"), "{to_do}");
    let state = console.get("/api/state").await;
    assert_eq!((&state["operation"], &state["maintenance"]["on"]), (&Value::Null, &json!(true)));
    assert_eq!(stuck(&console).await, json!(1), "the alarm goes off");

    // A backup meanwhile leaves the maintenance as it was: on.
    fs::write(&order, format!("cat > '{}'", database.display())).unwrap();
    let meanwhile = console.ended(&console.begin_backup("").await).await;
    assert_eq!(meanwhile["status"], "SUCCESS");
    assert_eq!(console.get("/api/state").await["maintenance"]["on"], true, "S9");

    // Ended by hand, with a confirmation for just that.
    let other = console.confirmation("restart", None).await;
    let answer = console.post("/api/maintenance/end", &json!({ "confirmation": other })).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let right = console.confirmation("end_maintenance", None).await;
    let answer = console.post("/api/maintenance/end", &json!({ "confirmation": right })).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["maintenance"]["on"], false);
    let activity = console.get("/api/activity").await;
    assert_eq!(activity["activities"][0]["kind"], "end_maintenance");
    assert_eq!(stuck(&console).await, json!(0), "the alarm is over");

    // Left on again, a restore that succeeds ends it too.
    fs::write(&order, "exit 1").unwrap();
    let record = console.ended(&console.begin_restore(id(&backup)).await).await;
    assert_eq!(record["put_back"], false);
    fs::write(&order, format!("cat > '{}'", database.display())).unwrap();
    console.good_restore(id(&backup)).await;
    assert_eq!(fs::read_to_string(tree.join("file")).unwrap(), "then");
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_s15_a_power_cut_in_mid_restore_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    plant(&tree, 300).unwrap();
    let (mut console, database, order) = with_a_load(folder.path(), &tree).await;
    let backup = console.good_backup().await;
    ravage_lightly(&tree);
    let before = portrait(&tree);
    let restore = begin_and_hang(&console, id(&backup), &order, &database).await;
    console.kill();
    console.start_again();
    let record = console.settled(&restore).await;
    assert_eq!((&record["status"], &record["put_back"]), (&json!("FAILED"), &json!(true)), "{record:#}");
    assert_same(&before, &portrait(&tree));
    restic::check(&console);
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_what_is_no_finished_backup_cannot_be_restored() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let console = Console::start(&directory("files", &missing)).await;
    let failed = console.backup().await;
    assert_eq!(failed["status"], "FAILED");
    let answer =
        console.post("/api/confirmations", &json!({ "action": "restore", "record_id": id(&failed) })).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let confirmation = json!({ "id": "00000000-0000-4000-8000-000000000000", "code": "ABCDEF" });
    let body = json!({ "record_id": id(&failed), "confirmation": confirmation });
    assert_eq!(console.post("/api/restores", &body).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let body = json!({ "record_id": "019ab1d2-6c40-7e1a-9b07-51c2e8d0f3a4", "confirmation": confirmation });
    assert_eq!(console.post("/api/restores", &body).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        console.get("/api/records").await["records"].as_array().unwrap().len(),
        1,
        "nothing was begun"
    );

    fs::create_dir(&missing).unwrap();
    fs::write(missing.join("file"), "data").unwrap();
    let backup = console.good_backup().await;
    let restored = console.good_restore(id(&backup)).await;
    let answer =
        console.post("/api/confirmations", &json!({ "action": "restore", "record_id": id(&restored) })).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "a restore is no backup");
}
