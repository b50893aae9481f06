//! What an operation costs beside the agent's own work: from the request to the agent's first line, and
//! from its last to the record's ending, on the local program.

use std::{fs, time::Duration};

use jiff::Timestamp;
use nightkeep_tests::console::Console;
use serde_json::{Value, json};

use crate::results::Results;

/// Measures `rounds` backups that have next to nothing to do.
pub(crate) async fn measure(results: &mut Results, rounds: u32) {
    let source = "[[source]]\nname = \"quick\"\ndump = [\"echo\", \"data\"]\n";
    let console = Console::start(source).await;
    for _ in 0..=rounds * 2 {
        let asked = Timestamp::now();
        let id = console.begin_backup("").await;
        let answered = Timestamp::now();
        let settled = loop {
            if console.record(&id).await["status"] != "IN_PROGRESS" {
                break Timestamp::now();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        let (first, last) = lines(&console, &id);
        let milliseconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64() * 1e3;
        results.add(
            &["backup"],
            json!({
                "answer": milliseconds(asked, answered), "to_first_line": milliseconds(asked, first),
                "at_work": milliseconds(first, last), "to_ending": milliseconds(last, settled),
            }),
        );
    }
}

/// When the agent of an operation wrote its first line and its last one.
fn lines(console: &Console, record: &str) -> (Timestamp, Timestamp) {
    let logs = fs::read_dir(console.state_folder().join("ecs/logs")).unwrap().flatten();
    let mut logs = logs.map(|log| fs::read_to_string(log.path()).unwrap());
    let log = logs.find(|log| log.contains(record)).unwrap();
    let at = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["timestamp"].as_str().unwrap().parse().unwrap()
    };
    (at(log.lines().next().unwrap()), at(log.lines().last().unwrap()))
}
