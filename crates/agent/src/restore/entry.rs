//! What a snapshot holds in one folder, checked.
//!
//! A snapshot is material from outside: whoever can write to the repository can put anything into it.
//! Nothing of a folder is believed before all its names have been looked at: none may lead out of the
//! folder, and none may be there twice.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use jiff::Timestamp;
use nightkeep_domain::cause::Cause;
use rustic_core::{
    DataId, IndexedFull, TreeId,
    repofile::{Node, NodeType, SnapshotFile},
};

use super::blobs::Blobs;

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: OsString,
    pub(super) kind: Kind,
    pub(super) metadata: Metadata,
    /// When anything of it was last changed, before it was backed up.
    pub(super) changed: Option<(i64, u32)>,
    /// In bytes; 0 for anything but a file.
    pub(super) size: u64,
    /// Which names are one file.
    pub(super) link: Option<Link>,
    pub(super) content: Vec<DataId>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder(TreeId),
    Symlink(OsString),
    Block(u64),
    Character(u64),
    Pipe,
    Socket,
}

/// Several names of one file have the same of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Link {
    pub(super) device: u64,
    pub(super) inode: u64,
    /// How many names it had, those outside the source included.
    pub(super) names: u64,
}

/// What is restored of an entry beside its content. What the snapshot does not say stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    /// The permission bits, setuid, setgid and sticky included.
    pub(super) mode: Option<u32>,
    pub(super) owner: Option<u32>,
    pub(super) group: Option<u32>,
    /// Seconds and nanoseconds.
    pub(super) modified: Option<(i64, u32)>,
    /// Extended attributes, sorted by name.
    pub(super) attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A walk through a snapshot: every folder once, each before those in it, always in the same order.
pub(super) struct Walk<'a, S> {
    blobs: &'a Blobs<'a, S>,
    source: &'a str,
    ahead: Vec<(PathBuf, Metadata, TreeId)>,
}

/// A folder of a snapshot.
pub(super) struct Listed {
    /// Below the source's folder, which has an empty path.
    pub(super) path: PathBuf,
    pub(super) metadata: Metadata,
    /// Sorted by name.
    pub(super) entries: Vec<Entry>,
}

impl<'a, S: IndexedFull> Walk<'a, S> {
    /// The folder that was backed up, and all below it.
    pub(super) fn start(
        blobs: &'a Blobs<'a, S>,
        snapshot: &SnapshotFile,
        source: &'a str,
    ) -> anyhow::Result<Self> {
        let path = snapshot.paths.iter().next().map(PathBuf::from).unwrap_or_default();
        let (mut tree, mut metadata) = (snapshot.tree, Metadata::default());
        for name in path.iter().filter(|name| *name != OsStr::new("/")) {
            let nodes = blobs.tree(&tree)?;
            let node = nodes.iter().find(|node| node.name() == name);
            let folder = node.filter(|node| node.is_dir()).and_then(|node| Some((node, node.subtree?)));
            let Some((node, below)) = folder else {
                return Err(refused(source, &path, "it is not a folder in the snapshot").into());
            };
            tree = below;
            metadata = Metadata::of(node);
        }
        Ok(Self { blobs, source, ahead: vec![(PathBuf::new(), metadata, tree)] })
    }

    /// The next folder.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Listed>> {
        let Some((path, metadata, tree)) = self.ahead.pop() else { return Ok(None) };
        let entries = entries(self.source, &path, self.blobs.tree(&tree)?)?;
        for entry in entries.iter().rev() {
            if let Kind::Folder(tree) = entry.kind {
                self.ahead.push((path.join(&entry.name), entry.metadata.clone(), tree));
            }
        }
        Ok(Some(Listed { path, metadata, entries }))
    }
}

/// The entries of one folder of a snapshot.
fn entries(source: &str, folder: &Path, nodes: Vec<Node>) -> Result<Vec<Entry>, Cause> {
    let mut names = BTreeSet::new();
    let mut entries = Vec::with_capacity(nodes.len());
    for node in nodes {
        let name = node.name().into_owned();
        if let Some(why) = bad_name(&name) {
            return Err(refused(source, folder, &format!("it holds the name {name:?}, which {why}")));
        }
        let path = folder.join(&name);
        if !names.insert(name.clone()) {
            return Err(refused(source, &path, "the name is there twice"));
        }
        entries.push(Entry::of(name, node).map_err(|why| refused(source, &path, why))?);
    }
    entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// Why a name cannot be one of an entry of a folder.
fn bad_name(name: &OsStr) -> Option<&'static str> {
    match name.as_bytes() {
        b"" => Some("is empty"),
        b"." | b".." => Some("leads out of its folder"),
        bytes if bytes.contains(&b'/') => Some("leads out of its folder"),
        bytes if bytes.contains(&0) => Some("no file can have"),
        _ => None,
    }
}

/// The cause that a snapshot is not restored.
pub(super) fn refused(source: &str, path: &Path, why: &str) -> Cause {
    Cause::SnapshotRefused {
        source: source.to_owned(),
        path: if path.as_os_str().is_empty() { "/".to_owned() } else { path.display().to_string() },
        why: why.to_owned(),
    }
}

impl Entry {
    fn of(name: OsString, node: Node) -> Result<Self, &'static str> {
        let metadata = Metadata::of(&node);
        if metadata.owner == Some(u32::MAX) || metadata.group == Some(u32::MAX) {
            return Err("it has an owner that nobody can be");
        }
        if metadata.attributes.iter().any(|(name, _)| name.is_empty() || name.contains(&0)) {
            return Err("it has an extended attribute without a proper name");
        }
        let kind = match node.node_type {
            NodeType::File => Kind::File,
            NodeType::Dir => Kind::Folder(node.subtree.ok_or("it is a folder without a content")?),
            NodeType::Symlink { .. } => {
                let target = node.node_type.to_link().as_os_str();
                if target.is_empty() || target.as_bytes().contains(&0) {
                    return Err("it is a symbolic link to a target that none can have");
                }
                Kind::Symlink(target.to_owned())
            }
            NodeType::Dev { device } => Kind::Block(device),
            NodeType::Chardev { device } => Kind::Character(device),
            NodeType::Fifo => Kind::Pipe,
            NodeType::Socket => Kind::Socket,
        };
        let link = Link { device: node.meta.device_id, inode: node.meta.inode, names: node.meta.links };
        let is_file = kind == Kind::File;
        Ok(Self {
            name,
            changed: node.meta.ctime.map(clock),
            link: (link.names > 1 && !matches!(kind, Kind::Folder(_))).then_some(link),
            metadata,
            size: if is_file { node.meta.size } else { 0 },
            content: if is_file { node.content.unwrap_or_default() } else { Vec::new() },
            kind,
        })
    }

    pub(super) fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder(_))
    }

    /// Whether two names can be those of one file.
    pub(super) fn same_file(&self, other: &Self) -> bool {
        (&self.kind, &self.metadata, self.size, &self.content)
            == (&other.kind, &other.metadata, other.size, &other.content)
    }
}

impl Metadata {
    fn of(node: &Node) -> Self {
        let meta = &node.meta;
        let stored = meta.extended_attributes.iter();
        let mut attributes: Vec<(Vec<u8>, Vec<u8>)> =
            stored.filter_map(|one| Some((one.name.clone().into_bytes(), one.value.clone()?))).collect();
        attributes.sort_unstable();
        Self {
            mode: meta.mode.map(permissions),
            owner: meta.uid,
            group: meta.gid,
            modified: meta.mtime.map(clock),
            attributes,
        }
    }
}

/// A time as the system has it: seconds, and nanoseconds that count forward.
fn clock(time: Timestamp) -> (i64, u32) {
    let (seconds, part) = (time.as_second(), time.subsec_nanosecond());
    // Before 1970 both are negative.
    match u32::try_from(part) {
        Ok(part) => (seconds, part),
        Err(_) => (seconds - 1, 1_000_000_000 - part.unsigned_abs()),
    }
}

/// The permission bits of a mode as restic stores it, which is as Go's `io/fs` defines it.
fn permissions(mode: u32) -> u32 {
    let bit = |stored: u32, bits: u32| if mode & (1 << stored) == 0 { 0 } else { bits };
    (mode & 0o777) | bit(23, 0o4000) | bit(22, 0o2000) | bit(20, 0o1000)
}

/// The single file of a dump's snapshot.
pub(super) fn only_file<S: IndexedFull>(
    blobs: &Blobs<'_, S>,
    snapshot: &SnapshotFile,
    source: &str,
) -> anyhow::Result<Entry> {
    let mut entries = entries(source, Path::new(""), blobs.tree(&snapshot.tree)?)?;
    match (entries.pop(), entries.is_empty()) {
        (Some(entry), true) if entry.kind == Kind::File => Ok(entry),
        (Some(entry), true) => {
            Err(refused(source, Path::new(&entry.name), "it is not a file, as a dump is").into())
        }
        (Some(_), false) => {
            Err(refused(source, Path::new(""), "it holds more than the one file of a dump").into())
        }
        (None, _) => Err(anyhow!("the snapshot of the dump “{source}” holds nothing")),
    }
}
