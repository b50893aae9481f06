//! The worker: drives the operation in progress to its end.
//!
//! It ignores what its event says: every event is only a reason to look. It reads the operation,
//! looks at ECS, asks the rules for the next step, does that one step, and looks again, until there
//! is nothing to do but wait. A lost, doubled, late or reordered event changes nothing.
//!
//! **Architecture Invariant:** nothing is decided here. What to do comes from
//! [`nightkeep_domain::next`], and this only does it.

use std::future::Future;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use nightkeep_cloud::{Error, Kind, Ledger, Metrics, Services, SettingsStore, Tasks};
use nightkeep_domain::{
    cause::Cause,
    next::{Act, Seen, Settlement, Sight, Step, deployed, next, refused, started},
    operation::{Operation, SeenService, StageName},
    settings::Settings,
    state::{self, State},
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
    /// The application's services.
    pub services: Services,
    /// The settings.
    pub settings: SettingsStore,
    /// Where metrics go.
    pub metrics: Metrics,
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
    /// Takes the operation in progress as far as it goes now, or has a look at the services if there is
    /// none.
    ///
    /// # Errors
    /// If AWS could not be asked. Nothing is lost by that: the next wake-up goes on from what is stored.
    pub async fn wake(&self, clock: impl Fn() -> Timestamp + Send + Sync) -> Result<Rest, Error> {
        let in_force = self.settings.load().await?;
        let settings = &in_force.settings;
        for _ in 0..MOST_STEPS {
            let state = self.ledger.state().await?;
            let Some(operation) = &state.operation else {
                self.look_at_services(&state, settings).await;
                return Ok(Rest::Idle);
            };
            let seen = self.observe(&state, operation, settings).await?;
            let step = next(operation, &seen, clock());
            // A task that was asked to stop takes its time.
            let last = matches!(step, Step::Wait | Step::Act(Act::StopTask { .. }));
            match self.take(step, &state, operation, &clock).await {
                Ok(()) if last => return Ok(Rest::Waiting),
                Ok(()) => {}
                // Another wake-up or the agent wrote meanwhile: what it wrote is read next.
                Err(error) if matches!(error.kind, Kind::Conflict | Kind::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Rest::Waiting)
    }

    /// Takes one step.
    async fn take(
        &self,
        step: Step,
        state: &State,
        operation: &Operation,
        clock: &(impl Fn() -> Timestamp + Send + Sync),
    ) -> Result<(), Error> {
        match step {
            Step::Wait => Ok(()),
            Step::Save(next) => self.ledger.save(&next).await,
            Step::Close(next, ending) => self.ledger.close(&next, &ending, clock()).await,
            Step::Settle(settlement) => self.settle(state, operation, &settlement, clock()).await,
            Step::Act(Act::RunTask { assignment, token }) => {
                let done = self.tasks.run(assignment, &token).await;
                let refusal = |why| Cause::TaskNotStarted { why };
                let next = self.outcome(operation, done, refusal, clock())?;
                let stored = match next {
                    Ok(task) => {
                        tracing::info!(operation = %operation.id, %task, attempt = assignment.attempt, "task started");
                        started(operation, task, clock())
                    }
                    Err(refused) => refused,
                };
                self.store(stored, state, operation, clock).await
            }
            Step::Act(Act::StopTask { task }) => {
                self.tasks.stop(&task, "Nightkeep: the stage took too long").await?;
                tracing::warn!(operation = %operation.id, %task, "task is being stopped");
                Ok(())
            }
            Step::Act(Act::Redeploy { services }) => {
                let asked = services
                    .iter()
                    .map(|service| async move { (service, self.services.redeploy(service).await) });
                let mut named = Vec::new();
                for (service, done) in join_all(asked).await {
                    let refusal = |why| Cause::ServiceFailed { service: service.clone(), why };
                    match self.outcome(operation, done, refusal, clock()) {
                        Ok(Ok(deployment)) => named.push((service.clone(), deployment)),
                        Ok(Err(refused)) => return self.store(refused, state, operation, clock).await,
                        // The others are stored first; this one is asked for again.
                        Err(error) => tracing::warn!(operation = %operation.id, "{error}"),
                    }
                }
                if named.is_empty() {
                    return Err(Error::unavailable(
                        "redeploying the services",
                        "ECS took none of the requests",
                    ));
                }
                tracing::info!(operation = %operation.id, deployments = named.len(), "services are being redeployed");
                self.store(deployed(operation, &named, clock()), state, operation, clock).await
            }
        }
    }

    /// Stores what came of an act.
    fn store<'a>(
        &'a self,
        step: Step,
        state: &'a State,
        operation: &'a Operation,
        clock: &'a (impl Fn() -> Timestamp + Send + Sync),
    ) -> impl Future<Output = Result<(), Error>> + Send + 'a {
        Box::pin(self.take(step, state, operation, clock))
    }

    /// What came of an act: its result, or the step that a refusal for good leads to. What may pass is an
    /// error, and the act is done again.
    fn outcome<T>(
        &self,
        operation: &Operation,
        done: Result<T, Error>,
        refusal: impl FnOnce(String) -> Cause,
        now: Timestamp,
    ) -> Result<Result<T, Step>, Error> {
        match done {
            Ok(done) => Ok(Ok(done)),
            // An attempt that an agent has claimed is at work, whatever this answer says.
            Err(error)
                if error.retryable() || operation.attempt.as_ref().is_some_and(|attempt| attempt.claimed) =>
            {
                Err(error)
            }
            Err(error) => {
                tracing::error!(operation = %operation.id, "{error}");
                Ok(Err(refused(operation, refusal(error.why().to_owned()), now)))
            }
        }
    }

    async fn observe(
        &self,
        state: &State,
        operation: &Operation,
        settings: &Settings,
    ) -> Result<Seen, Error> {
        let task = operation.attempt.as_ref().and_then(|attempt| attempt.task.as_deref());
        let task = match task {
            Some(task) if operation.report.is_none() => self.tasks.look(task).await?,
            Some(_) | None => Sight::NotLooked,
        };
        let redeploying = operation.current().is_some_and(|(_, stage)| stage.name == StageName::Redeploy);
        let services = if redeploying { self.services(state, settings).await? } else { None };
        let longest = i64::try_from(settings.longest_stage_hours).unwrap_or(i64::MAX / 3600);
        Ok(Seen { task, services, longest_stage: SignedDuration::from_hours(longest) })
    }

    /// What ECS shows of the services, or why it will not.
    async fn services(
        &self,
        state: &State,
        settings: &Settings,
    ) -> Result<Option<Result<Vec<SeenService>, String>>, Error> {
        match self.services.look(&settings.services).await {
            Ok(seen) => {
                self.note(&seen, state).await?;
                Ok(Some(Ok(seen)))
            }
            Err(error) if error.retryable() => {
                tracing::warn!("{error}");
                Ok(None)
            }
            Err(error) => Ok(Some(Err(error.why().to_owned()))),
        }
    }

    /// Keeps what the page shows of the services fresh.
    async fn look_at_services(&self, state: &State, settings: &Settings) {
        let looked = match self.services.look(&settings.services).await {
            Ok(seen) => self.note(&seen, state).await,
            Err(error) => Err(error),
        };
        if let Err(error) = looked {
            tracing::warn!("{error}");
        }
    }

    async fn note(&self, seen: &[SeenService], state: &State) -> Result<(), Error> {
        let services = seen.iter().fold(state::Services::default(), |sum, service| state::Services {
            running: sum.running + service.running,
            desired: sum.desired + service.desired,
        });
        if services == state.application.services {
            return Ok(());
        }
        self.ledger.write_services(services).await
    }

    async fn settle(
        &self,
        state: &State,
        operation: &Operation,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.ledger.settle(state, settlement, now).await?;
        self.metrics.settled(operation, settlement, now);
        let seconds = now.duration_since(operation.started_at).as_secs();
        let (id, record, kind) = (operation.id, operation.record_id, operation.kind.word());
        match settlement {
            Settlement::Success { .. } => {
                tracing::info!(operation = %id, %record, kind, seconds, outcome = "SUCCESS", "operation settled");
            }
            Settlement::Failed { cause } => {
                let put_back = operation.put_back();
                tracing::error!(
                    operation = %id, %record, kind, seconds, outcome = "FAILED", %cause, ?put_back,
                    "operation settled"
                );
            }
        }
        Ok(())
    }
}
