//! The scheduler: begins the night's backup when it is due, gives up a night that could not run, and
//! begins a purge when something has expired.
//!
//! It ignores what its event says: every event is only a reason to look. What is due is decided by
//! [`nightkeep_domain::schedule::due`] from what is stored and the time it is now, so an event that comes
//! twice, late or not at all changes nothing that the next one does not put right.
//!
//! **Architecture Invariant:** it begins operations and never drives them; that is the worker's.

use jiff::{Timestamp, civil::Date};
use nightkeep_cloud::{Begin, Beginning, Error, Ledger, Metrics, SettingsStore};
use nightkeep_domain::{
    activity::{Activity, ActivityKind},
    actor::Actor,
    failure::Failure,
    identifier::{OperationId, RecordId},
    notes::Notes,
    operation::{Kind, Operation},
    record::{Record, Status, Trigger},
    schedule::{Due, REQUESTED_BY, Waiting, due},
    settings::Settings,
    state::State,
};

/// Looks in one tick. More than one is needed only when somebody else was at it at the same time.
const MOST_LOOKS: usize = 10;

/// The scheduler and what it acts through.
#[derive(Debug, Clone)]
pub struct Scheduler {
    /// The table.
    pub ledger: Ledger,
    /// The settings.
    pub settings: SettingsStore,
    /// Where metrics go.
    pub metrics: Metrics,
}

impl Scheduler {
    /// Does what is due now. To be called every minute.
    ///
    /// # Errors
    /// If AWS could not be asked. Nothing is lost by that: the next tick does what is due then.
    pub async fn tick(&self, clock: impl Fn() -> Timestamp + Send + Sync) -> Result<(), Error> {
        let in_force = self.settings.load().await?;
        let settings = &in_force.settings;
        for look in 0..MOST_LOOKS {
            let (state, now) = (self.ledger.state().await?, clock());
            if look == 0 {
                self.metrics.stands(&state, now);
            }
            let done = match due(&state, &settings.nightly, now) {
                Due::Nothing => true,
                Due::Night(date) => self.begin_backup(date, &state, settings, now).await?,
                Due::Wait(waiting) => self.wait(&waiting).await?,
                Due::Missed(waiting, failure) => self.miss(&waiting, failure, &state, now).await?,
                Due::Purge(date) => self.begin_purge(date, &state, settings, now).await?,
            };
            if done {
                return Ok(());
            }
        }
        tracing::warn!("others were at it {MOST_LOOKS} times in a row; the next tick looks again");
        Ok(())
    }

    /// Begins the night's backup. Returns whether that settled what was due.
    async fn begin_backup(
        &self,
        date: Date,
        state: &State,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let id = RecordId::new(now, random()?);
        let by = Actor::named(REQUESTED_BY);
        let mut operation =
            Operation::new(OperationId::new(now, random()?), Kind::Backup, id, by.name.clone(), now);
        let mut record = Record::backup(id, Trigger::Scheduled, Notes::default(), by, now);
        operation.night = Some(date);
        record.stages.clone_from(&operation.stages);
        self.begin(&operation, &[record], None, state, settings).await
    }

    /// Begins a purge if there is something to remove, and writes down that it was looked for.
    async fn begin_purge(
        &self,
        date: Date,
        state: &State,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let expired = self.ledger.expired(settings.retention, now, 1).await?;
        if expired.is_empty() && !state.schedule.sweep {
            self.ledger.nothing_expired(date).await?;
            return Ok(true);
        }
        let id = RecordId::new(now, random()?);
        let by = Actor::named(REQUESTED_BY);
        let mut operation =
            Operation::new(OperationId::new(now, random()?), Kind::Purge, id, by.name.clone(), now);
        let mut activity = Activity::new(id, ActivityKind::Purge, by, now);
        operation.night = Some(date);
        activity.stages.clone_from(&operation.stages);
        self.begin(&operation, &[], Some(&activity), state, settings).await
    }

    async fn begin(
        &self,
        operation: &Operation,
        records: &[Record],
        activity: Option<&Activity>,
        state: &State,
        settings: &Settings,
    ) -> Result<bool, Error> {
        let beginning = Beginning {
            operation,
            records,
            activity,
            confirmation: None,
            schedule: Some(&state.schedule),
            message: &settings.maintenance_message,
        };
        let (id, record, kind) = (operation.id, operation.record_id, operation.kind.word());
        match self.ledger.begin(&beginning).await? {
            Begin::Begun => {
                let night = operation.night.map(|date| date.to_string());
                tracing::info!(operation = %id, %record, kind, night, user = REQUESTED_BY, "operation begun");
                Ok(true)
            }
            // It is looked again: the night may have to wait, or somebody else has seen to it.
            Begin::Busy(_) | Begin::NotDue | Begin::Unconfirmed | Begin::NotRestorable => Ok(false),
        }
    }

    async fn wait(&self, waiting: &Waiting) -> Result<bool, Error> {
        self.ledger.wait(waiting).await?;
        let (night, in_the_way) = (waiting.date.to_string(), waiting.kind.word());
        tracing::info!(night, in_the_way, operation = %waiting.operation, "the night’s backup waits");
        Ok(true)
    }

    /// Gives a night up, with a record that says what was in the way.
    async fn miss(
        &self,
        waiting: &Waiting,
        failure: Failure,
        state: &State,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let id = RecordId::new(now, random()?);
        let notes = Notes::default();
        let mut record = Record::backup(id, Trigger::Scheduled, notes, Actor::named(REQUESTED_BY), now);
        record.status = Status::Failed;
        record.finished_at = Some(now);
        let happened = failure.happened.clone();
        record.failure = Some(failure);
        if self.ledger.miss(waiting.date, &record, &state.schedule).await? == Begin::Begun {
            self.metrics.missed(now);
            tracing::error!(record = %id, night = waiting.date.to_string(), "{happened}");
        }
        Ok(false)
    }
}

/// Random bytes from the operating system, for an identifier.
fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Error> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::unavailable("reading randomness from the operating system", error))?;
    Ok(bytes)
}
