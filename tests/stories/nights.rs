//! The nights, lived through by the whole program on a clock that the story moves.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use nightkeep_tests::{console::Console, lambda::Lambda, until};
use serde_json::{Value, json};

use crate::{EVERY_MINUTE, dump, gated};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The records that the schedule made, newest first.
async fn scheduled(console: &Console) -> Vec<Value> {
    let mut records = console.get("/api/records").await["records"].take();
    let records = records.as_array_mut().unwrap().drain(..);
    records.filter(|record| record["trigger"] == "scheduled").collect()
}

/// Waits until the schedule has made `count` records and nothing is in progress.
async fn nights(console: &Console, count: usize) -> Vec<Value> {
    until(&format!("{count} nights have ended"), || async {
        let rest = console.get("/api/state").await["operation"].is_null();
        let found = scheduled(console).await;
        assert!(found.len() <= count, "{found:#?}");
        let ended = found.iter().all(|record| record["status"] != "IN_PROGRESS");
        (found.len() == count && rest && ended).then_some(found)
    })
    .await
}

/// The lines of metrics that the program has written.
fn metrics(console: &Console) -> Vec<Value> {
    let text = fs::read_to_string(console.state_folder().join("metrics.jsonl")).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits until the scheduler has looked at the time it is now.
async fn looked(console: &Console) {
    let minute = console.clock().now().as_second().div_euclid(60);
    until("the scheduler has looked", || async {
        let ticks = metrics(console).into_iter().filter(|line| !line["HoursSinceLastSuccess"].is_null());
        let minutes = ticks.filter_map(|line| Some(line["_aws"]["Timestamp"].as_i64()?.div_euclid(60_000)));
        minutes.into_iter().any(|looked| looked == minute).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_s17_a_night_in_which_the_clocks_change_has_one_backup() {
    // The zone, the time, a moment before, when it is due, and when that time comes a second time.
    let cases = [
        ("Europe/Berlin", "02:30", "2026-10-25T00:29:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        ("Europe/Berlin", "02:30", "2027-03-28T00:59:00Z", "2027-03-28T01:00:00Z", "2027-03-28T01:30:00Z"),
        ("America/New_York", "01:30", "2026-11-01T05:29:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"),
        ("America/New_York", "02:30", "2027-03-14T06:59:00Z", "2027-03-14T07:00:00Z", "2027-03-14T07:30:00Z"),
        (
            "Australia/Lord_Howe",
            "01:45",
            "2027-04-03T14:44:00Z",
            "2027-04-03T14:45:00Z",
            "2027-04-03T15:15:00Z",
        ),
        (
            "Australia/Lord_Howe",
            "02:15",
            "2026-10-03T15:29:00Z",
            "2026-10-03T15:30:00Z",
            "2026-10-03T15:45:00Z",
        ),
    ];
    for (zone, time, before, due, again) in cases {
        let options = ["--nightly", "on", "--backup-time", time, "--time-zone", zone];
        let start = at(before) - SignedDuration::from_mins(2);
        let console = Console::start_at(start, &options, &dump("data", "echo data")).await;
        console.good_backup().await;
        console.clock().set(at(before));
        looked(&console).await;
        assert_eq!(scheduled(&console).await, Vec::<Value>::new(), "{zone} {before}");
        let next = console.get("/api/state").await["nightly"]["next_at"].take();
        assert_eq!(next, due, "{zone}");
        console.clock().set(at(due));
        let night = nights(&console, 1).await.remove(0);
        assert_eq!(night["status"], "SUCCESS", "{night:#}");
        let began = at(night["created_at"].as_str().unwrap());
        assert!(began.duration_since(at(due)) < SignedDuration::from_mins(1), "{zone} {began}");
        for moment in [at(again), at(again) + SignedDuration::from_hours(1)] {
            console.clock().set(moment);
            looked(&console).await;
            nights(&console, 1).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_a_night_waits_for_a_restore_and_then_runs() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    fs::write(&gate, "").unwrap();
    let options = ["--nightly", "on", "--backup-time", "02:00"];
    let source = dump("data", &gated(&gate)) + "load = [\"sh\", \"-c\", \"cat > /dev/null\"]\n";
    let console = Console::start_at(at("2026-11-24T01:50:00Z"), &options, &source).await;
    let backup = console.good_backup().await;
    fs::remove_file(&gate).unwrap();
    let restore = console.begin_restore(backup["id"].as_str().unwrap()).await;
    console.clock().set(at("2026-11-24T02:00:00Z"));
    looked(&console).await;
    assert_eq!(scheduled(&console).await, Vec::<Value>::new(), "a restore is in progress");
    fs::write(&gate, "").unwrap();
    console.settled(&restore).await;
    console.clock().forward(SignedDuration::from_mins(1));
    assert_eq!(nights(&console, 1).await[0]["status"], "SUCCESS");
    let state = console.get("/api/state").await;
    assert_eq!(state["nightly"]["nights"], json!([{ "date": "2026-11-24", "outcome": "success" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_a_night_whose_window_closes_while_a_restore_is_in_progress_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    fs::write(&gate, "").unwrap();
    let options = ["--nightly", "on", "--backup-time", "02:00", "--catch-up-hours", "1"];
    let reached = folder.path().join("reached");
    let script = format!("touch '{}'; {}", reached.display(), gated(&gate));
    let source = dump("data", &script) + "load = [\"sh\", \"-c\", \"cat > /dev/null\"]\n";
    let console = Console::start_at(at("2026-11-24T01:50:00Z"), &options, &source).await;
    let backup = console.good_backup().await;
    fs::remove_file(&gate).unwrap();
    fs::remove_file(&reached).unwrap();
    let restore = console.begin_restore(backup["id"].as_str().unwrap()).await;
    // What is signed before the clock is set by an hour and arrives after it would be refused.
    until("the restore waits", || async { reached.exists().then_some(()) }).await;
    console.clock().set(at("2026-11-24T02:00:00Z"));
    console.logged("the night’s backup waits").await;
    console.clock().set(at("2026-11-24T03:00:00Z"));
    let missed = until("the night is given up", || async { scheduled(&console).await.pop() }).await;
    assert_eq!(missed["status"], "FAILED");
    assert_eq!(missed["failure"]["code"], "night_missed");
    let happened = missed["failure"]["happened"].as_str().unwrap();
    assert!(happened.contains("a restore that had begun at 01:50 (UTC)"), "{happened}");
    assert!(happened.contains("closed at 03:00 (UTC)"), "{happened}");
    fs::write(&gate, "").unwrap();
    console.settled(&restore).await;
    console.clock().forward(SignedDuration::from_mins(1));
    looked(&console).await;
    assert_eq!(nights(&console, 1).await.len(), 1, "it is given up once, and does not run late");
    let nights = console.get("/api/state").await["nightly"]["nights"].take();
    assert_eq!(nights, json!([{ "date": "2026-11-24", "outcome": "failed" }]));
    let failed = |line: &Value| line["Kind"] == "backup" && line["Outcome"] == "FAILED";
    assert_eq!(metrics(&console).iter().filter(|line| failed(line)).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s07_events_that_come_twice_and_late_make_one_backup() {
    let options = ["--nightly", "on", "--backup-time", "02:00"];
    let console = Console::start_at(at("2026-11-24T01:59:00Z"), &options, &dump("data", "echo data")).await;
    console.good_backup().await;
    // The function on AWS, twice, beside the program’s own scheduler: three that look at once.
    let functions = [
        Lambda::start("nightkeep-scheduler", &console).await,
        Lambda::start("nightkeep-scheduler", &console).await,
    ];
    let both = async || {
        let [first, second] = &functions;
        let (first, second) = tokio::join!(first.invoke(EVERY_MINUTE), second.invoke(EVERY_MINUTE));
        assert_eq!((first.as_deref(), second.as_deref()), (Ok("null"), Ok("null")));
    };
    console.clock().set(at("2026-11-24T02:00:00Z"));
    both().await;
    both().await;
    let night = nights(&console, 1).await.remove(0);
    assert_eq!(night["status"], "SUCCESS", "{night:#}");
    console.clock().set(at("2026-11-24T02:10:00Z"));
    both().await;
    console.clock().set(at("2026-11-24T01:55:00Z"));
    both().await;
    console.clock().set(at("2026-11-24T02:00:30Z"));
    both().await;
    nights(&console, 1).await;
    console.clock().set(at("2026-11-25T05:59:00Z"));
    both().await;
    assert_eq!(nights(&console, 2).await.len(), 2, "hours late, but within the window");
    let output = functions[0].output();
    assert!(output.contains("HoursSinceLastSuccess"), "the metric is in the function's log: {output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_when_no_backup_has_run_for_a_day_and_a_half_it_is_said() {
    let console = Console::start_at(at("2026-11-24T12:00:00Z"), &[], &dump("data", "echo data")).await;
    console.good_backup().await;
    assert_eq!(console.get("/api/state").await["nightly"]["overdue"], false);
    console.clock().forward(SignedDuration::from_hours(37));
    looked(&console).await;
    let nightly = console.get("/api/state").await["nightly"].take();
    assert_eq!((&nightly["overdue"], &nightly["on"]), (&json!(true), &json!(false)));
    assert_eq!(nightly["next_at"], Value::Null, "nights are switched off");
    let hours = metrics(&console).iter().rev().find_map(|line| line["HoursSinceLastSuccess"].as_f64());
    assert!(hours.is_some_and(|hours| (36.9..37.2).contains(&hours)), "{hours:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_settlement_is_one_line_of_the_log_and_one_of_metrics() {
    let console = Console::start(&dump("data", "echo data; test ! -e \"$0\"")).await;
    console.good_backup().await;
    let log = console.logged("operation settled").await;
    let settled = log.lines().filter(|line| line.contains("operation settled")).count();
    assert_eq!(settled, 1, "{log}");
    let lines = metrics(&console);
    let [line] = lines.iter().filter(|line| line["Operations"] == 1).collect::<Vec<_>>()[..] else {
        panic!("{lines:#?}");
    };
    assert_eq!((&line["Kind"], &line["Outcome"]), (&json!("backup"), &json!("SUCCESS")));
    assert_eq!(line["TotalBytes"], 5);
    assert!(line["Duration"].as_f64().is_some_and(|seconds| seconds > 0.0), "{line}");
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "Nightkeep");
    for metric in directive["Metrics"].as_array().unwrap() {
        assert!(line[metric["Name"].as_str().unwrap()].is_number(), "each metric has its value: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_is_shown_and_the_last_good_value_stays_in_force() {
    let options = ["--retention-days", "90"];
    let mut console = Console::start_with(&options, &dump("data", "echo data")).await;
    console.setting("time-zone", "Europe/Berlin").await;
    console.setting("time-zone", "Berlin").await;
    // A new start reads them at once; a running program within a minute.
    console.kill();
    console.start_again();
    let state = console.get("/api/state").await;
    assert_eq!(state["nightly"]["time_zone"], "Europe/Berlin");
    assert_eq!(state["retention_days"], 90);
    let wrong = &state["wrong_settings"][0];
    assert_eq!((&wrong["name"], &wrong["value"]), (&json!("time-zone"), &json!("Berlin")));
    assert_eq!(wrong["in_force"], "Europe/Berlin");
    assert!(console.log().contains("the setting “time-zone” is “Berlin”"), "{}", console.log());
    console.good_backup().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_program_reads_its_settings_again_within_a_minute() {
    let console = Console::start(&dump("data", "echo data")).await;
    assert_eq!(console.get("/api/state").await["retention_days"], 60);
    console.setting("retention-days", "7").await;
    until("the new retention is in force", || async {
        (console.get("/api/state").await["retention_days"] == 7).then_some(())
    })
    .await;
    let log = console.log();
    let changed = log.lines().find(|line| line.contains("a setting was changed")).expect("a line of it");
    assert!(
        changed.contains("by=\"arn:aws:iam::000000000000:root\"") && changed.contains("at=\"20"),
        "{changed}"
    );
}
