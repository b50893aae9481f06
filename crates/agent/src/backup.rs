//! The stage Backup: every source becomes one snapshot.
//!
//! It counts only as a whole: on any fault everything of it is removed again, and it has succeeded only
//! once its snapshots have been read back.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use anyhow::anyhow;
use jiff::Timestamp;
use nightkeep_domain::{
    application::{Application, Origin, Source},
    cause::Cause,
    identifier::RecordId,
    record::Snapshot,
};
use rustic_core::{IndexedFullStatus, Repository, repofile::SnapshotFile};

use crate::{
    engine_log,
    progress::Tally,
    repository::{Archive, size},
    sources::{self, Before, Directory, Dump, Empty},
};

/// A backup that has lasted for so long is going to last: only then is it worth counting what there is
/// to read, which takes about as long as seeing that nothing has changed.
const LASTING: Duration = Duration::from_secs(5);

/// What a backup needs to know.
pub(crate) struct Backup<'a> {
    pub(crate) archive: &'a Archive,
    pub(crate) application: &'a Application,
    pub(crate) record: RecordId,
    /// Which try it is, from 1.
    pub(crate) attempt: u32,
    /// Whether folders may be empty.
    pub(crate) empty: Empty,
    /// The snapshots of the newest successful backup.
    pub(crate) before: &'a [Snapshot],
    pub(crate) tally: &'a Arc<Tally>,
    pub(crate) now: fn() -> Timestamp,
}

/// A source that was found to be there.
enum Checked<'a> {
    Directory { name: &'a str, root: PathBuf },
    Dump { name: &'a str, command: &'a [String] },
}

/// Looks whether every source is there, before anything is opened or written.
pub(crate) fn check(application: &Application, empty: Empty) -> Result<(), Cause> {
    application.sources.iter().try_for_each(|source| checked(source, empty).map(|_| ()))
}

fn checked(source: &Source, empty: Empty) -> Result<Checked<'_>, Cause> {
    let name = source.name.as_str();
    Ok(match &source.origin {
        Origin::Directory(folder) => Checked::Directory { name, root: sources::check(name, folder, empty)? },
        Origin::Dump { dump, load: _ } => Checked::Dump { name, command: dump },
    })
}

impl Backup<'_> {
    /// Makes the backup.
    pub(crate) fn run(&self) -> anyhow::Result<Vec<Snapshot>> {
        let sources: Vec<Checked<'_>> = self
            .application
            .sources
            .iter()
            .map(|source| checked(source, self.empty))
            .collect::<Result<_, _>>()?;
        // Only an earlier attempt can have left some, and to look for them is to read every snapshot.
        if self.attempt > 1 {
            self.archive.discard(self.record)?;
        }
        let (reading, over) = mpsc::channel::<()>();
        let result = thread::scope(|scope| {
            let sources = &sources;
            scope.spawn(move || {
                if over.recv_timeout(LASTING) == Err(RecvTimeoutError::Timeout) {
                    self.count(sources);
                }
            });
            let result = self.read(sources);
            drop(reading);
            result
        });
        if result.is_err()
            && let Err(error) = self.archive.discard(self.record)
        {
            // They count for nothing: only the record makes snapshots a backup.
            tracing::warn!("removing the snapshots of a failed backup: {error:#}");
        }
        result
    }

    /// Counts what there is to read, while it is being read. A dump counts as long as the last one.
    fn count(&self, sources: &[Checked<'_>]) {
        let sizes = sources.iter().map(|source| match source {
            Checked::Directory { root, .. } => Some(sources::count(root)),
            Checked::Dump { name, .. } => self.before(name).map(|before| (before.size.total_bytes, 1)),
        });
        // Without all of them there is no total to show.
        if let Some(sizes) = sizes.collect::<Option<Vec<(u64, u64)>>>() {
            let (bytes, files) = sizes.iter().fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
            self.tally.count(bytes, files);
        }
    }

    fn before(&self, source: &str) -> Option<&Snapshot> {
        self.before.iter().find(|snapshot| snapshot.source == source)
    }

    fn read(&self, sources: &[Checked<'_>]) -> anyhow::Result<Vec<Snapshot>> {
        let repository = Arc::new(self.archive.engine(self.archive.repository()?.to_indexed())?);
        let mut made = Vec::new();
        for source in sources {
            let (name, snapshot) = match source {
                Checked::Directory { name, root } => (*name, self.directory(&repository, name, root)?),
                Checked::Dump { name, command } => (*name, self.dump(&repository, name, command)?),
            };
            tracing::info!(source = name, snapshot = %snapshot.id, "source archived");
            made.push((name, snapshot));
        }
        // What it knows of the index is read once more.
        drop(repository);
        let files: Vec<SnapshotFile> = made.iter().map(|(_, snapshot)| snapshot.clone()).collect();
        self.archive.verify(&files)?;
        let snapshots = made.into_iter().map(|(name, snapshot)| Snapshot {
            source: name.to_owned(),
            id: snapshot.id.to_hex().as_str().to_owned(),
            size: size(&snapshot),
        });
        Ok(snapshots.collect())
    }

    fn directory(
        &self,
        repository: &Arc<Repository<IndexedFullStatus>>,
        name: &str,
        root: &Path,
    ) -> anyhow::Result<SnapshotFile> {
        let parent = match self.before(name) {
            Some(before) => self.archive.parent(repository, before)?,
            None => None,
        };
        self.tally.begin(name);
        engine_log::take_skipped();
        let before =
            parent.as_ref().map(|parent| Before { repository: Arc::clone(repository), tree: parent.tree });
        let source = Directory::new(name, root.to_path_buf(), Arc::clone(self.tally), before);
        let result =
            self.archive.archive(repository, &source, root.to_path_buf(), name, self.record, parent.as_ref());
        if let Some(fault) = source.fault() {
            return Err(fault.into());
        }
        let mut snapshot = self.complete(name, result)?;
        let whole = source.whole();
        if parent.is_some() {
            let (files, bytes) = whole.files();
            tracing::info!(
                source = name,
                files,
                bytes,
                "whole folders have not changed since the last backup"
            );
        }
        if !whole.is_empty() {
            snapshot =
                self.archive.correct_summary(repository, &snapshot, |summary| whole.correct(summary))?;
        }
        let archived = size(&snapshot).files;
        if archived != source.files() {
            return Err(anyhow!(
                "of {} files in the source “{name}” {archived} were archived",
                source.files()
            ));
        }
        if parent.is_some() && snapshot.parent.is_none() {
            tracing::warn!(source = name, "the last backup was not used as a parent");
        }
        Ok(snapshot)
    }

    fn dump(
        &self,
        repository: &Repository<IndexedFullStatus>,
        name: &str,
        command: &[String],
    ) -> anyhow::Result<SnapshotFile> {
        self.tally.begin(name);
        engine_log::take_skipped();
        let source = Dump::start(name, command, self.tally, (self.now)())?;
        let result = self.archive.archive(repository, &source, source.path(), name, self.record, None);
        if let Some(fault) = source.fault() {
            return Err(fault.into());
        }
        let snapshot = self.complete(name, result)?;
        self.archive.correct_size(repository, snapshot)
    }

    /// The snapshot, if nothing was left out of it.
    fn complete(&self, name: &str, result: anyhow::Result<SnapshotFile>) -> anyhow::Result<SnapshotFile> {
        // What the storage met comes first: the engine goes on without the file that it could not store.
        self.archive.healthy()?;
        let snapshot = result?;
        let skipped = engine_log::take_skipped();
        let Some(first) = skipped.first().cloned() else { return Ok(snapshot) };
        let (source, more) = (name.to_owned(), skipped.len() as u64 - 1);
        Err(if engine_log::is_damage(&first) {
            Cause::RepositoryDamaged { found: format!("of the last backup of “{name}”: {first}") }.into()
        } else {
            Cause::SourceUnreadable { source, path: "a part of it".to_owned(), why: first, more }.into()
        })
    }
}
