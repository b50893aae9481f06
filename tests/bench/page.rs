//! The page in a browser that has never seen it.

use std::process::Command;

use nightkeep_tests::{console::Console, many};
use serde_json::Value;

use crate::{peers::root, results::Results};

/// Rows of the long list.
const ROWS: i64 = 10_000;

pub(crate) async fn measure(results: &mut Results, rounds: u32) {
    let console = Console::start("[[source]]\nname = \"quick\"\ndump = [\"echo\", \"data\"]\n").await;
    console.good_backup().await;
    many::records(&console.table(), 50).await;
    for _ in 0..rounds {
        results.add(&["first load"], open(&console, &[]));
    }
    many::records(&console.table(), ROWS).await;
    for _ in 0..rounds {
        results.add(&["all rows"], open(&console, &[&ROWS.to_string()]));
    }
}

fn open(console: &Console, more: &[&str]) -> Value {
    let mut node = Command::new("node");
    node.arg(root().join("tests/bench/page.mjs")).arg(console.url("/")).args(more);
    let output = tokio::task::block_in_place(|| nightkeep_tests::run(&mut node));
    serde_json::from_slice(&output.stdout).unwrap()
}
