//! How far the agent is: counters that the engine's threads move and the reporter reads.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use jiff::Timestamp;
use nightkeep_domain::operation::Progress;
use rustic_core::{ProgressBars, ProgressType, RusticProgress};

/// The counters. Bytes are those of the sources, before compression.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    done_bytes: AtomicU64,
    done_files: AtomicU64,
    total_bytes: AtomicU64,
    total_files: AtomicU64,
    counted: AtomicBool,
    source: Mutex<Option<String>>,
}

impl Tally {
    /// Says which source is read or written now.
    pub(crate) fn begin(&self, source: &str) {
        if let Ok(mut current) = self.source.lock() {
            *current = Some(source.to_owned());
        }
    }

    /// Says how much there is to do, on top of what was said before.
    pub(crate) fn count(&self, bytes: u64, files: u64) {
        self.total_bytes.fetch_add(bytes, Relaxed);
        self.total_files.fetch_add(files, Relaxed);
        self.counted.store(true, Relaxed);
    }

    /// One more file is being read or was written.
    pub(crate) fn add_file(&self) {
        self.add_files(1);
    }

    /// More files are done.
    pub(crate) fn add_files(&self, files: u64) {
        self.done_files.fetch_add(files, Relaxed);
    }

    /// More bytes are done.
    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.done_bytes.fetch_add(bytes, Relaxed);
    }

    /// As it is shown. What is done never exceeds what there is: a source that grew since it was counted
    /// counts as it is now.
    pub(crate) fn progress(&self, now: Timestamp) -> Progress {
        let (done_bytes, done_files) = (self.done_bytes.load(Relaxed), self.done_files.load(Relaxed));
        let counted = self.counted.load(Relaxed);
        Progress {
            done_bytes,
            total_bytes: counted.then(|| self.total_bytes.load(Relaxed).max(done_bytes)),
            done_files,
            total_files: counted.then(|| self.total_files.load(Relaxed).max(done_files)),
            source: self.source.lock().ok().and_then(|source| source.clone()),
            at: now,
        }
    }
}

/// The engine's progress bars: the bytes that it reads from a source or packs anew are counted, and the
/// packs that it removes.
#[derive(Debug)]
pub(crate) struct Bars(pub(crate) Arc<Tally>);

impl ProgressBars for Bars {
    fn progress(&self, kind: ProgressType, title: &str) -> rustic_core::Progress {
        // The engine's bars have no other names than their titles.
        let count = match (kind, title) {
            (ProgressType::Bytes, "backing up..." | "repacking...") => Tally::add_bytes,
            (
                ProgressType::Counter,
                "removing unindexed packs..." | "removing old data packs..." | "removing old tree packs...",
            ) => Tally::add_files,
            (ProgressType::Bytes | ProgressType::Counter | ProgressType::Spinner, _) => {
                return rustic_core::Progress::hidden();
            }
        };
        rustic_core::Progress::new(Bar { tally: Arc::clone(&self.0), count })
    }
}

#[derive(Debug)]
struct Bar {
    tally: Arc<Tally>,
    count: fn(&Tally, u64),
}

impl RusticProgress for Bar {
    fn is_hidden(&self) -> bool {
        // The engine would count the source a second time for a bar that is shown.
        true
    }

    fn set_length(&self, _length: u64) {}

    fn set_title(&self, _title: &str) {}

    fn inc(&self, more: u64) {
        (self.count)(&self.tally, more);
    }

    fn finish(&self) {}
}
