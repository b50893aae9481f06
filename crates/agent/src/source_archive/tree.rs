//! What belongs to the archive: everything in the folder that no `.gitignore` in it leaves out.
//!
//! The same tree is always walked in the same order: a folder before what is in it, names in the order
//! of their bytes. Whether something is left out depends on the tree alone, never on the settings of
//! whoever runs the agent.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use ignore::{DirEntry, Walk, WalkBuilder};
use nightkeep_domain::cause::Cause;

use super::SOURCE;
use crate::sources::{path_of, reason};

const GIT: &str = ".git";

/// A folder of source code.
pub(super) struct Tree {
    root: PathBuf,
    with_git: bool,
}

/// One thing in the folder.
pub(super) struct Entry {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its path from the folder on.
    pub(super) name: PathBuf,
    /// What it is; a link is a link.
    pub(super) metadata: fs::Metadata,
}

/// A path that could not be read.
pub(super) fn unreadable(path: &Path, why: impl ToString) -> Cause {
    Cause::SourceUnreadable {
        source: SOURCE.to_owned(),
        path: path.display().to_string(),
        why: why.to_string(),
        more: 0,
    }
}

impl Tree {
    /// The folder `root`, which exists and holds something. `.git` belongs to it if `with_git`.
    pub(super) fn new(root: PathBuf, with_git: bool) -> Self {
        Self { root, with_git }
    }

    /// The folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Shows everything but the folder itself to `visit`, in order, until something fails.
    pub(super) fn walk(&self, mut visit: impl FnMut(Entry) -> anyhow::Result<()>) -> anyhow::Result<()> {
        for found in self.sources() {
            let entry = self.entry(found)?;
            let folder = entry.metadata.is_dir().then(|| entry.path.clone());
            if !entry.name.as_os_str().is_empty() {
                visit(entry)?;
            }
            if self.with_git
                && let Some(git) = folder.map(|folder| folder.join(GIT))
                && git.symlink_metadata().is_ok()
            {
                // Rules are about the source: in here they would leave out parts of the history.
                for found in ordered(&git).standard_filters(false).build() {
                    visit(self.entry(found)?)?;
                }
            }
        }
        Ok(())
    }

    /// The bytes and the files there are, unless something cannot be read: packing it reports it.
    pub(super) fn count(&self) -> Option<(u64, u64)> {
        let (mut bytes, mut files) = (0, 0);
        let counted = self.walk(|entry| {
            if entry.metadata.is_file() {
                bytes += entry.metadata.len();
                files += 1;
            }
            Ok(())
        });
        counted.ok().map(|()| (bytes, files))
    }

    fn sources(&self) -> Walk {
        // Rules above the folder count if they are of the repository that the folder is a part of.
        let in_repository = self.root.ancestors().any(|folder| folder.join(GIT).exists());
        ordered(&self.root)
            .standard_filters(false)
            .git_ignore(true)
            .require_git(in_repository)
            .parents(in_repository)
            .filter_entry(|entry| entry.file_name() != GIT)
            .build()
    }

    fn entry(&self, found: Result<DirEntry, ignore::Error>) -> Result<Entry, Cause> {
        let unreadable = |error: &ignore::Error| unreadable(&path_of(error), reason(error));
        let entry = found.map_err(|error| unreadable(&error))?;
        match entry.error() {
            None => {}
            Some(error) if error.is_io() => return Err(unreadable(error)),
            // As git does, a rule that means nothing is passed over.
            Some(error) => tracing::warn!("{error}"),
        }
        let metadata = entry.metadata().map_err(|error| unreadable(&error))?;
        let name = entry.path().strip_prefix(&self.root).unwrap_or(entry.path()).to_path_buf();
        Ok(Entry { path: entry.into_path(), name, metadata })
    }
}

fn ordered(root: &Path) -> WalkBuilder {
    let mut builder = WalkBuilder::new(root);
    builder.follow_links(false).sort_by_file_name(OsStr::cmp);
    builder
}
