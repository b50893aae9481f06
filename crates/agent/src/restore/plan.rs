//! What there is to do. Making the plan changes nothing: a snapshot that is refused, or that the
//! repository does not hold completely, is found out before anything is touched.
//!
//! It knows metadata and where content is, never content: some 200 bytes for each file that is to be
//! written.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustic_core::{IndexedFull, repofile::PackId};
use rustix::{fs::FileType, io::Errno};

use super::{
    blobs::{Blobs, Place},
    content::{Chunk, Comparer},
    entry::{Entry, Kind, Link, Listed, Metadata, Walk, refused},
    metadata,
    target::{Folder, Seen, Target},
};

/// Where something is: a folder below the source's, and a name in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) folder: Arc<Path>,
    pub(super) name: OsString,
}

impl Spot {
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}

/// What there is to do, in this order.
#[derive(Default)]
pub(super) struct Plan {
    /// What an earlier restore has left unfinished.
    pub(super) unfinished: Vec<Spot>,
    /// Folders that are not there.
    pub(super) folders: Vec<PathBuf>,
    /// What is right but for its metadata.
    pub(super) repairs: Vec<Repair>,
    /// What is made anew and has no content.
    pub(super) specials: Vec<Special>,
    /// What is made anew and has.
    pub(super) files: Vec<NewFile>,
    /// The content, in the order of the files until [`Plan::sort`].
    pub(super) pieces: Vec<Piece>,
    pub(super) packs: Vec<PackId>,
    /// What are names of one file.
    pub(super) links: Vec<Names>,
    /// How often each file with several names is in the source.
    pub(super) links_inside: BTreeMap<Link, u64>,
    /// What the snapshot calls names of one file, but describes as different: somebody wrote to it while
    /// it was backed up. Each becomes a file of its own.
    pub(super) separate: BTreeSet<PathBuf>,
}

pub(super) struct Repair {
    pub(super) spot: Spot,
    pub(super) metadata: Metadata,
    pub(super) seen: Seen,
}

pub(super) struct Special {
    pub(super) spot: Spot,
    pub(super) kind: Kind,
    pub(super) metadata: Metadata,
}

pub(super) struct NewFile {
    pub(super) spot: Spot,
    pub(super) metadata: Metadata,
    pub(super) size: u64,
    pub(super) pieces: u32,
}

pub(super) struct Names {
    pub(super) first: Spot,
    pub(super) others: Vec<Spot>,
}

/// A blob of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) pack: u32,
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) plain: Option<u32>,
    pub(super) file: u32,
    /// Where in the file it belongs.
    pub(super) at: u64,
}

/// A file with several names, as far as it was met.
struct Group {
    entry: Entry,
    /// Whether its first name has the right content, and the right metadata.
    right: bool,
    tidy: bool,
    met: Vec<(Spot, Option<Seen>)>,
}

/// Makes the plan.
pub(super) struct Planner<'a, S> {
    blobs: &'a Blobs<'a, S>,
    target: &'a Target,
    plan: Plan,
    packs: HashMap<PackId, u32>,
    groups: BTreeMap<Link, Group>,
    comparer: Comparer,
}

impl<'a, S: IndexedFull> Planner<'a, S> {
    pub(super) fn new(blobs: &'a Blobs<'a, S>, target: &'a Target) -> Self {
        Self {
            blobs,
            target,
            plan: Plan::default(),
            packs: HashMap::new(),
            groups: BTreeMap::new(),
            comparer: Comparer::new(),
        }
    }

    /// Looks at everything in the snapshot and in the folder.
    pub(super) fn plan(mut self, mut walk: Walk<'_, S>) -> anyhow::Result<Plan> {
        while let Some(listed) = walk.next()? {
            self.folder(listed)?;
        }
        for group in std::mem::take(&mut self.groups).into_values() {
            self.group(group)?;
        }
        Ok(self.plan)
    }

    fn folder(&mut self, listed: Listed) -> anyhow::Result<()> {
        let folder = match self.target.folder(&listed.path) {
            Ok(folder) => Some(folder),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => None,
            Err(error) => return Err(self.target.fault(&listed.path, "opening the folder")(error).into()),
        };
        let path: Arc<Path> = listed.path.into();
        match &folder {
            Some(folder) => {
                let names = folder.names().map_err(self.target.fault(&path, "listing the folder"))?;
                let left = |name: &OsString| {
                    Target::is_unfinished(name)
                        && listed.entries.binary_search_by(|entry| entry.name.cmp(name)).is_err()
                };
                for name in names.into_iter().filter(left) {
                    self.plan.unfinished.push(Spot { folder: Arc::clone(&path), name });
                }
            }
            None => self.plan.folders.push(path.to_path_buf()),
        }
        for entry in listed.entries.into_iter().filter(|entry| !entry.is_folder()) {
            let spot = Spot { folder: Arc::clone(&path), name: entry.name.clone() };
            let seen = match &folder {
                Some(folder) => {
                    let look = folder.look(&entry.name);
                    look.map_err(|error| self.target.fault(&spot.path(), "looking at it")(error))?
                }
                None => None,
            };
            self.entry(entry, spot, seen, folder.as_ref())?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        mut entry: Entry,
        spot: Spot,
        seen: Option<Seen>,
        folder: Option<&Folder>,
    ) -> anyhow::Result<()> {
        if let Some(link) = entry.link {
            match self.groups.get_mut(&link) {
                Some(group) if group.entry.same_file(&entry) => {
                    group.met.push((spot, seen));
                    return Ok(());
                }
                Some(_) => {
                    self.plan.separate.insert(spot.path());
                    entry.link = None;
                }
                None => {}
            }
        }
        let (mut right, mut tidy) = (false, false);
        if let (Some(seen), Some(folder)) = (&seen, folder) {
            right = self.is_right(&entry, &spot, seen, folder)?;
            tidy = right
                && metadata::difference(&entry.metadata, seen, folder, &entry.name)
                    .map_err(self.target.fault(&spot.path(), "reading its extended attributes"))?
                    .is_none();
        }
        match (entry.link, seen) {
            (Some(link), seen) => {
                self.groups.insert(link, Group { entry, right, tidy, met: vec![(spot, seen)] });
            }
            // Another name of it is either too many, or none of this source: it is left alone.
            (None, Some(seen)) if right && seen.names == 1 => {
                if !tidy {
                    self.plan.repairs.push(Repair { spot, metadata: entry.metadata, seen });
                }
            }
            (None, _) => self.anew(entry, spot)?,
        }
        Ok(())
    }

    /// A file with several names stays if exactly these are its names.
    fn group(&mut self, group: Group) -> anyhow::Result<()> {
        let Group { entry, right, tidy, met } = group;
        let names = entry.link.map_or(1, |link| link.names);
        if let Some(link) = entry.link {
            self.plan.links_inside.insert(link, met.len() as u64);
        }
        let first = met.first().and_then(|(_, seen)| *seen);
        let joined = first.filter(|first| {
            first.names == names
                && met.iter().all(|(_, seen)| seen.is_some_and(|seen| seen.identity == first.identity))
        });
        let all_inside = met.len() as u64 == names;
        let mut spots = met.into_iter().map(|(spot, _)| spot);
        let Some(leader) = spots.next() else { return Ok(()) };
        match joined {
            Some(_) if right && tidy => return Ok(()),
            // What is changed must not be seen under names outside the source.
            Some(seen) if right && all_inside => {
                self.plan.repairs.push(Repair { spot: leader, metadata: entry.metadata, seen });
                return Ok(());
            }
            Some(_) | None => self.anew(entry, leader.clone())?,
        }
        self.plan.links.push(Names { first: leader, others: spots.collect() });
        Ok(())
    }

    fn is_right(&mut self, entry: &Entry, spot: &Spot, seen: &Seen, folder: &Folder) -> anyhow::Result<bool> {
        if !is_kind(&entry.kind, seen) {
            return Ok(false);
        }
        let target = self.target;
        let fault = |error| target.fault(&spot.path(), "reading it")(error);
        Ok(match &entry.kind {
            Kind::Symlink(wanted) => folder.link_target(&entry.name).map_err(fault)? == *wanted,
            Kind::File if seen.size != entry.size => false,
            // No program can set the time of the last change: a file that has the one of the snapshot
            // is the very file. Any other is read.
            Kind::File
                if entry.metadata.modified == Some(seen.modified) && entry.changed == Some(seen.changed) =>
            {
                true
            }
            Kind::File => {
                let chunks = self.chunks(entry, spot)?;
                let mut file = folder.read(&entry.name).map_err(fault)?;
                self.comparer
                    .holds(&mut file, &chunks)
                    .map_err(|error| fault(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?
            }
            Kind::Folder(_) | Kind::Block(_) | Kind::Character(_) | Kind::Pipe | Kind::Socket => true,
        })
    }

    fn chunks(&self, entry: &Entry, spot: &Spot) -> anyhow::Result<Vec<Chunk>> {
        chunks(self.blobs, &self.target.source, entry, spot)
    }

    /// Plans to make an entry anew.
    fn anew(&mut self, entry: Entry, spot: Spot) -> anyhow::Result<()> {
        if entry.kind != Kind::File {
            self.plan.specials.push(Special { spot, kind: entry.kind, metadata: entry.metadata });
            return Ok(());
        }
        let file = u32::try_from(self.plan.files.len())?;
        let mut at = 0;
        for Chunk { place, length, .. } in self.chunks(&entry, &spot)? {
            let Place { pack, offset, length: stored, plain } = place;
            let pack = match self.packs.get(&pack) {
                Some(pack) => *pack,
                None => {
                    let next = u32::try_from(self.plan.packs.len())?;
                    self.plan.packs.push(pack);
                    self.packs.insert(pack, next);
                    next
                }
            };
            self.plan.pieces.push(Piece { pack, offset, length: stored, plain, file, at });
            at += u64::from(length);
        }
        let pieces = u32::try_from(entry.content.len())?;
        self.plan.files.push(NewFile { spot, metadata: entry.metadata, size: entry.size, pieces });
        Ok(())
    }
}

/// The chunks of a file, which together are as long as the file.
pub(super) fn chunks<S: IndexedFull>(
    blobs: &Blobs<'_, S>,
    source: &str,
    entry: &Entry,
    spot: &Spot,
) -> anyhow::Result<Vec<Chunk>> {
    let mut chunks = Vec::with_capacity(entry.content.len());
    for id in &entry.content {
        let place = blobs.place(id)?;
        chunks.push(Chunk { id: *id, length: place.content_length(), place });
    }
    let length: u64 = chunks.iter().map(|chunk| u64::from(chunk.length)).sum();
    if length == entry.size {
        Ok(chunks)
    } else {
        let why = format!("its content is {length} bytes long, but its size is {}", entry.size);
        Err(refused(source, &spot.path(), &why).into())
    }
}

/// Whether what is there is of an entry's kind.
pub(super) fn is_kind(kind: &Kind, seen: &Seen) -> bool {
    match kind {
        Kind::File => seen.kind == FileType::RegularFile,
        Kind::Folder(_) => seen.kind == FileType::Directory,
        Kind::Symlink(_) => seen.kind == FileType::Symlink,
        Kind::Block(device) => seen.kind == FileType::BlockDevice && seen.device == *device,
        Kind::Character(device) => seen.kind == FileType::CharacterDevice && seen.device == *device,
        Kind::Pipe => seen.kind == FileType::Fifo,
        Kind::Socket => seen.kind == FileType::Socket,
    }
}

impl Plan {
    /// Puts the content into the order of the packs: the blobs of a pack are beside each other, and the
    /// packs come as the files first need them, so that few files are unfinished at a time.
    pub(super) fn sort(&mut self) {
        self.pieces.sort_unstable_by_key(|piece| (piece.pack, piece.offset, piece.file, piece.at));
    }

    /// How many bytes, and how many files, are to be written.
    pub(super) fn size(&self) -> (u64, u64) {
        let bytes = self.files.iter().map(|file| file.size).sum();
        (bytes, (self.files.len() + self.specials.len()) as u64)
    }

    /// The names of the files that are to be written, folder by folder.
    pub(super) fn written(&self) -> BTreeMap<Arc<Path>, Vec<OsString>> {
        let mut written: BTreeMap<Arc<Path>, Vec<OsString>> = BTreeMap::new();
        for file in &self.files {
            written.entry(Arc::clone(&file.spot.folder)).or_default().push(file.spot.name.clone());
        }
        written.values_mut().for_each(|names| names.sort_unstable());
        written
    }
}

/// Whether a sorted list of names has one.
pub(super) fn has(names: Option<&Vec<OsString>>, name: &OsStr) -> bool {
    names.is_some_and(|names| names.binary_search_by(|other| other.as_os_str().cmp(name)).is_ok())
}
