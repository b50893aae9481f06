//! What the engine only logs. It skips what it cannot read with a warning and goes on; here such a
//! warning is caught, so that no backup counts that left something out, or hides a damage of the
//! repository, in silence.

use std::sync::Mutex;

use log::{Level, LevelFilter, Log, Metadata, Record};

static SKIPPED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// How many warnings are kept: one would do.
const MOST: usize = 100;

struct EngineLog;

impl Log for EngineLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || !record.target().starts_with("rustic_core") {
            return;
        }
        let text = record.args().to_string();
        match record.level() {
            Level::Error => tracing::error!(target: "engine", "{text}"),
            // What is to be removed need not be in the cache; and what is wrong with the cache harms nothing.
            Level::Warn if text.starts_with("Error in cache backend removing") => {
                tracing::debug!(target: "engine", "{text}");
            }
            Level::Warn => tracing::warn!(target: "engine", "{text}"),
            Level::Info | Level::Debug | Level::Trace => tracing::debug!(target: "engine", "{text}"),
        }
        // What is left out, and what the last backup should have but has not.
        let telling = text.starts_with("ignoring error") || text.starts_with("missing blobs in index");
        if record.level() <= Level::Warn
            && telling
            && let Ok(mut skipped) = SKIPPED.lock()
            && skipped.len() < MOST
        {
            skipped.push(text);
        }
    }

    fn flush(&self) {}
}

/// Catches the engine's log from now on.
pub(crate) fn catch() {
    // It can be set once in a process, and nobody else does.
    if log::set_logger(&EngineLog).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// What the engine skipped since this was last asked.
pub(crate) fn take_skipped() -> Vec<String> {
    SKIPPED.lock().map(|mut skipped| std::mem::take(&mut *skipped)).unwrap_or_default()
}

/// Whether a warning is about the repository, and not about what is being read.
pub(crate) fn is_damage(warning: &str) -> bool {
    warning.contains("parent tree") || warning.starts_with("missing blobs in index")
}
