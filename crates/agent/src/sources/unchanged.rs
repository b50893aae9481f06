//! The folders of a source in which nothing has changed since its last backup.
//!
//! The engine hands every entry from thread to thread, which is most of what it does where nothing has
//! changed. A folder that is, with all that is in it, what the last snapshot holds of it has the tree that
//! the repository has already, and is handed over as one entry with that tree.
//!
//! It must never take for unchanged what the engine would read or write anew: everything in the folder has
//! been looked at, all its metadata are the same, every tree in it was read and every blob of its files is
//! in the index. What cannot be looked at is left to the engine, which fails for it.

use std::{
    cmp::Ordering,
    collections::HashMap,
    iter::Peekable,
    path::{Path, PathBuf},
    vec,
};

use rustic_core::{
    IndexedFull, Repository, TreeId,
    repofile::{Node, SnapshotSummary},
};

use crate::progress::Tally;

/// Folders that are as they were, none of them in another.
#[derive(Default)]
pub(crate) struct Unchanged {
    folders: HashMap<PathBuf, TreeId>,
    size: Size,
}

/// What is in folders.
#[derive(Debug, Default, Clone, Copy)]
struct Size {
    folders: u64,
    files: u64,
    bytes: u64,
}

/// A folder that is being looked at.
struct Frame {
    path: PathBuf,
    /// Its tree in the last snapshot.
    tree: Option<TreeId>,
    /// What the last snapshot has in it and was not met yet.
    before: Peekable<vec::IntoIter<Node>>,
    same: bool,
    /// What is in it, itself included, but not in the folders in it.
    own: Size,
    /// What is in it and in all folders in it.
    size: Size,
    /// The folders in it that are as they were.
    inner: Vec<(PathBuf, TreeId, Size)>,
}

impl Unchanged {
    /// Compares what is `found` in the folder `root`, itself first, with a snapshot's `tree`. What has not
    /// changed counts as done.
    pub(crate) fn find<E>(
        repository: &Repository<impl IndexedFull>,
        tree: TreeId,
        root: &Path,
        found: impl Iterator<Item = Result<(PathBuf, Node), E>>,
        tally: &Tally,
    ) -> Self {
        let Some(above) = root.parent() else { return Self::default() };
        let Some(before) = folder_of(repository, tree, above) else { return Self::default() };
        let mut frames = vec![Frame::new(above.to_path_buf(), None, before, true)];
        for entry in found {
            let Ok((path, node)) = entry else { return Self::default() };
            while frames.len() > 1 && frames.last().is_some_and(|frame| Some(&*frame.path) != path.parent()) {
                close(&mut frames, tally);
            }
            if let Some(frame) = frames.last_mut()
                && let Some(inner) = frame.meet(repository, path, &node)
            {
                frames.push(inner);
            }
        }
        while frames.len() > 1 {
            close(&mut frames, tally);
        }
        let mut all = Self::default();
        for (path, tree, size) in frames.into_iter().flat_map(|frame| frame.inner) {
            all.size.add(size);
            all.folders.insert(path, tree);
        }
        tracing::info!(
            folder = %root.display(),
            files = all.size.files,
            bytes = all.size.bytes,
            "compared with the last backup; these have not changed"
        );
        all
    }

    /// The tree of a folder, if all that is in it is as it was.
    pub(crate) fn tree(&self, folder: &Path) -> Option<TreeId> {
        self.folders.get(folder).copied()
    }

    /// How many files are in them that the engine does not count: it takes each of the folders for one.
    pub(crate) fn files(&self) -> u64 {
        // Every one of them holds a file.
        self.size.files - self.folders.len() as u64
    }

    /// Counts what is in them and the engine does not count.
    pub(crate) fn count(&self, summary: &mut SnapshotSummary) {
        let files = self.files();
        summary.files_unmodified += files;
        summary.total_files_processed += files;
        summary.total_bytes_processed += self.size.bytes;
        summary.dirs_unmodified += self.size.folders;
        summary.total_dirs_processed += self.size.folders;
    }
}

impl Size {
    fn add(&mut self, other: Self) {
        self.folders += other.folders;
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

impl Frame {
    fn new(path: PathBuf, tree: Option<TreeId>, before: Vec<Node>, same: bool) -> Self {
        let own = Size { folders: 1, files: 0, bytes: 0 };
        let before = before.into_iter().peekable();
        Self { path, tree, before, same, own, size: Size::default(), inner: Vec::new() }
    }

    /// Compares one entry with what was there; a folder is to be looked into.
    fn meet(
        &mut self,
        repository: &Repository<impl IndexedFull>,
        path: PathBuf,
        node: &Node,
    ) -> Option<Self> {
        let before = self.take(node);
        let alike = before
            .as_ref()
            .is_some_and(|before| before.node_type == node.node_type && before.meta == node.meta);
        if node.is_dir() {
            let tree = before.and_then(|before| before.subtree);
            let nodes = tree.and_then(|tree| repository.get_tree(&tree).ok()).map(|tree| tree.nodes);
            let same = alike && nodes.is_some();
            return Some(Self::new(path, tree, nodes.unwrap_or_default(), same));
        }
        let known = |before: &Node| {
            before.content.iter().flatten().all(|blob| repository.get_index_entry(blob).is_ok())
        };
        self.same &= alike && before.as_ref().is_some_and(known);
        self.own.add(Size { folders: 0, files: 1, bytes: node.meta.size });
        None
    }

    /// What was there under the name of an entry.
    fn take(&mut self, node: &Node) -> Option<Node> {
        while let Some(before) = self.before.peek() {
            match before.name().cmp(&node.name()) {
                Ordering::Less => {
                    // It is gone.
                    self.same = false;
                    self.before.next();
                }
                Ordering::Equal => return self.before.next(),
                Ordering::Greater => break,
            }
        }
        self.same = false;
        None
    }
}

/// Ends the innermost folder.
fn close(frames: &mut Vec<Frame>, tally: &Tally) {
    let Some(mut done) = frames.pop() else { return };
    let Some(above) = frames.last_mut() else { return };
    // What was not met is gone.
    done.same &= done.before.next().is_none();
    done.size.add(done.own);
    above.same &= done.same;
    above.size.add(done.size);
    if !done.same {
        above.inner.append(&mut done.inner);
        return;
    }
    tally.add_files(done.own.files);
    tally.add_bytes(done.own.bytes);
    // The engine counts each of them as a file.
    if let (Some(tree), true) = (done.tree, done.size.files > 0) {
        above.inner.push((done.path, tree, done.size));
    }
}

/// What a snapshot has in a folder.
fn folder_of(repository: &Repository<impl IndexedFull>, tree: TreeId, folder: &Path) -> Option<Vec<Node>> {
    let mut nodes = repository.get_tree(&tree).ok()?.nodes;
    for name in folder.iter().skip(1) {
        let tree = nodes.into_iter().find(|node| &*node.name() == name)?.subtree?;
        nodes = repository.get_tree(&tree).ok()?.nodes;
    }
    Some(nodes)
}
