//! The stage Restore: a source becomes what a snapshot holds of it.
//!
//! It must never write outside the source's folder, never call a restore done that it has not read back,
//! and never pass over anything that it could not put right. It plans first and then does: what is right
//! already stays as it is. It can be ended at any moment and started again.

mod blobs;
mod content;
mod entry;
mod finish;
mod load;
mod make;
mod metadata;
mod plan;
mod target;
#[cfg(test)]
mod tests;
mod write;

use std::path::Path;

use rustic_core::{IndexedFull, repofile::SnapshotFile};

pub(crate) use self::{blobs::Blobs, load::dump};
use self::{entry::Walk, finish::Finish, plan::Planner, target::Target, write::Writer};
use crate::progress::Tally;

/// What a restore has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Restored {
    /// Entries other than folders that were made anew.
    pub(crate) written: u64,
    /// The bytes in them.
    pub(crate) bytes: u64,
    /// Entries whose metadata alone was put right, folders not counted.
    pub(crate) repaired: u64,
    /// Entries that did not belong, a folder with all in it counted as one.
    pub(crate) removed: u64,
}

/// Makes the folder `root` exactly what the snapshot holds of the source's folder. It need not be the
/// folder that was backed up. `begin` is called after planning, before the first thing is changed.
///
/// # Errors
/// If anything at all could not be made so, or is not so afterwards: a [`Cause`] that names it. If the
/// repository could not be read, its storage knows the cause.
///
/// [`Cause`]: nightkeep_domain::cause::Cause
pub(crate) fn directory<S: IndexedFull>(
    blobs: &Blobs<'_, S>,
    snapshot: &SnapshotFile,
    source: &str,
    root: &Path,
    tally: &Tally,
    begin: &dyn Fn() -> anyhow::Result<()>,
) -> anyhow::Result<Restored> {
    tally.begin(source);
    let walk = || Walk::start(blobs, snapshot, source);
    let first = walk()?;
    // Whoever is not root has to open closed folders even to look into them.
    if !rustix::process::geteuid().is_root() {
        begin()?;
    }
    let target = Target::open(source, root)?;
    let mut plan = Planner::new(blobs, &target).plan(first)?;
    plan.sort();
    let (bytes, written) = plan.size();
    tally.count(bytes, written);
    tracing::info!(
        source,
        bytes,
        written,
        folders = plan.folders.len(),
        repairs = plan.repairs.len(),
        "the restore is planned"
    );
    begin()?;
    make::prepare(&target, &plan)?;
    make::repair(&target, &plan.repairs)?;
    make::specials(&target, &plan.specials, tally)?;
    Writer::new(&target, &plan, blobs.packs(), tally).run()?;
    make::link(&target, &plan.links)?;
    // The content is where it belongs; where it came from is not needed any more.
    plan.pieces = Vec::new();
    let repaired = plan.repairs.len() as u64;
    let removed = Finish::new(blobs, &target, &plan).run(walk()?)?;
    Ok(Restored { written, bytes, repaired, removed })
}
