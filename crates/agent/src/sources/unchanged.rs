//! The folders of a source in which nothing has changed since its last backup.
//!
//! The engine hands every entry from thread to thread, which is most of what it does where nothing has
//! changed. A folder that is, with all that is in it, what the last snapshot holds of it has the tree that
//! the repository has already, and is handed over as one entry with that tree.
//!
//! It must never take for unchanged what the engine would read or write anew: everything in the folder has
//! been looked at, all its metadata are the same, every tree in it was read and every blob of its files is
//! in the index. All else is handed over one by one, in the order in which it was found; held back until
//! more is known is only what is, so far, as it was.

use std::{
    cmp::Ordering,
    collections::VecDeque,
    iter::FusedIterator,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rustic_core::{
    IndexedFullStatus, Repository, TreeId,
    repofile::{Node, SnapshotSummary},
};

use crate::progress::Tally;

/// The last snapshot of a source.
#[derive(Clone)]
pub(crate) struct Before {
    pub(crate) repository: Arc<Repository<IndexedFullStatus>>,
    pub(crate) tree: TreeId,
}

/// What is handed over.
pub(crate) enum Entry {
    /// A file or a folder, and where it is.
    One(PathBuf, Node),
    /// A folder with its tree, and the folder in which it is.
    Whole(PathBuf, Node),
}

/// How much was handed over as whole folders.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Whole {
    entries: u64,
    size: Size,
}

/// How much is in one or more folders, they themselves counting too.
#[derive(Debug, Default, Clone, Copy)]
struct Size {
    folders: u64,
    files: u64,
    bytes: u64,
}

/// What is found in a folder, compared with its last snapshot.
pub(crate) struct Compared<I, E> {
    found: I,
    before: Option<Before>,
    whole: Arc<Mutex<Whole>>,
    tally: Arc<Tally>,
    /// The folders that are being looked at, each in the one before it; the first is the one above them.
    folders: Vec<Folder>,
    /// What is handed over as soon as the folders owe nothing.
    held: Option<Result<Entry, E>>,
    /// What was found and is compared after that.
    upcoming: Option<(PathBuf, Node)>,
}

/// A folder that is being looked at.
struct Folder {
    path: PathBuf,
    /// Its own entry, if it was not handed over.
    node: Option<Node>,
    /// Its tree in the last snapshot.
    tree: Option<TreeId>,
    /// What the last snapshot has in it: what was met and not handed over, and what was not met yet.
    before: VecDeque<Node>,
    /// How many of these were met.
    met: usize,
    /// Whether all that was looked at is as it was. Then all of it is held back, otherwise nothing.
    same: bool,
    /// Itself and the files in it, as far as they are held back.
    own: Size,
    /// The folders in it, as far as they are held back.
    inner: Whole,
}

impl Before {
    /// What is in a tree.
    fn nodes(&self, tree: TreeId) -> Option<VecDeque<Node>> {
        Some(self.repository.get_tree(&tree).ok()?.nodes.into())
    }

    /// What the snapshot has in a folder.
    fn folder(&self, path: &Path) -> Option<VecDeque<Node>> {
        let mut nodes = self.nodes(self.tree)?;
        for name in path.iter().skip(1) {
            let tree = nodes.into_iter().find(|node| &*node.name() == name)?.subtree?;
            nodes = self.nodes(tree)?;
        }
        Some(nodes)
    }

    /// Whether the index knows all of a file.
    fn has(&self, file: &Node) -> bool {
        file.content.iter().flatten().all(|blob| self.repository.get_index_entry(blob).is_ok())
    }
}

impl Size {
    fn add(&mut self, other: Self) {
        self.folders += other.folders;
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

impl Whole {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The files in these folders, and their bytes.
    pub(crate) fn files(&self) -> (u64, u64) {
        (self.size.files, self.size.bytes)
    }

    fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.size.add(other.size);
    }

    /// Corrects what the engine has counted, to which each of these folders was an unchanged file without
    /// content.
    pub(crate) fn correct(&self, summary: &mut SnapshotSummary) {
        for files in [&mut summary.files_unmodified, &mut summary.total_files_processed] {
            *files = (*files + self.size.files).saturating_sub(self.entries);
        }
        summary.total_bytes_processed += self.size.bytes;
        summary.dirs_unmodified += self.size.folders;
        summary.total_dirs_processed += self.size.folders;
    }
}

impl Folder {
    fn new(path: PathBuf, node: Option<Node>, tree: Option<TreeId>, before: Option<VecDeque<Node>>) -> Self {
        Self {
            path,
            node,
            tree,
            before: before.unwrap_or_default(),
            met: 0,
            same: false,
            own: Size { folders: 1, files: 0, bytes: 0 },
            inner: Whole::default(),
        }
    }

    /// What was there under the name of an entry, which is to be handed over.
    fn take(&mut self, node: &Node) -> Option<Node> {
        while let Some(before) = self.before.front() {
            match before.name().cmp(&node.name()) {
                // It is gone.
                Ordering::Less => drop(self.before.pop_front()),
                Ordering::Equal => return self.before.pop_front(),
                Ordering::Greater => break,
            }
        }
        None
    }

    /// The next of what was held back and is not any more.
    fn owed(&mut self) -> Option<Entry> {
        if self.same {
            return None;
        }
        if let Some(node) = self.node.take() {
            return Some(Entry::One(self.path.clone(), node));
        }
        self.met = self.met.checked_sub(1)?;
        let before = self.before.pop_front()?;
        Some(if before.is_dir() {
            Entry::Whole(self.path.clone(), before)
        } else {
            Entry::One(self.path.join(before.name()), Node { content: None, ..before })
        })
    }
}

impl<I, E> Compared<I, E>
where
    I: FusedIterator<Item = Result<(PathBuf, Node), E>>,
{
    /// Compares what is `found` in the folder `root`, itself first, with what was there `before`. What is
    /// handed over whole counts as done, and is added to `whole`.
    pub(crate) fn new(
        found: I,
        root: &Path,
        before: Option<Before>,
        whole: Arc<Mutex<Whole>>,
        tally: Arc<Tally>,
    ) -> Self {
        let path = root.parent().unwrap_or(root).to_path_buf();
        let nodes = before.as_ref().and_then(|before| before.folder(&path));
        let folders = vec![Folder::new(path, None, None, nodes)];
        Self { found, before, whole, tally, folders, held: None, upcoming: None }
    }

    fn meet(&mut self, path: PathBuf, node: Node) {
        let Some(folder) = self.folders.last_mut() else { return };
        let taken = if folder.same { None } else { folder.take(&node) };
        let before = if folder.same { folder.before.get(folder.met) } else { taken.as_ref() };
        let all = self.before.as_ref();
        let same = before.filter(|before| {
            before.name() == node.name()
                && before.node_type == node.node_type
                && before.meta == node.meta
                // Elsewhere the engine asks.
                && (!folder.same || all.is_some_and(|all| all.has(before)))
        });
        if folder.same && same.is_none() {
            self.differ();
            self.upcoming = Some((path, node));
        } else if node.is_dir() {
            let alike = same.is_some();
            let tree = before.and_then(|before| before.subtree);
            let nodes = tree.and_then(|tree| all?.nodes(tree));
            let same = alike && nodes.is_some();
            if !same {
                self.differ();
            }
            self.folders.push(Folder { same, ..Folder::new(path, Some(node), tree, nodes) });
        } else if folder.same {
            folder.met += 1;
            folder.own.add(Size { folders: 0, files: 1, bytes: node.meta.size });
        } else {
            self.held = Some(Ok(Entry::One(path, node)));
        }
    }

    /// Something has changed in the folders that are being looked at.
    fn differ(&mut self) {
        for folder in self.folders.iter_mut().filter(|folder| folder.same) {
            folder.same = false;
            if let Ok(mut whole) = self.whole.lock() {
                whole.add(folder.inner);
            }
        }
    }

    /// Nothing more is in the innermost folder.
    fn close(&mut self) {
        let gone = self.folders.last().is_some_and(|folder| folder.same && folder.met < folder.before.len());
        if gone {
            // First what it owes is handed over.
            return self.differ();
        }
        let Some(done) = self.folders.pop_if(|folder| folder.same) else {
            self.folders.pop();
            return;
        };
        let (Some(above), Some(node)) = (self.folders.last_mut(), done.node) else { return };
        self.tally.add_files(done.own.files);
        self.tally.add_bytes(done.own.bytes);
        let mut whole = Whole { entries: 1, size: done.own };
        whole.size.add(done.inner.size);
        if above.same {
            above.met += 1;
            above.inner.add(whole);
            return;
        }
        if let Ok(mut all) = self.whole.lock() {
            all.add(whole);
        }
        self.held = Some(Ok(Entry::Whole(above.path.clone(), Node { subtree: done.tree, ..node })));
    }
}

impl<I, E> Iterator for Compared<I, E>
where
    I: FusedIterator<Item = Result<(PathBuf, Node), E>>,
{
    type Item = Result<Entry, E>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(owed) = self.folders.iter_mut().find_map(Folder::owed) {
                return Some(Ok(owed));
            }
            if let Some(held) = self.held.take() {
                return Some(held);
            }
            match self.upcoming.take().map(Ok).or_else(|| self.found.next()) {
                Some(Ok((path, node))) => {
                    let left = |folder: &Folder| Some(&*folder.path) != path.parent();
                    if matches!(self.folders.as_slice(), [_, .., innermost] if left(innermost)) {
                        self.upcoming = Some((path, node));
                        self.close();
                    } else {
                        self.meet(path, node);
                    }
                }
                Some(Err(error)) => {
                    self.differ();
                    self.held = Some(Err(error));
                }
                None if self.folders.len() > 1 => self.close(),
                None => return None,
            }
        }
    }
}
