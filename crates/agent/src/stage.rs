//! The stage of an assignment: what it needs is read, and it is run.

use std::{path::Path, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use nightkeep_cloud::{Ledger, SettingsStore};
use nightkeep_domain::{
    application::{Application, Origin, Source},
    cause::Cause,
    operation::{Operation, Report, SourceArchive, StageName},
    record::Snapshot,
    retention::Retention,
    settings::Settings,
    source_archive::{PREFIX, file_name},
};
use tokio::runtime::Runtime;

use crate::{
    Config,
    backup::{self, Backup},
    progress::Tally,
    purge::Purge,
    report::patiently,
    repository::{Absent, Archive, Keys},
    restore::{self, Blobs},
    s3::Bucket,
    source_archive,
    sources::Empty,
    storage::Storage,
};

/// A stage, and what it works with.
pub(crate) struct Stage<'a> {
    pub(crate) config: &'a Config,
    pub(crate) shared: &'a SdkConfig,
    pub(crate) runtime: &'a Runtime,
    pub(crate) ledger: &'a Ledger,
    pub(crate) tally: Arc<Tally>,
}

impl Stage<'_> {
    /// Sees the stage through.
    pub(crate) fn run(&self, operation: &Operation) -> anyhow::Result<Report> {
        let store = SettingsStore::new(self.shared, &self.config.parameters);
        let in_force = self.runtime.block_on(patiently(|| store.load()))?;
        let settings = &in_force.settings;
        // Not every stage needs to know the application, and what needs no description works without.
        let application = || {
            Application::parse(&settings.application).map_err(|error| {
                wrong(format!("the application’s description: {}", error.to_string().replace('\n', " ")))
            })
        };
        match operation.stages[self.config.assignment.stage].name {
            StageName::Backup => self.back_up(operation, &application()?, settings, store),
            StageName::Restore => {
                let restored = operation.restored.as_ref();
                let snapshots =
                    restored.ok_or_else(|| wrong("the operation names no backup to restore".to_owned()))?;
                self.restore(&snapshots.snapshots, &application()?, store)
            }
            StageName::PutBack => {
                // What the restore has not written needs no putting back.
                let restored = operation.restored.iter().flat_map(|restored| &restored.snapshots);
                let names: Vec<&str> = restored.map(|snapshot| snapshot.source.as_str()).collect();
                let mut snapshots = operation.snapshots.clone();
                snapshots.retain(|snapshot| names.contains(&snapshot.source.as_str()));
                self.restore(&snapshots, &application()?, store)
            }
            StageName::Archive => self.archive_source(operation, &application()?),
            StageName::Purge => self.purge(settings.retention, store),
            StageName::Redeploy => Err(wrong("services are redeployed without an agent".to_owned()).into()),
        }
    }

    fn back_up(
        &self,
        operation: &Operation,
        application: &Application,
        settings: &Settings,
        store: SettingsStore,
    ) -> anyhow::Result<Report> {
        let empty = if operation.restored.is_some() { Empty::Allowed } else { Empty::Refused };
        backup::check(application, empty)?;
        self.settle(settings.settle_seconds)?;
        let before = self.runtime.block_on(patiently(|| self.ledger.newest_snapshots()))?;
        let archive = self.archive(store, Absent::Make)?;
        // The safety backup of a restore has a record of its own.
        let record =
            operation.restored.as_ref().map_or(operation.record_id, |restored| restored.safety_backup);
        let backup = Backup {
            archive: &archive,
            application,
            record,
            attempt: self.config.assignment.attempt,
            empty,
            before: &before,
            tally: &self.tally,
            now: Timestamp::now,
        };
        let snapshots = backup.run()?;
        // On AWS a rule of the bucket does it; elsewhere the nightly backup is the occasion.
        if let Err(cause) = source_archive::expire(&self.bucket(), Timestamp::now()) {
            tracing::warn!("removing source archives that are too old: {cause}");
        }
        Ok(Report::BackedUp { snapshots })
    }

    fn bucket(&self) -> Bucket {
        Bucket::new(self.shared, self.config.bucket.clone(), self.runtime.handle().clone())
    }

    /// Makes every source what its snapshot holds. What each needs is looked at before anything is
    /// written.
    fn restore(
        &self,
        snapshots: &[Snapshot],
        application: &Application,
        store: SettingsStore,
    ) -> anyhow::Result<Report> {
        let sources = snapshots
            .iter()
            .map(|snapshot| Ok((snapshot, target(application, &snapshot.source)?)))
            .collect::<Result<Vec<_>, Cause>>()?;
        let archive = self.archive(store, Absent::Refuse)?;
        let result = self.restore_from(&archive, &sources);
        // What the storage met comes first: the rest only followed from it.
        if result.is_err() {
            archive.healthy()?;
        }
        result
    }

    fn restore_from(&self, archive: &Archive, sources: &[(&Snapshot, Target<'_>)]) -> anyhow::Result<Report> {
        let repository = archive.engine(archive.repository()?.to_indexed())?;
        let blobs = Blobs::new(&repository, archive.storage())?;
        let found = sources
            .iter()
            .map(|(snapshot, target)| {
                Ok((archive.snapshot(&repository, &snapshot.id)?, &snapshot.source, target))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let begin = || {
            self.runtime.block_on(patiently(|| self.ledger.touch(self.config.assignment))).map_err(Into::into)
        };
        for (snapshot, source, target) in found {
            match target {
                Target::Folder(root) => {
                    let done = restore::directory(&blobs, &snapshot, source, root, &self.tally, &begin)?;
                    tracing::info!(
                        source,
                        written = done.written,
                        bytes = done.bytes,
                        repaired = done.repaired,
                        removed = done.removed,
                        "source restored"
                    );
                }
                Target::Load(command) => {
                    restore::dump(&blobs, &snapshot, source, command, &self.tally, &begin)?;
                    tracing::info!(source, "source loaded");
                }
            }
        }
        Ok(Report::Restored)
    }

    fn archive_source(&self, operation: &Operation, application: &Application) -> anyhow::Result<Report> {
        let folder = application.source_code.as_ref().ok_or_else(|| {
            wrong(
                "the application’s description does not say where its source code is (“source_code”)"
                    .to_owned(),
            )
        })?;
        let bucket = self.bucket();
        let key = format!("{PREFIX}{}.tar.gz", operation.record_id);
        let made = source_archive::make(&bucket, folder, &key, &self.tally, false)?;
        source_archive::keep_only(&bucket, &made.key)?;
        let file_name = file_name(&application.name, operation.started_at);
        let source_archive = SourceArchive { key: made.key, size_bytes: made.size_bytes, file_name };
        Ok(Report::Archived { source_archive })
    }

    fn purge(&self, retention: Retention, store: SettingsStore) -> anyhow::Result<Report> {
        let (storage, keys) = self.opening(store)?;
        let cache = self.config.cache.clone();
        let archive = Archive::find(storage, cache, keys, Arc::clone(&self.tally))?;
        let purge = Purge {
            archive: archive.as_ref(),
            runtime: self.runtime,
            ledger: self.ledger,
            assignment: self.config.assignment,
            retention,
            now: Timestamp::now,
            tally: &self.tally,
        };
        Ok(Report::Purged { purged: purge.run()? })
    }

    /// Waits until the application has had time to see that it is under maintenance.
    fn settle(&self, seconds: u64) -> anyhow::Result<()> {
        let maintenance = self.runtime.block_on(patiently(|| self.ledger.maintenance()))?;
        let Some(since) = maintenance.since.filter(|_| maintenance.on) else { return Ok(()) };
        let settled = since.saturating_add(SignedDuration::from_secs(i64::try_from(seconds)?))?;
        let left = settled.duration_since(Timestamp::now());
        if let Ok(left) = Duration::try_from(left) {
            self.runtime.block_on(async { tokio::time::sleep(left).await });
        }
        Ok(())
    }

    fn archive(&self, store: SettingsStore, absent: Absent) -> anyhow::Result<Archive> {
        let (storage, keys) = self.opening(store)?;
        Archive::open(storage, self.config.cache.clone(), keys, Arc::clone(&self.tally), absent)
    }

    /// What the repository is opened with.
    fn opening(&self, store: SettingsStore) -> anyhow::Result<(Arc<Storage>, Keys)> {
        let cache = &self.config.cache;
        std::fs::create_dir_all(cache).map_err(|error| Cause::LocalDisk {
            doing: format!("creating the cache folder {}", cache.display()),
            why: error.to_string(),
        })?;
        let handle = self.runtime.handle().clone();
        let storage = Storage::new(self.shared, self.config.bucket.clone(), handle.clone());
        Ok((Arc::new(storage), Keys::load(store, handle)?))
    }
}

/// Where a source is restored to.
enum Target<'a> {
    Folder(&'a Path),
    Load(&'a [String]),
}

/// Where the source of this name is restored to, as the application is described now.
fn target<'a>(application: &'a Application, name: &str) -> Result<Target<'a>, Cause> {
    let found: Option<&Source> = application.sources.iter().find(|source| source.name == name);
    match found.map(|source| &source.origin) {
        Some(Origin::Directory(root)) => Ok(Target::Folder(root)),
        Some(Origin::Dump { load: Some(load), .. }) => Ok(Target::Load(load)),
        Some(Origin::Dump { load: None, .. }) => {
            Err(wrong(format!("the source “{name}” has no “load” command, so its dump cannot be restored")))
        }
        None => Err(wrong(format!(
            "the backup holds the source “{name}”, which the application’s description does not name any more"
        ))),
    }
}

fn wrong(why: String) -> Cause {
    Cause::Configuration { why }
}
