//! A repository in a folder, what is backed up into it, and what is restored.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use jiff::Timestamp;
use nightkeep_domain::cause::Cause;
use rustic_core::{
    BackupOptions, BytesList, ConfigOptions, Credentials, ErrorKind, FileType, Id, IndexedFullStatus,
    KeyOptions, OpenStatus, ReadBackend, Repository, RepositoryBackends, RepositoryOptions, RusticError,
    RusticResult, SnapshotOptions, WriteBackend,
    repofile::{MasterKey, SnapshotFile},
};
use tempfile::TempDir;

use crate::{
    progress::Tally,
    restore::{self, Blobs, Compare, Restored},
    sources::{Directory, Dump, check},
};

/// A repository's storage in a folder, laid out as restic does.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// How many parts of packs can still be read before the storage fails.
    pub(super) reads_left: AtomicI64,
}

impl Store {
    fn path(&self, kind: FileType, id: &Id) -> PathBuf {
        let name = id.to_hex();
        match kind {
            FileType::Config => self.folder.join("config"),
            FileType::Pack => self.folder.join("data").join(&name[..2]).join(name.as_str()),
            FileType::Index | FileType::Key | FileType::Snapshot => {
                self.folder.join(kind.dirname()).join(name.as_str())
            }
        }
    }
}

fn failed(error: &io::Error) -> Box<RusticError> {
    RusticError::new(ErrorKind::Backend, error.to_string())
}

impl ReadBackend for Store {
    fn location(&self) -> String {
        self.folder.display().to_string()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let root = match kind {
            FileType::Config if self.folder.join("config").exists() => return Ok(vec![(Id::default(), 1)]),
            FileType::Config => return Ok(Vec::new()),
            FileType::Pack => self.folder.join("data"),
            FileType::Index | FileType::Key | FileType::Snapshot => self.folder.join(kind.dirname()),
        };
        let files =
            walkdir::WalkDir::new(root).into_iter().flatten().filter(|entry| entry.file_type().is_file());
        let listed = files.map(|entry| {
            let size = entry.metadata().unwrap().len();
            (entry.file_name().to_str().unwrap().parse().unwrap(), u32::try_from(size).unwrap())
        });
        Ok(listed.collect())
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        Ok(fs::read(self.path(kind, id)).map_err(|error| failed(&error))?.into())
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        tree: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        use std::os::unix::fs::FileExt;
        if !tree && self.reads_left.fetch_sub(1, SeqCst) <= 0 {
            return Err(failed(&io::Error::other("the storage is gone")));
        }
        let mut bytes = vec![0; length as usize];
        let file = fs::File::open(self.path(kind, id)).map_err(|error| failed(&error))?;
        file.read_exact_at(&mut bytes, offset.into()).map_err(|error| failed(&error))?;
        Ok(bytes.into())
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.path(kind, id).display().to_string()
    }
}

impl WriteBackend for Store {
    fn create(&self) -> RusticResult<()> {
        for folder in ["data", "index", "keys", "snapshots"] {
            fs::create_dir_all(self.folder.join(folder)).map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        let path = self.path(kind, id);
        let write = || {
            fs::create_dir_all(path.parent().unwrap())?;
            fs::write(&path, content.slice().concat())
        };
        write().map_err(|error| failed(&error))
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        fs::remove_file(self.path(kind, id)).map_err(|error| failed(&error))
    }
}

/// A folder with a source in it, and a repository.
pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) root: PathBuf,
    pub(super) store: Arc<Store>,
    pub(super) tally: Arc<Tally>,
    key: MasterKey,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = folder.path().canonicalize().unwrap().join("data");
        fs::create_dir(&root).unwrap();
        let reads_left = AtomicI64::new(i64::MAX);
        let store = Arc::new(Store { folder: folder.path().join("repository"), reads_left });
        let closed = closed(&store);
        let credentials = Credentials::password("secret");
        let config = ConfigOptions::default().set_compression(1);
        let key = closed.init(&credentials, &KeyOptions::default(), &config).unwrap().key();
        Self { folder, root, store, tally: Arc::default(), key }
    }

    pub(super) fn repository(&self) -> Repository<OpenStatus> {
        closed(&self.store).open(&Credentials::Masterkey(self.key.clone())).unwrap()
    }

    /// Backs up the source.
    pub(super) fn back_up(&self) -> SnapshotFile {
        let root = check("data", &self.root).unwrap();
        let source = Directory::new("data", root.clone(), Arc::clone(&self.tally));
        let made = self.archive(&source, root);
        assert_eq!(source.fault(), None);
        made
    }

    /// Backs up what a command says.
    pub(super) fn back_up_dump(&self, command: &[String]) -> SnapshotFile {
        let source = Dump::start("database", command, &self.tally, Timestamp::UNIX_EPOCH).unwrap();
        let made = self.archive(&source, source.path());
        assert_eq!(source.fault(), None);
        made
    }

    fn archive<R>(&self, source: &R, path: PathBuf) -> SnapshotFile
    where
        R: rustic_core::ReadSource + 'static,
        R::Open: Send,
        R::Iter: Send,
    {
        let repository = self.repository().to_indexed_ids().unwrap();
        let snapshot = SnapshotOptions::default().host("nightkeep".to_owned()).to_snapshot().unwrap();
        let mut options = BackupOptions::default();
        options.parent_opts.force = true;
        repository.archive(&options, source, snapshot, &[path]).unwrap()
    }

    pub(super) fn with_blobs<T>(&self, act: impl FnOnce(&Blobs<'_, IndexedFullStatus>) -> T) -> T {
        let repository = self.repository().to_indexed().unwrap();
        act(&Blobs::new(&repository, &*self.store).unwrap())
    }

    pub(super) fn restore_with(&self, snapshot: &SnapshotFile, compare: Compare) -> anyhow::Result<Restored> {
        self.with_blobs(|blobs| restore::directory(blobs, snapshot, "data", &self.root, compare, &self.tally))
    }

    pub(super) fn restore(&self, snapshot: &SnapshotFile) -> Restored {
        self.restore_with(snapshot, Compare::SizeAndTime).unwrap()
    }

    /// The cause with which a restore fails.
    pub(super) fn refusal(&self, snapshot: &SnapshotFile) -> Cause {
        self.restore_with(snapshot, Compare::SizeAndTime).unwrap_err().downcast().unwrap()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

fn closed(store: &Arc<Store>) -> Repository<()> {
    let mut options = RepositoryOptions::default();
    options.no_cache = true;
    let storage: Arc<dyn WriteBackend> = Arc::<Store>::clone(store);
    Repository::new(&options, &RepositoryBackends::new(storage, None)).unwrap()
}

/// Whether nothing that is unfinished was left anywhere in a folder.
pub(super) fn is_tidy(root: &Path) -> bool {
    let mut entries = walkdir::WalkDir::new(root).into_iter().map(Result::unwrap);
    !entries.any(|entry| entry.file_name().to_string_lossy().starts_with(".nightkeep-restore-"))
}
