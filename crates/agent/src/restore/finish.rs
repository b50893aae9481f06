//! The end of a restore: what does not belong is removed, everything is compared with the snapshot, what
//! was written is read back from the disk, and the folders get their own metadata.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use nightkeep_domain::cause::Cause;
use rustic_core::IndexedFull;
use rustix::{
    fs::{Advice, FileType, fadvise},
    io::Errno,
};

use super::{
    blobs::Blobs,
    content::{Chunk, Comparer},
    entry::{Entry, Kind, Link, Listed, Metadata, Walk},
    metadata,
    plan::{Plan, Spot, chunks, has, is_kind},
    target::{Folder, Folders, Seen, Target},
};

/// How many files are read back at once: a disk, and all the more a file system behind a network, serves
/// many requests at a time.
const READERS: usize = 16;

/// A file that is to be read back.
struct Written {
    spot: Spot,
    chunks: Vec<Chunk>,
}

/// The end of a restore.
pub(super) struct Finish<'a, S> {
    blobs: &'a Blobs<'a, S>,
    target: &'a Target,
    plan: &'a Plan,
    removed: u64,
    folders: Vec<(PathBuf, Metadata)>,
    /// Which file has the names of one file in the snapshot, and the other way round.
    linked: HashMap<Link, (u64, u64)>,
    taken: HashMap<(u64, u64), Link>,
}

impl<'a, S: IndexedFull> Finish<'a, S> {
    pub(super) fn new(blobs: &'a Blobs<'a, S>, target: &'a Target, plan: &'a Plan) -> Self {
        Self {
            blobs,
            target,
            plan,
            removed: 0,
            folders: Vec::new(),
            linked: HashMap::new(),
            taken: HashMap::new(),
        }
    }

    /// Says how much was removed.
    pub(super) fn run(mut self, walk: Walk<'_, S>) -> anyhow::Result<u64> {
        // What is still only in memory could not be read from the disk.
        self.target.settle()?;
        let target = self.target;
        let (sender, receiver) = sync_channel(64);
        let receiver = Arc::new(Mutex::new(receiver));
        thread::scope(|scope| {
            let mut readers = Vec::new();
            for _ in 0..READERS {
                let receiver = Arc::clone(&receiver);
                readers.push(scope.spawn(move || read_back(target, &receiver)));
            }
            // Without any reader left nothing is to be sent.
            drop(receiver);
            let walked = self.walk(walk, &sender);
            drop(sender);
            for reader in readers {
                reader
                    .join()
                    .map_err(|_| anyhow::anyhow!("a thread that reads files back has panicked"))??;
            }
            walked
        })?;
        // Those inside first: a folder's own mode may keep its owner out of it.
        for (path, metadata) in self.folders.iter().rev() {
            self.folder_itself(path, metadata)?;
        }
        self.target.settle()?;
        Ok(self.removed)
    }

    fn walk(&mut self, mut walk: Walk<'_, S>, sender: &SyncSender<Written>) -> anyhow::Result<()> {
        let written = self.plan.written();
        while let Some(listed) = walk.next()? {
            let Listed { path, metadata, entries } = listed;
            let folder = self.target.folder(&path).map_err(self.target.fault(&path, "opening the folder"))?;
            self.remove_surplus(&path, &folder, &entries)?;
            let new = written.get(path.as_path());
            for entry in entries {
                self.compare(&path, &folder, &entry)?;
                if entry.kind == Kind::File && has(new, &entry.name) {
                    let spot = Spot { folder: path.as_path().into(), name: entry.name.clone() };
                    let chunks = chunks(self.blobs, &self.target.source, &entry, &spot)?;
                    if sender.send(Written { spot, chunks }).is_err() {
                        // No reader is left, which is what is reported.
                        return Ok(());
                    }
                }
            }
            self.folders.push((path, metadata));
        }
        Ok(())
    }

    fn remove_surplus(&mut self, path: &Path, folder: &Folder, entries: &[Entry]) -> Result<(), Cause> {
        let wanted: BTreeSet<&OsString> = entries.iter().map(|entry| &entry.name).collect();
        let names = folder.names().map_err(self.target.fault(path, "listing the folder"))?;
        for name in names.iter().filter(|name| !wanted.contains(name)) {
            folder.remove(name).map_err(self.target.fault(&path.join(name), "removing it"))?;
            self.removed += 1;
        }
        Ok(())
    }

    fn compare(&mut self, path: &Path, folder: &Folder, entry: &Entry) -> Result<(), Cause> {
        let path = path.join(&entry.name);
        let fault = |error| self.target.fault(&path, "looking at it")(error);
        let Some(seen) = folder.look(&entry.name).map_err(fault)? else {
            return Err(differs(self.target, &path, "it is not there"));
        };
        if !is_kind(&entry.kind, &seen) {
            return Err(differs(self.target, &path, &format!("it is {}", word(seen.kind))));
        }
        if entry.is_folder() {
            return Ok(());
        }
        if entry.kind == Kind::File && seen.size != entry.size {
            let why = format!("it is {} bytes long instead of {}", seen.size, entry.size);
            return Err(differs(self.target, &path, &why));
        }
        if let Kind::Symlink(target) = &entry.kind {
            let found = folder.link_target(&entry.name).map_err(fault)?;
            if found != *target {
                let why = format!("it is a symbolic link to {found:?} instead of {target:?}");
                return Err(differs(self.target, &path, &why));
            }
        }
        if let Some(why) = metadata::difference(&entry.metadata, &seen, folder, &entry.name).map_err(fault)? {
            return Err(differs(self.target, &path, &why));
        }
        let link = entry.link.filter(|_| !self.plan.separate.contains(&path));
        self.compare_names(&path, link, &seen)
    }

    fn compare_names(&mut self, path: &Path, link: Option<Link>, seen: &Seen) -> Result<(), Cause> {
        let names = match link {
            None => Some(1),
            // How many there are outside the source is not known.
            Some(link) => self.plan.links_inside.get(&link).copied().filter(|inside| *inside == link.names),
        };
        if let Some(names) = names.filter(|names| *names != seen.names) {
            let why = format!("it has {} names instead of {names}", seen.names);
            return Err(differs(self.target, path, &why));
        }
        if let Some(link) = link
            && (*self.linked.entry(link).or_insert(seen.identity) != seen.identity
                || *self.taken.entry(seen.identity).or_insert(link) != link)
        {
            return Err(differs(self.target, path, "it is a name of another file"));
        }
        Ok(())
    }

    fn folder_itself(&self, path: &Path, metadata: &Metadata) -> Result<(), Cause> {
        let fault = |error| self.target.fault(path, "opening the folder")(error);
        let folder = self.target.folder(path).map_err(fault)?;
        let handle = folder.as_handle().map_err(fault)?;
        if metadata::difference_of(metadata, &handle).map_err(fault)?.is_none() {
            return Ok(());
        }
        metadata::apply(metadata, &handle).map_err(|(doing, error)| self.target.fault(path, doing)(error))?;
        match metadata::difference_of(metadata, &handle).map_err(fault)? {
            Some(why) => Err(differs(self.target, path, &why)),
            None => Ok(()),
        }
    }
}

/// One reader: takes file after file until there is none left, or one is wrong.
fn read_back(target: &Target, files: &Mutex<Receiver<Written>>) -> Result<(), Cause> {
    let next = || files.lock().ok().and_then(|files| files.recv().ok());
    let (mut folders, mut comparer, mut result) = (Folders::new(target), Comparer::new(), Ok(()));
    while let Some(written) = next() {
        // After a failure the rest is only taken, so that nobody waits for it to be.
        if result.is_ok() {
            result = read_one(target, &mut folders, &mut comparer, &written);
        }
    }
    result
}

fn read_one(
    target: &Target,
    folders: &mut Folders<'_>,
    comparer: &mut Comparer,
    Written { spot, chunks }: &Written,
) -> Result<(), Cause> {
    let path = spot.path();
    let fault = |error| target.fault(&path, "reading it back")(error);
    let folder = folders.of(&spot.folder).map_err(fault)?;
    let mut file = folder.read(&spot.name).map_err(fault)?;
    // What the system still has in memory is forgotten, so that it is the disk that is read.
    fadvise(&file, 0, None, Advice::DontNeed).map_err(fault)?;
    match comparer.holds(&mut file, chunks) {
        Ok(true) => Ok(()),
        Ok(false) => Err(differs(target, &path, "its content is not that of the snapshot")),
        Err(error) => Err(fault(Errno::from_io_error(&error).unwrap_or(Errno::IO))),
    }
}

fn differs(target: &Target, path: &Path, why: &str) -> Cause {
    Cause::NotAsRestored { source: target.source.clone(), path: target.display(path), why: why.to_owned() }
}

fn word(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "another device",
        FileType::Unknown => "of an unknown kind",
    }
}
