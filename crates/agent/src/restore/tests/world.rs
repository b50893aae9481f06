//! A repository in a folder, what is backed up into it, and what is restored.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};

use aes256ctr_poly1305aes::{
    Aes256CtrPoly1305Aes, Key,
    aead::{AeadInPlace, Nonce},
};
use bytes::Bytes;
use jiff::Timestamp;
use nightkeep_domain::cause::Cause;
use rustic_core::{
    BackupOptions, BytesList, ConfigOptions, Credentials, ErrorKind, FileType, Id, IndexedFullStatus,
    KeyOptions, OpenStatus, ReadBackend, Repository, RepositoryBackends, RepositoryOptions, RusticError,
    RusticResult, SnapshotOptions, TreeId, WriteBackend,
    repofile::{MasterKey, Node, SnapshotFile, Tree},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::{
    progress::Tally,
    restore::{self, Blobs, Restored},
    sources::{Directory, Dump, Empty, check},
};

/// A repository's storage in a folder, laid out as restic does.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// How many parts of packs can still be read before the storage fails.
    pub(super) reads_left: AtomicI64,
    /// What somebody else does when the content begins to be read, and at each read after that.
    pub(super) meanwhile: Mutex<Option<Meanwhile>>,
}

/// What somebody else does; it is told how many parts were read before.
pub(super) struct Meanwhile(pub(super) Box<dyn FnMut(u64) + Send>, pub(super) u64);

impl fmt::Debug for Meanwhile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Meanwhile")
    }
}

impl Store {
    /// Has something done while content is read.
    pub(super) fn meanwhile(&self, act: impl FnMut(u64) + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Meanwhile(Box::new(act), 0));
    }

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
        if let Some(Meanwhile(act, count)) = self.meanwhile.lock().unwrap().as_mut().filter(|_| !tree) {
            act(*count);
            *count += 1;
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
        let store = Arc::new(Store {
            folder: folder.path().join("repository"),
            reads_left,
            meanwhile: Mutex::default(),
        });
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
        let root = check("data", &self.root, Empty::Refused).unwrap();
        let source = Directory::new("data", root.clone(), Arc::clone(&self.tally), None);
        let made = self.archive(&source, root).unwrap();
        assert_eq!(source.fault(), None);
        made
    }

    /// Backs up what a command says.
    pub(super) fn back_up_dump(&self, command: &[String]) -> SnapshotFile {
        self.try_back_up_dump(command).unwrap()
    }

    /// Backs up what a command says, or tells why that does not count.
    pub(super) fn try_back_up_dump(&self, command: &[String]) -> Result<SnapshotFile, Cause> {
        let source = Dump::start("database", command, &self.tally, Timestamp::UNIX_EPOCH)?;
        let made = self.archive(&source, source.path());
        source.fault().map_or_else(|| Ok(made.unwrap()), Err)
    }

    fn archive<R>(&self, source: &R, path: PathBuf) -> RusticResult<SnapshotFile>
    where
        R: rustic_core::ReadSource + 'static,
        R::Open: Send,
        R::Iter: Send,
    {
        let repository = self.repository().to_indexed_ids().unwrap();
        let snapshot = SnapshotOptions::default().host("nightkeep".to_owned()).to_snapshot().unwrap();
        let mut options = BackupOptions::default();
        options.parent_opts.force = true;
        repository.archive(&options, source, snapshot, &[path])
    }

    /// Writes a tree by hand, whatever is in it.
    pub(super) fn put_tree(&self, nodes: Vec<Node>) -> TreeId {
        let (content, id) = Tree { nodes }.serialize().unwrap();
        let mut pack = self.encrypted(&content);
        let length = u32::try_from(pack.len()).unwrap();
        let mut header = vec![1];
        header.extend(length.to_le_bytes());
        header.extend(hex::decode(id.to_hex().as_str()).unwrap());
        let header = self.encrypted(&header);
        pack.extend(&header);
        pack.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
        let pack = self.put_object(FileType::Pack, pack);
        let blob = json!({ "id": id.to_hex().as_str(), "type": "tree", "offset": 0, "length": length });
        let index = json!({ "packs": [{ "id": pack.to_hex().as_str(), "blobs": [blob] }] }).to_string();
        self.put_object(FileType::Index, self.encrypted(index.as_bytes()));
        id
    }

    fn put_object(&self, kind: FileType, content: Vec<u8>) -> Id {
        let id: Id = hex::encode(Sha256::digest(&content)).parse().unwrap();
        self.store.write_bytes(kind, &id, false, content.into()).unwrap();
        id
    }

    fn encrypted(&self, content: &[u8]) -> Vec<u8> {
        let parts = [self.key.encrypt.as_slice(), &self.key.mac.k, &self.key.mac.r].concat();
        let mut nonce = Nonce::<Aes256CtrPoly1305Aes>::default();
        getrandom::fill(&mut nonce).unwrap();
        let mut text = content.to_vec();
        let cipher = Aes256CtrPoly1305Aes::new(Key::from_slice(&parts));
        let tag = cipher.encrypt_in_place_detached(&nonce, &[], &mut text).unwrap();
        [nonce.as_slice(), &text, &tag].concat()
    }

    pub(super) fn with_blobs<T>(&self, act: impl FnOnce(&Blobs<'_, IndexedFullStatus>) -> T) -> T {
        let repository = self.repository().to_indexed().unwrap();
        act(&Blobs::new(&repository, &*self.store).unwrap())
    }

    pub(super) fn restore_with(&self, snapshot: &SnapshotFile) -> anyhow::Result<Restored> {
        self.with_blobs(|blobs| {
            restore::directory(blobs, snapshot, "data", &self.root, &self.tally, &|| Ok(()))
        })
    }

    pub(super) fn restore(&self, snapshot: &SnapshotFile) -> Restored {
        self.restore_with(snapshot).unwrap()
    }

    /// The cause with which a restore fails.
    pub(super) fn refusal(&self, snapshot: &SnapshotFile) -> Cause {
        self.restore_with(snapshot).unwrap_err().downcast().unwrap()
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
