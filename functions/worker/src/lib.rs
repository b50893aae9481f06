//! The worker: drives the operation in progress to its end.
//!
//! It ignores what its event says: every event is only a reason to look. It reads the operation,
//! looks at ECS, asks the rules for the next step, does that one step, and looks again, until there
//! is nothing to do but wait. A lost, doubled, late or reordered event changes nothing.
//!
//! **Architecture Invariant:** nothing is decided here. What to do comes from
//! [`nightkeep_domain::next`], and this only does it.

use jiff::{SignedDuration, Timestamp};
use nightkeep_cloud::{Error, Kind, Ledger, SettingsStore, Tasks};
use nightkeep_domain::{
    next::{Act, Seen, Settlement, Sight, Step, next, refused, started},
    operation::Operation,
    state::State,
};

/// Steps in one wake-up before it gives the others a turn: more than any plan needs, so that only a
/// fault ever meets it.
const MOST_STEPS: usize = 100;

/// The worker and what it acts through.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The table.
    pub ledger: Ledger,
    /// The agent's tasks.
    pub tasks: Tasks,
    /// The settings.
    pub settings: SettingsStore,
}

/// What is left to do after a wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// No operation is in progress.
    Idle,
    /// An operation is in progress and waits for something.
    Waiting,
}

impl Worker {
    /// Takes the operation in progress as far as it goes now.
    ///
    /// # Errors
    /// If AWS could not be asked. Nothing is lost by that: the next wake-up goes on from what is stored.
    pub async fn wake(&self, clock: impl Fn() -> Timestamp + Send + Sync) -> Result<Rest, Error> {
        for _ in 0..MOST_STEPS {
            let state = self.ledger.state().await?;
            let Some(operation) = &state.operation else { return Ok(Rest::Idle) };
            let seen = self.observe(operation).await?;
            let done = match next(operation, &seen, clock()) {
                Step::Wait => return Ok(Rest::Waiting),
                Step::Save(next) => self.ledger.save(&next).await,
                Step::Act(Act::RunTask { assignment, token }) => {
                    match self.tasks.run(assignment, &token).await {
                        Ok(task) => {
                            tracing::info!(operation = %operation.id, %task, attempt = assignment.attempt, "task started");
                            self.ledger.save(&started(operation, task, clock())).await
                        }
                        Err(error) if error.retryable() => return Err(error),
                        Err(error) => {
                            tracing::error!(operation = %operation.id, "{error}");
                            self.ledger.save(&refused(operation, error.why().to_owned(), clock())).await
                        }
                    }
                }
                Step::Act(Act::StopTask { task }) => {
                    self.tasks.stop(&task, "Nightkeep: the stage took too long").await?;
                    tracing::warn!(operation = %operation.id, %task, "task is being stopped");
                    return Ok(Rest::Waiting);
                }
                Step::Settle(settlement) => self.settle(&state, operation, &settlement, clock()).await,
            };
            match done {
                Ok(()) => {}
                // Another wake-up or the agent wrote meanwhile: what it wrote is read next.
                Err(error) if error.kind == Kind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Rest::Waiting)
    }

    async fn observe(&self, operation: &Operation) -> Result<Seen, Error> {
        let settings = self.settings.load().await?;
        let task = operation.attempt.as_ref().and_then(|attempt| attempt.task.as_deref());
        let task = match task {
            Some(task) if operation.report.is_none() => self.tasks.look(task).await?,
            Some(_) | None => Sight::NotLooked,
        };
        let longest = i64::try_from(settings.longest_stage_seconds).unwrap_or(i64::MAX);
        Ok(Seen { task, longest_stage: SignedDuration::from_secs(longest) })
    }

    async fn settle(
        &self,
        state: &State,
        operation: &Operation,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.ledger.settle(state, settlement, now).await?;
        let seconds = now.duration_since(operation.started_at).as_secs();
        let (id, record, kind) = (operation.id, operation.record_id, operation.kind.word());
        match settlement {
            Settlement::Success { .. } => {
                tracing::info!(operation = %id, %record, kind, seconds, outcome = "SUCCESS", "operation settled");
            }
            Settlement::Failed { cause } => {
                tracing::error!(operation = %id, %record, kind, seconds, outcome = "FAILED", %cause, "operation settled");
            }
        }
        Ok(())
    }
}
