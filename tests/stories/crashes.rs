//! What is killed, and what must become of it.

use std::fs;

use nightkeep_tests::{
    console::{Console, program},
    files::plant,
    restic, until,
};
use rustix::process::{Signal, kill_process};

use crate::{directory, dump, gated};

/// Waits until the agent of `attempt` works.
async fn at_work(console: &Console, marks: &std::path::Path, attempt: usize) {
    until(&format!("attempt {attempt} is at work"), || async {
        let count = fs::read_to_string(marks).unwrap_or_default().lines().count();
        (count == attempt).then_some(())
    })
    .await;
    assert!(!console.agents().is_empty());
}

/// A dump that leaves a mark when it is started, and waits for the gate.
fn marked(folder: &std::path::Path) -> String {
    let script =
        format!("echo begun >> '{}'; {}", folder.join("marks").display(), gated(&folder.join("gate")));
    dump("slow", &script)
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_an_agent_that_is_killed_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let console = Console::start(&marked(folder.path())).await;
    let id = console.begin_backup("").await;
    at_work(&console, &folder.path().join("marks"), 1).await;
    for agent in console.agents() {
        let _ = kill_process(agent, Signal::KILL);
    }
    at_work(&console, &folder.path().join("marks"), 2).await;
    fs::write(folder.path().join("gate"), "").unwrap();
    let record = console.settled(&id).await;
    assert_eq!(record["status"], "SUCCESS", "{record:#}");
    assert_eq!(restic::snapshots(&console), [restic::snapshot_of(&record, "slow")], "nothing else is left");
    restic::check(&console);
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_s08_an_agent_that_is_killed_each_time_fails_the_backup_and_the_application_is_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let console = Console::start(&marked(folder.path())).await;
    let id = console.begin_backup("").await;
    for attempt in 1..=2 {
        at_work(&console, &folder.path().join("marks"), attempt).await;
        for agent in console.agents() {
            let _ = kill_process(agent, Signal::KILL);
        }
    }
    let record = console.settled(&id).await;
    assert_eq!(record["status"], "FAILED");
    assert_eq!(record["failure"]["code"], "task_vanished");
    let happened = record["failure"]["happened"].as_str().unwrap();
    assert!(happened.contains("137"), "S23: it names the exit code: {happened}");
    assert_eq!(console.agents(), [], "no process is left over");
    fs::write(folder.path().join("gate"), "").unwrap();
    console.good_backup().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_s03_a_power_cut_in_mid_backup_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    plant(&tree, 300).unwrap();
    let mut console = Console::start(&(directory("files", &tree) + &marked(folder.path()))).await;
    let id = console.begin_backup("through a power cut").await;
    at_work(&console, &folder.path().join("marks"), 1).await;

    console.kill();
    console.start_again();
    // Whatever the first life of the program had started is gone, and the operation goes on by itself.
    at_work(&console, &folder.path().join("marks"), 2).await;
    fs::write(folder.path().join("gate"), "").unwrap();
    let record = console.settled(&id).await;
    assert_eq!(record["status"], "SUCCESS", "{record:#}");
    assert_eq!(record["notes"], "through a power cut");
    let next = console.good_backup().await;
    let mut expected: Vec<&str> = ["files", "slow"]
        .iter()
        .flat_map(|source| [restic::snapshot_of(&record, source), restic::snapshot_of(&next, source)])
        .collect();
    let mut found = restic::snapshots(&console);
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "nothing else is left");
    restic::check(&console);
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_an_agent_that_comes_late_can_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let console = Console::start(&marked(folder.path())).await;
    let id = console.begin_backup("").await;
    at_work(&console, &folder.path().join("marks"), 1).await;
    let operation = console.get("/api/state").await["operation"]["id"].as_str().unwrap().to_owned();
    let late = |attempt: &str| {
        let output = std::process::Command::new(program())
            .arg("agent")
            .env_clear()
            .envs(console.environment())
            .env("NIGHTKEEP_CACHE", folder.path().join("cache"))
            .envs([
                ("NIGHTKEEP_OPERATION", operation.as_str()),
                ("NIGHTKEEP_STAGE", "0"),
                ("NIGHTKEEP_ATTEMPT", attempt),
            ])
            .output()
            .unwrap();
        assert!(!output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("ConditionalCheckFailed"), "{said}");
    };
    late("2");
    fs::write(folder.path().join("gate"), "").unwrap();
    let record = console.settled(&id).await;
    assert_eq!(record["status"], "SUCCESS", "{record:#}");
    late("1");
    assert_eq!(console.record(&id).await, record, "the record is as it was");
    assert_eq!(restic::snapshots(&console), [restic::snapshot_of(&record, "slow")]);
    assert_eq!(fs::read_to_string(folder.path().join("marks")).unwrap(), "begun\n", "no data was read");
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_what_a_killed_program_left_running_is_ended_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "trap '' HUP TERM; echo begun >> '{}'; {}",
        folder.path().join("marks").display(),
        gated(&folder.path().join("gate"))
    );
    let mut console = Console::start(&dump("slow", &script)).await;
    let id = console.begin_backup("").await;
    at_work(&console, &folder.path().join("marks"), 1).await;
    console.kill();
    let left: Vec<_> = console.agents();
    assert!(!left.is_empty(), "the dump ignores the end of its program");
    console.start_again();
    let now = console.agents();
    assert!(left.iter().all(|pid| !now.contains(pid)), "{left:?} are gone, {now:?} are new");
    fs::write(folder.path().join("gate"), "").unwrap();
    assert_eq!(console.settled(&id).await["status"], "SUCCESS");
}
