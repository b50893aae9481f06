//! Who looks at the application while nobody may write to it, and remembers what each backup has to hold.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use nightkeep_tests::files::portrait;
use serde_json::Value;
use tokio::time::sleep;

use crate::{Siege, TABLE};

/// The application's data at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Data {
    pub(crate) files: BTreeMap<Vec<u8>, String>,
    pub(crate) rows: String,
}

/// What was seen, by the operation's record.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// While a backup, or a restore's first part, was in progress: the last that was seen.
    pub(crate) backed_up: BTreeMap<String, Data>,
    /// While a restore had done its work, and services were being replaced.
    pub(crate) restored: BTreeMap<String, Data>,
}

/// Watches until all others have gone and nothing is in progress.
pub(crate) async fn watch(siege: Arc<Siege>) -> Seen {
    let mut seen = Seen::default();
    let mut failures = 0;
    loop {
        // Whoever came last may have begun something.
        let alone = siege.alone.load(SeqCst);
        let Some(before) = state(&siege).await else {
            failures += 1;
            assert!(failures < 600, "the program does not come back");
            sleep(Duration::from_millis(200)).await;
            continue;
        };
        failures = 0;
        if before["operation"].is_null() {
            if alone {
                return seen;
            }
            sleep(Duration::from_millis(200)).await;
            continue;
        }
        if let Some(stage) = stage(&before) {
            let data = look(&siege).await;
            // What was seen while the stage went on is what the stage had before it, or has left.
            let after = state(&siege).await;
            if after.is_some_and(|after| {
                after["operation"]["id"] == before["operation"]["id"] && self::stage(&after) == Some(stage)
            }) {
                let record = before["operation"]["record_id"].as_str().unwrap().to_owned();
                match stage {
                    Stage::Backup => seen.backed_up.insert(record, data),
                    Stage::Redeploy => seen.restored.insert(record, data),
                };
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The agent reads the data, and has been at it long enough for every write before it to be over.
    Backup,
    Redeploy,
}

/// The stage in progress, if it is one during which the data stays as it is.
fn stage(state: &Value) -> Option<Stage> {
    let operation = &state["operation"];
    let stages = operation["stages"].as_array()?;
    let current = stages.iter().find(|stage| stage["state"] == "in_progress")?;
    match (current["name"].as_str()?, operation["kind"].as_str()?) {
        // There is progress once the agent has waited for the last writes to end.
        ("backup", _) if !operation["progress"].is_null() => Some(Stage::Backup),
        ("redeploy", "restore") if stages.iter().all(|stage| stage["state"] != "failed") => {
            Some(Stage::Redeploy)
        }
        _ => None,
    }
}

async fn state(siege: &Siege) -> Option<Value> {
    let url = tokio::time::timeout(Duration::from_secs(1), siege.url("/api/state")).await.ok()?;
    let answer = siege.client.get(url).send().await.ok()?;
    assert_eq!(answer.status(), 200);
    answer.json().await.ok()
}

async fn look(siege: &Siege) -> Data {
    let rows = siege.database.sql("app", TABLE);
    Data { files: portrait(&siege.folder), rows }
}
