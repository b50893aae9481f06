//! Reading back what a backup has written: only then it counts.
//!
//! What a snapshot shares with its parent is not read a second time. Those very trees have just been read
//! from the storage, to compare them with the source, and every blob of a file that has not changed has
//! been looked up; where that could not be done, the backup has failed.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use nightkeep_domain::cause::Cause;
use rustic_core::{
    CheckOptions, FileType, IndexedFull, Open, ReadBackend, Repository, TreeId,
    repofile::{Node, NodeType, SnapshotFile},
};

use super::Archive;

/// The trees of the folders in a folder, by name.
type Subtrees = BTreeMap<OsString, TreeId>;

impl Archive {
    /// Makes sure that snapshots are in the storage as they were written, that every pack of the index is
    /// there and as long as it should be, that the trees that their parents have not can be read, and that
    /// every blob in these is in the index.
    pub(crate) fn verify(&self, snapshots: &[SnapshotFile]) -> anyhow::Result<()> {
        let repository = self.repository()?;
        let (mut whole, mut grown) = (Vec::new(), Vec::new());
        for snapshot in snapshots {
            self.engine(self.storage.read_full(FileType::Snapshot, &snapshot.id))?;
            match &snapshot.parent {
                None => whole.push(snapshot.tree),
                Some(parent) => {
                    let parent: SnapshotFile = self.engine(repository.get_file(parent))?;
                    grown.push((snapshot.tree, parent.tree));
                }
            }
        }
        self.check(&repository, whole)?;
        // When nothing has changed there is nothing to look up.
        grown.retain(|(tree, parent)| tree != parent);
        if grown.is_empty() {
            return Ok(());
        }
        let repository = self.engine(repository.to_indexed())?;
        for (tree, parent) in grown {
            self.read_grown(&repository, tree, parent)?;
        }
        Ok(())
    }

    /// Has the engine check the index, the packs, and whole trees.
    fn check(&self, repository: &Repository<impl Open>, trees: Vec<TreeId>) -> anyhow::Result<()> {
        let mut options = CheckOptions::default();
        options.trust_cache = true;
        let results = self.engine(repository.check_with_trees(options, trees))?;
        if results.is_ok().is_ok() {
            return Ok(());
        }
        // The type of the levels has no name outside the engine.
        let errors: Vec<String> = results
            .0
            .iter()
            .filter(|(level, _)| format!("{level:?}") == "Error")
            .map(|(_, error)| error.to_string())
            .collect();
        errors.iter().for_each(|error| tracing::error!("{error}"));
        let more = if errors.len() > 1 { format!(", and {} more", errors.len() - 1) } else { String::new() };
        let found = format!("{}{more}", errors.first().map_or("", String::as_str));
        Err(self.storage.failure().cloned().unwrap_or(Cause::RepositoryDamaged { found }).into())
    }

    /// Reads a tree, and those in it that its parent does not have in the same place.
    fn read_grown<S: IndexedFull>(
        &self,
        repository: &Repository<S>,
        tree: TreeId,
        parent: TreeId,
    ) -> Result<(), Cause> {
        let read = |tree: &TreeId| repository.get_tree(tree).map_err(|error| self.damage(&error));
        let mut seen = BTreeSet::new();
        let mut ahead = vec![(tree, Some(parent))];
        while let Some((tree, parent)) = ahead.pop() {
            if parent == Some(tree) || !seen.insert(tree) {
                continue;
            }
            let before = match parent {
                Some(parent) => subtrees(&read(&parent)?.nodes),
                None => Subtrees::new(),
            };
            for node in read(&tree)?.nodes {
                let lacks = |what: &str| {
                    let name = node.name();
                    Cause::RepositoryDamaged { found: format!("{what} of {name:?} in a new tree") }
                };
                match &node.node_type {
                    NodeType::File => {
                        for blob in node.content.as_ref().ok_or_else(|| lacks("there is no content"))? {
                            repository
                                .get_index_entry(blob)
                                .map_err(|_| lacks("the index does not know a blob"))?;
                        }
                    }
                    NodeType::Dir => {
                        let subtree = node.subtree.ok_or_else(|| lacks("there is no tree"))?;
                        ahead.push((subtree, before.get(&*node.name()).copied()));
                    }
                    NodeType::Symlink { .. }
                    | NodeType::Dev { .. }
                    | NodeType::Chardev { .. }
                    | NodeType::Fifo
                    | NodeType::Socket => {}
                }
            }
        }
        Ok(())
    }
}

fn subtrees(nodes: &[Node]) -> Subtrees {
    nodes.iter().filter_map(|node| Some((node.name().into_owned(), node.subtree?))).collect()
}
