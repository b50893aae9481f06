//! What was measured, kept as JSON in `tests/bench/results`, from which the tables are made. A part that is
//! measured again replaces its own.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::peers::root;

/// The measurements of one part.
pub(crate) struct Results {
    file: PathBuf,
    kept: Value,
}

impl Results {
    /// A part's, empty.
    pub(crate) fn new(part: &str) -> Self {
        Self { file: file(part), kept: json!({}) }
    }

    /// Those that an earlier run has kept.
    pub(crate) fn kept(part: &str) -> Option<Value> {
        fs::read(file(part)).ok().map(|text| serde_json::from_slice(&text).unwrap())
    }

    /// Adds one to the list at a place.
    pub(crate) fn add(&mut self, place: &[&str], value: Value) {
        eprintln!("  {}: {value}", place.join(", "));
        let mut at = &mut self.kept;
        for name in place {
            at = at.as_object_mut().unwrap().entry(*name).or_insert_with(|| json!({}));
        }
        match at {
            Value::Array(list) => list.push(value),
            other => *other = json!([value]),
        }
        fs::write(&self.file, serde_json::to_vec_pretty(&self.kept).unwrap()).unwrap();
    }
}

fn file(part: &str) -> PathBuf {
    root().join("tests/bench/results").join(format!("{part}.json"))
}
