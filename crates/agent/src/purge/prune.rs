//! Pruning the repository: what no snapshot needs any more is removed from the storage.
//!
//! The engine does it in an order that a kill cannot harm: new packs, then the index that knows them,
//! then the old index, and only then old packs. It first makes sure that all that any snapshot needs is
//! in the index. Nothing else writes to the repository meanwhile: the operation is the lock.

use std::sync::Arc;

use rustic_core::{
    ErrorKind, LimitOption, Open, PruneOptions, PrunePlan, Repository, RusticError, RusticResult,
    repofile::SnapshotId,
};

use crate::progress::Tally;

/// How much of the repository may stay unneeded, in percent: packs of which little is unneeded are not
/// worth being written again. The repository's size is promised within 5 % of what is needed.
const UNUSED: u64 = 2;

/// How much one purge packs anew at most. What is left over is for the next nights.
const REPACKED: &str = "100 GiB";

/// How many threads remove packs and pack anew, whatever the machine has. Each holds up to 40 MiB of a
/// pack, and waits for the storage most of the time.
const THREADS: usize = 4;

/// What is to be pruned.
pub(super) struct Pruning {
    options: PruneOptions,
    plan: PrunePlan,
}

/// Finds out what is to be pruned once the snapshots `going` are gone. It reads every tree of all others,
/// fails if anything that they need is not there, and changes nothing.
pub(super) fn plan(
    repository: &Repository<impl Open>,
    going: &[SnapshotId],
    tally: &Arc<Tally>,
) -> RusticResult<Pruning> {
    let mut options = PruneOptions::default();
    options.ignore_snaps = going.to_vec();
    options.instant_delete = true;
    options.max_unused = LimitOption::Percentage(UNUSED);
    options.max_repack = REPACKED.parse()?;
    let plan = repository.prune_plan(&options)?;
    let (stats, sizes) = (&plan.stats, plan.stats.size_sum());
    let marked = stats.packs_to_delete.remove + stats.packs_to_delete.keep;
    let packs = stats.packs.unused + stats.packs.repack + stats.packs_unref + marked;
    tally.count(sizes.repack - sizes.repackrm, packs);
    tracing::info!(
        packs_removed = packs,
        packs_repacked = stats.packs.repack,
        packs_kept = stats.packs.keep,
        packs_unindexed = stats.packs_unref,
        indexes = stats.index_files,
        indexes_rebuilt = stats.index_files_rebuild,
        needed_bytes = sizes.used,
        unneeded_bytes = sizes.unused,
        repacked_bytes = sizes.repack - sizes.repackrm,
        "the repository is pruned"
    );
    Ok(Pruning { options, plan })
}

impl Pruning {
    /// Prunes it. The snapshots that were said to be going have to be gone.
    pub(super) fn run(self, repository: &Repository<impl Open + Sync>) -> RusticResult<()> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build().map_err(|error| {
            RusticError::with_source(ErrorKind::Internal, "starting the threads of a purge failed", error)
        })?;
        pool.install(|| repository.prune(&self.options, self.plan))
    }
}
