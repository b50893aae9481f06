//! A source that is a folder.
//!
//! It must never leave anything out in silence: everything in the folder is looked at and handed to the
//! engine, what has not changed folder by folder, and whatever cannot be listed, opened or read to its end
//! is a fault that fails the backup. The folders above it are handed over too, so that their modes and
//! owners are in the snapshot, as restic does.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use ignore::{DirEntry, Walk, WalkBuilder};
use nightkeep_domain::cause::Cause;
use rustic_core::{
    ErrorKind, LocalSourceSaveOptions, ReadSource, ReadSourceEntry, ReadSourceOpen, RusticError,
    RusticResult, repofile::Node,
};

use super::{
    ahead::Ahead,
    fill,
    unchanged::{Before, Compared, Entry, Whole},
};
use crate::progress::Tally;

/// Up to this size, in bytes, the engine reads a file at once; what is larger it reads in small pieces.
const AT_ONCE: u64 = 512 << 10;

/// How much of a larger file is read from the system at once, in bytes.
const AHEAD: usize = 128 << 10;

/// A folder that is read.
pub(crate) struct Directory {
    name: String,
    root: PathBuf,
    before: Option<Before>,
    whole: Arc<Mutex<Whole>>,
    shared: Arc<Shared>,
}

/// What the readers of the engine's threads share.
#[derive(Debug)]
struct Shared {
    tally: Arc<Tally>,
    faults: Mutex<Vec<(PathBuf, String)>>,
    files: AtomicU64,
}

/// Whether a folder may hold nothing. It may when it is about to be restored: that all is gone can be
/// why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    Refused,
    Allowed,
}

/// The folder of a source, if it exists and holds something.
pub(crate) fn check(source: &str, folder: &Path, empty: Empty) -> Result<PathBuf, Cause> {
    let (source, path) = (source.to_owned(), folder.display().to_string());
    let unreadable = |error: &io::Error| Cause::SourceUnreadable {
        source: source.clone(),
        path: path.clone(),
        why: error.to_string(),
        more: 0,
    };
    let root = match fs::canonicalize(folder) {
        Ok(root) => root,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Cause::SourceMissing { source, path });
        }
        Err(error) => return Err(unreadable(&error)),
    };
    match fs::read_dir(&root).and_then(|mut entries| entries.next().transpose()) {
        Ok(Some(_)) => Ok(root),
        Ok(None) if empty == Empty::Allowed => Ok(root),
        Ok(None) => Err(Cause::SourceEmpty { source, path }),
        Err(error) => Err(unreadable(&error)),
    }
}

/// The bytes and the files in a folder. What cannot be read does not count: reading it reports it.
pub(crate) fn count(root: &Path) -> (u64, u64) {
    let sizes = walk(root, None).flatten().filter_map(|entry| {
        let metadata = entry.metadata().ok()?;
        (!metadata.is_dir()).then(|| if metadata.is_file() { metadata.len() } else { 0 })
    });
    sizes.fold((0, 0), |(bytes, files), size| (bytes + size, files + 1))
}

/// Everything in a folder, itself first, in the order of the repository's trees; nothing is left out.
fn walk(root: &Path, depth: Option<usize>) -> Walk {
    WalkBuilder::new(root)
        .standard_filters(false)
        .follow_links(false)
        .max_depth(depth)
        .sort_by_file_path(Path::cmp)
        .build()
}

/// A path, and what is wrong with it.
type Fault = (PathBuf, String);

/// An entry, as the repository has it.
fn node(found: Result<DirEntry, ignore::Error>) -> Result<(PathBuf, Node), Fault> {
    let entry = found.map_err(|error| (path_of(&error), reason(&error)))?;
    let path = entry.path().to_path_buf();
    let ReadSourceEntry { path, mut node, open: _ } =
        LocalSourceSaveOptions::default().map_entry(entry).map_err(|error| (path, error.to_string()))?;
    if !node.is_file() {
        // As restic has it: only a file's content has a size.
        node.meta.size = 0;
    }
    Ok((path, node))
}

impl Directory {
    /// The folder `root`, which [`check`] has given, and its last snapshot.
    pub(crate) fn new(name: &str, root: PathBuf, tally: Arc<Tally>, before: Option<Before>) -> Self {
        let shared = Shared { tally, faults: Mutex::new(Vec::new()), files: AtomicU64::new(0) };
        Self { name: name.to_owned(), root, before, whole: Arc::default(), shared: Arc::new(shared) }
    }

    /// What was handed over as whole folders.
    pub(crate) fn whole(&self) -> Whole {
        self.whole.lock().map(|whole| *whole).unwrap_or_default()
    }

    /// What could not be read, if anything.
    pub(crate) fn fault(&self) -> Option<Cause> {
        let faults = self.shared.faults.lock().ok()?;
        let (path, why) = faults.first()?;
        Some(Cause::SourceUnreadable {
            source: self.name.clone(),
            path: path.display().to_string(),
            why: why.clone(),
            more: faults.len() as u64 - 1,
        })
    }

    /// How many entries other than folders were found.
    pub(crate) fn files(&self) -> u64 {
        self.shared.files.load(Relaxed)
    }
}

impl Shared {
    /// Remembers a fault, and gives the engine's error for it.
    fn fault(&self, path: &Path, why: impl ToString) -> Box<RusticError> {
        let why = why.to_string();
        let error = RusticError::new(ErrorKind::InputOutput, format!("{}: {why}", path.display()));
        if let Ok(mut faults) = self.faults.lock() {
            faults.push((path.to_path_buf(), why));
        }
        error
    }

    fn faulty(&self) -> bool {
        self.faults.lock().is_ok_and(|faults| !faults.is_empty())
    }
}

impl ReadSource for Directory {
    type Open = Openable;
    type Iter = Box<dyn Iterator<Item = RusticResult<ReadSourceEntry<Openable>>> + Send>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    /// The folders above, the folder, and all that is in it.
    fn entries(&self) -> Self::Iter {
        let mut above: Vec<_> = self
            .root
            .ancestors()
            .skip(1)
            .filter(|folder| folder.parent().is_some())
            .flat_map(|folder| walk(folder, Some(0)))
            .map(|found| node(found).map(|(path, node)| Entry::One(path, node)))
            .collect();
        above.reverse();
        let root = self.root.clone();
        let broken = move || Err((root.clone(), "a thread that looks at files has panicked".to_owned()));
        let counting = Arc::clone(&self.shared);
        let found = Ahead::start(walk(&self.root, None), node, broken).inspect(move |found| {
            if found.as_ref().is_ok_and(|(_, node)| !node.is_dir()) {
                counting.files.fetch_add(1, Relaxed);
            }
        });
        let (before, whole) = (self.before.clone(), Arc::clone(&self.whole));
        let compared = Compared::new(found, &self.root, before, whole, Arc::clone(&self.shared.tally));
        let shared = Arc::clone(&self.shared);
        Box::new(above.into_iter().chain(compared).map(move |found| entry(&shared, found)))
    }
}

/// What the engine needs to know of an entry.
fn entry(shared: &Arc<Shared>, found: Result<Entry, Fault>) -> RusticResult<ReadSourceEntry<Openable>> {
    match found.map_err(|(path, why)| shared.fault(&path, why))? {
        Entry::One(path, node) => {
            if !node.is_dir() {
                shared.tally.add_file();
            }
            let open = Openable { path: path.clone(), size: node.meta.size, shared: Arc::clone(shared) };
            Ok(ReadSourceEntry { path, node, open: Some(open) })
        }
        // A folder is entered where the path is its own. With that of the folder above it stands at the place
        // of a file, and the engine takes it as it is.
        Entry::Whole(path, node) => Ok(ReadSourceEntry { path, node, open: None }),
    }
}

/// The path that an error of a walk is about.
pub(crate) fn path_of(error: &ignore::Error) -> PathBuf {
    match error {
        ignore::Error::WithPath { path, .. } => path.clone(),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => PathBuf::new(),
    }
}

/// What the system said.
pub(crate) fn reason(error: &ignore::Error) -> String {
    match error {
        ignore::Error::WithPath { err, .. }
        | ignore::Error::WithDepth { err, .. }
        | ignore::Error::WithLineNumber { err, .. } => reason(err),
        other => other.io_error().map_or_else(|| other.to_string(), io::Error::to_string),
    }
}

/// A file that the engine opens when it gets to it.
pub(crate) struct Openable {
    path: PathBuf,
    size: u64,
    shared: Arc<Shared>,
}

impl ReadSourceOpen for Openable {
    type Reader = Reader;

    fn open(self) -> RusticResult<Reader> {
        let file = File::open(&self.path).map_err(|error| self.shared.fault(&self.path, error))?;
        if self.shared.faulty() {
            // The backup has failed already. Files are still opened, to say how many cannot be; reading
            // them would only keep the application waiting.
            return Err(RusticError::new(ErrorKind::InputOutput, "an earlier file could not be read"));
        }
        let ahead = if self.size > AT_ONCE { AHEAD } else { 0 };
        let file = BufReader::with_capacity(ahead, file);
        Ok(Reader { file, left: self.size, path: self.path, shared: self.shared })
    }
}

/// A file as long as it was when it was listed, so that its size in the snapshot is that of its
/// content. What is written behind that meanwhile belongs to the next backup.
pub(crate) struct Reader {
    file: BufReader<File>,
    left: u64,
    path: PathBuf,
    shared: Arc<Shared>,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let fault = |why: &dyn ToString| io::Error::other(self.shared.fault(&self.path, why.to_string()));
        let read = fill(&mut self.file, &mut buffer[..most]).map_err(|error| fault(&error))?;
        self.left -= read as u64;
        if read < most {
            return Err(fault(&format!("it became {} bytes shorter while it was read", self.left)));
        }
        Ok(read)
    }
}
