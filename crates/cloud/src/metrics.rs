//! Metrics in CloudWatch's embedded metric format: one line of JSON each, which CloudWatch takes from the
//! function's log. The log itself says the same in words.
//!
//! It must never fail what it measures: a line that cannot be written is logged and given up.

use std::{
    fmt,
    io::Write,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use nightkeep_domain::{
    next::Settlement,
    operation::{Kind, Operation},
    record::Size,
    state::State,
};
use serde_json::{Value, json};

/// The namespace of all metrics.
const NAMESPACE: &str = "Nightkeep";

/// Where metrics are written to.
#[derive(Clone)]
pub struct Metrics {
    out: Arc<Mutex<dyn Write + Send>>,
    /// Tells the consoles of one account apart.
    console: Arc<str>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").field("console", &self.console).finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics of the console of this name, its table's, written to `out`; on AWS the standard output.
    pub fn to(out: impl Write + Send + 'static, console: impl Into<Arc<str>>) -> Self {
        Self { out: Arc::new(Mutex::new(out)), console: console.into() }
    }

    /// An operation has settled.
    pub fn settled(&self, operation: &Operation, settlement: &Settlement, now: Timestamp) {
        let outcome = match settlement {
            Settlement::Success { .. } => "SUCCESS",
            Settlement::Failed { .. } => "FAILED",
        };
        let size = match settlement {
            Settlement::Success { snapshots } => Size::of(snapshots),
            Settlement::Failed { .. } => Size::default(),
        };
        let seconds = now.duration_since(operation.started_at).as_secs_f64();
        let mut values = vec![("Operations", "Count", json!(1)), ("Duration", "Seconds", json!(seconds))];
        match operation.kind {
            Kind::Backup => {
                values.push(("TotalBytes", "Bytes", json!(size.total_bytes)));
                values.push(("AddedBytes", "Bytes", json!(size.added_bytes)));
            }
            Kind::Purge => {
                let freed = operation.purged.unwrap_or_default().freed_bytes;
                values.push(("FreedBytes", "Bytes", json!(freed)));
            }
            Kind::Restore | Kind::Restart | Kind::SourceArchive => {}
        }
        self.write(operation.kind, outcome, &values, now);
    }

    /// A night's backup could not begin before its window closed.
    pub fn missed(&self, now: Timestamp) {
        self.write(Kind::Backup, "FAILED", &[("Operations", "Count", json!(1))], now);
    }

    /// How the console stands: how long ago the newest success was, if there is one, and whether
    /// maintenance stayed on because the data is in doubt.
    pub fn stands(&self, state: &State, now: Timestamp) {
        let stuck = u8::from(state.maintenance.on && state.maintenance.stuck);
        let mut values = vec![("MaintenanceStuck", "None", json!(stuck))];
        if let Some(at) = state.schedule.last_success_at {
            let hours = now.duration_since(at).as_secs_f64() / 3600.0;
            values.push(("HoursSinceLastSuccess", "None", json!(hours)));
        }
        self.line(json!({}), &[&["Console"]], &values, now);
    }

    fn write(&self, kind: Kind, outcome: &str, values: &[(&str, &str, Value)], now: Timestamp) {
        let dimensions = [["Console", "Kind", "Outcome"].as_slice(), &["Console", "Outcome"]];
        self.line(json!({ "Kind": kind, "Outcome": outcome }), &dimensions, values, now);
    }

    fn line(&self, mut line: Value, dimensions: &[&[&str]], values: &[(&str, &str, Value)], now: Timestamp) {
        let metrics: Vec<Value> =
            values.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
        line["_aws"] = json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics }],
        });
        line["Console"] = json!(&*self.console);
        for (name, _, value) in values {
            line[*name] = value.clone();
        }
        let written = match self.out.lock() {
            Ok(mut out) => writeln!(out, "{line}").and_then(|()| out.flush()),
            Err(_) => return,
        };
        if let Err(error) = written {
            tracing::warn!("writing a metric: {error}");
        }
    }
}
