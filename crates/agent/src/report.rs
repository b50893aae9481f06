//! What the agent writes into the table: how far it is, at most once a second, and at the end its
//! report. Each write is on the condition that its assignment still holds; when it no longer does, the
//! agent ends at once, whatever it is doing.

use std::{future::Future, process, sync::Arc, time::Duration};

use jiff::Timestamp;
use nightkeep_cloud::{Error, Kind, Ledger};
use nightkeep_domain::operation::{Assignment, Progress};
use tokio::{
    runtime::Runtime,
    sync::Notify,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::progress::Tally;

/// The exit code of an agent whose operation went on without it.
const SUPERSEDED: i32 = 3;

/// How often progress is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// After how many looks it is written even if nothing has changed, to learn whether the assignment holds.
const AT_LEAST: u32 = 10;

/// For how long the agent works on without the table's word that its assignment still holds.
const LONGEST_UNHEARD: Duration = Duration::from_secs(600);

/// How long the table may be unreachable: 40 attempts, the last ones 15 seconds apart.
const ATTEMPTS: u32 = 40;

/// Writes progress while the stage runs.
pub(crate) struct Reporter {
    writing: JoinHandle<()>,
    stop: Arc<Notify>,
}

impl Reporter {
    /// Starts to report.
    pub(crate) fn start(
        runtime: &Runtime,
        ledger: Ledger,
        assignment: Assignment,
        tally: Arc<Tally>,
    ) -> Self {
        let stop = Arc::new(Notify::new());
        let told = Arc::clone(&stop);
        let writing = runtime.spawn(async move {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut written: Option<Progress> = None;
            let mut unchanged = 0;
            let mut heard = Instant::now();
            loop {
                tokio::select! {
                    () = told.notified() => return,
                    _ = ticks.tick() => {}
                }
                let progress = tally.progress(Timestamp::now());
                let same = written
                    .as_ref()
                    .is_some_and(|written| Progress { at: progress.at, ..written.clone() } == progress);
                unchanged = if same { unchanged + 1 } else { 0 };
                if same && unchanged < AT_LEAST {
                    continue;
                }
                unchanged = 0;
                match ledger.report_progress(assignment, &progress).await {
                    Ok(()) => {
                        written = Some(progress);
                        heard = Instant::now();
                    }
                    Err(error) if error.kind == Kind::Conflict => {
                        tracing::error!("the operation has gone on without this task: it ends at once");
                        process::exit(SUPERSEDED);
                    }
                    Err(error) if heard.elapsed() > LONGEST_UNHEARD => {
                        tracing::error!(
                            "the table has not been heard of for too long, the task ends: {error}"
                        );
                        process::exit(SUPERSEDED);
                    }
                    Err(error) => tracing::warn!("{error}"),
                }
            }
        });
        Self { writing, stop }
    }

    /// Stops to report. A write under way is finished first: nothing of it may meet what comes next.
    pub(crate) fn stop(self, runtime: &Runtime) {
        self.stop.notify_one();
        if let Err(error) = runtime.block_on(self.writing) {
            tracing::error!("writing the progress: {error}");
        }
    }
}

/// Makes a call again as long as that can help.
pub(crate) async fn patiently<T, F: Future<Output = Result<T, Error>>>(
    mut call: impl FnMut() -> F,
) -> Result<T, Error> {
    let mut attempt = 0;
    loop {
        match call().await {
            Err(error)
                if matches!(error.kind, Kind::Throttled | Kind::Unavailable | Kind::Contended)
                    && attempt < ATTEMPTS =>
            {
                tracing::warn!(attempt, "{error}");
                sleep(Duration::from_millis(250 << attempt.min(6)).min(Duration::from_secs(15))).await;
                attempt += 1;
            }
            result => return result,
        }
    }
}
