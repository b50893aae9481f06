//! The rule of rules: what to do next for an operation, given what is stored and what ECS shows.
//!
//! Whoever asks does the one step, reads again and asks again. An [`Act`] comes only from a state
//! that is already stored, so the intent is always known before the effect, and repeating an act is
//! harmless. The rule never settles an operation while a task may still be at work for it.

mod redeploy;

use jiff::{SignedDuration, Timestamp};

use crate::{
    cause::Cause,
    failure::Failure,
    identifier::RecordId,
    operation::{Assignment, Attempt, Operation, Report, SeenService, Stage, StageName, StageState},
    record::Snapshot,
};

pub use self::redeploy::deployed;

/// How often a stage is tried when its task ends without a report. A restore that has begun to write is
/// not tried again but put back: what broke it may break it again, and the application waits.
pub const ATTEMPTS: u32 = 2;

/// How often the safety backup is put back, however it fails, before people are needed.
pub const ATTEMPTS_TO_PUT_BACK: u32 = 3;

/// How long to wait before the safety backup is put back for the second time, and twice as long before
/// the third: what broke the restore may break it too, and pass.
pub const PAUSE_TO_PUT_BACK: SignedDuration = SignedDuration::from_secs(15);

/// How long a task that was started may be invisible before it is started again with the same token:
/// what ECS shows lags behind what it did.
pub const LAG: SignedDuration = SignedDuration::from_secs(60);

/// How long ECS may take to start a stage's task: the application is under maintenance meanwhile.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// What ECS shows of the attempt's task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// There was no task to look for.
    NotLooked,
    /// ECS does not know it, or not yet, or no longer.
    Missing,
    /// It is on its way up, running, or on its way down.
    Alive,
    /// It has ended.
    Stopped {
        /// The exit code of its container, if there is one.
        exit_code: Option<i32>,
        /// What ECS says about its end.
        why: String,
    },
}

/// What is known from outside the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What ECS shows of the attempt's task.
    pub task: Sight,
    /// What ECS shows of the application's services, or why it will not show them. Looked at while they
    /// are redeployed; none if it could not be asked just now.
    pub services: Option<Result<Vec<SeenService>, String>>,
    /// How long a stage may take.
    pub longest_stage: SignedDuration,
}

/// The one thing to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Store this, on the condition that the operation is still the one that was read.
    Save(Box<Operation>),
    /// Store this on the same condition and, at once, the ending of a record that ends before the
    /// operation does: the safety backup of a restore.
    Close(Box<Operation>, Ending),
    /// Do this, and store what came of it by [`started`], [`refused`] or [`deployed`].
    Act(Act),
    /// Nothing to do until something changes.
    Wait,
    /// End the operation.
    Settle(Settlement),
}

/// A side effect outside the table. Doing it twice is the same as doing it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Start a task of the agent for this assignment.
    RunTask {
        /// What the task works for.
        assignment: Assignment,
        /// Makes it the same task however often it is started: at most 64 characters.
        token: String,
    },
    /// Stop this task.
    StopTask {
        /// Its name at ECS.
        task: String,
    },
    /// Give these services a new deployment each.
    Redeploy {
        /// Their names.
        services: Vec<String>,
    },
}

/// How a record ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The record.
    pub record: RecordId,
    /// The stages of it.
    pub stages: Vec<Stage>,
    /// What it left in the repository, or why it failed.
    pub outcome: Result<Vec<Snapshot>, Failure>,
}

/// How an operation ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// All of it succeeded.
    Success {
        /// What a backup left in the repository.
        snapshots: Vec<Snapshot>,
    },
    /// It failed.
    Failed {
        /// Why.
        cause: Cause,
    },
}

/// The next step for `operation`, given what was `seen` at `now`.
pub fn next(operation: &Operation, seen: &Seen, now: Timestamp) -> Step {
    let Some((position, stage)) = operation.current() else {
        if let Some(position) = operation.stages.iter().position(|stage| stage.state == StageState::ToCome) {
            return save(operation, |operation| begin_stage(operation, position, now));
        }
        return Step::Settle(match &operation.cause {
            Some(cause) => Settlement::Failed { cause: cause.clone() },
            None => Settlement::Success { snapshots: operation.snapshots.clone() },
        });
    };
    match stage.name {
        StageName::Backup
        | StageName::Restore
        | StageName::PutBack
        | StageName::Archive
        | StageName::Purge => next_of_task(operation, position, stage, seen, now),
        StageName::Redeploy => redeploy::next(operation, position, stage, seen, now),
    }
}

/// The next step of a stage that a task of the agent does.
fn next_of_task(operation: &Operation, position: usize, stage: &Stage, seen: &Seen, now: Timestamp) -> Step {
    if let Some(report) = &operation.report {
        return save(operation, |operation| take_report(operation, position, report.clone(), now));
    }
    let Some(attempt) = &operation.attempt else {
        return save(operation, |operation| operation.attempt = Some(attempt_number(1, now)));
    };
    let taken = stage.started_at.map(|began| now.duration_since(began)).unwrap_or_default();
    let pause = match (stage.name, attempt.number) {
        (StageName::PutBack, number @ 2..) => PAUSE_TO_PUT_BACK * (1 << (number - 2).min(8)),
        _ => SignedDuration::ZERO,
    };
    if attempt.task.is_none() && now.duration_since(attempt.decided_at) < pause {
        return Step::Wait;
    }
    let Some(task) = &attempt.task else {
        return if !attempt.claimed && now.duration_since(attempt.decided_at) > PATIENCE {
            save(operation, |operation| give_up(operation, position, not_started(), now))
        } else {
            Step::Act(run_task(operation, position, attempt))
        };
    };
    match &seen.task {
        Sight::NotLooked => Step::Wait,
        Sight::Stopped { exit_code, why } => save(operation, |operation| {
            let vanished = Cause::TaskVanished { exit_code: *exit_code, why: why.clone() };
            end_attempt(operation, position, vanished, now);
        }),
        Sight::Missing if attempt.sighted || attempt.claimed => match attempt.missing_since {
            None => save(operation, |operation| {
                if let Some(attempt) = &mut operation.attempt {
                    attempt.missing_since = Some(now);
                }
            }),
            Some(since) if now.duration_since(since) <= LAG => Step::Wait,
            Some(_) => save(operation, |operation| {
                let why = "ECS no longer knows it".to_owned();
                end_attempt(operation, position, Cause::TaskVanished { exit_code: None, why }, now);
            }),
        },
        Sight::Missing if now.duration_since(attempt.decided_at) > PATIENCE => {
            save(operation, |operation| give_up(operation, position, not_started(), now))
        }
        Sight::Missing if now.duration_since(attempt.asked_at) > LAG => {
            Step::Act(run_task(operation, position, attempt))
        }
        Sight::Missing => Step::Wait,
        Sight::Alive if attempt.missing_since.is_some() => save(operation, |operation| {
            if let Some(attempt) = &mut operation.attempt {
                attempt.missing_since = None;
            }
        }),
        Sight::Alive if attempt.stopping.is_some() => Step::Act(Act::StopTask { task: task.clone() }),
        Sight::Alive if taken > seen.longest_stage => save(operation, |operation| {
            if let Some(attempt) = &mut operation.attempt {
                attempt.stopping = Some(took_too_long(seen));
            }
        }),
        Sight::Alive if attempt.sighted => Step::Wait,
        Sight::Alive => save(operation, |operation| {
            if let Some(attempt) = &mut operation.attempt {
                attempt.sighted = true;
            }
        }),
    }
}

/// What to store after [`Act::RunTask`] was done and ECS named the task.
pub fn started(operation: &Operation, task: String, now: Timestamp) -> Step {
    save(operation, |operation| {
        if let Some(attempt) = &mut operation.attempt {
            attempt.task = Some(task);
            attempt.asked_at = now;
        }
    })
}

/// What to store after ECS refused an act for good.
pub fn refused(operation: &Operation, cause: Cause, now: Timestamp) -> Step {
    save(operation, |operation| {
        if let Some((position, _)) = operation.current() {
            give_up(operation, position, cause, now);
        }
    })
}

fn run_task(operation: &Operation, position: usize, attempt: &Attempt) -> Act {
    Act::RunTask {
        assignment: Assignment { operation: operation.id, stage: position, attempt: attempt.number },
        token: format!("{}-{position}-{}", operation.id, attempt.number),
    }
}

fn begin_stage(operation: &mut Operation, position: usize, now: Timestamp) {
    let stage = &mut operation.stages[position];
    stage.state = StageState::InProgress;
    stage.started_at = Some(now);
    operation.attempt = Some(attempt_number(1, now));
    operation.report = None;
}

fn take_report(operation: &mut Operation, position: usize, report: Report, now: Timestamp) {
    match report {
        Report::BackedUp { snapshots } => {
            operation.snapshots = snapshots;
            end_stage(operation, position, StageState::Done, now);
        }
        Report::Restored => end_stage(operation, position, StageState::Done, now),
        Report::Archived { source_archive } => {
            operation.source_archive = Some(source_archive);
            end_stage(operation, position, StageState::Done, now);
        }
        Report::Purged { purged } => {
            operation.purged = Some(purged);
            end_stage(operation, position, StageState::Done, now);
        }
        Report::Failed { cause } => give_up(operation, position, cause, now),
    }
}

/// An attempt has failed, and its task is no longer at work: the stage has failed, unless it is the one
/// that makes a failure good, which is tried again.
fn give_up(operation: &mut Operation, position: usize, cause: Cause, now: Timestamp) {
    let number = operation.attempt.as_ref().map_or(0, |attempt| attempt.number);
    if operation.stages[position].name == StageName::PutBack && number < ATTEMPTS_TO_PUT_BACK {
        operation.attempt = Some(attempt_number(number + 1, now));
        operation.report = None;
        operation.later_cause = Some(cause);
    } else {
        fail(operation, position, cause, now);
    }
}

/// A task ended without a report: the stage is tried again unless it was stopped on purpose or has
/// been tried often enough.
fn end_attempt(operation: &mut Operation, position: usize, vanished: Cause, now: Timestamp) {
    let Some(attempt) = &operation.attempt else { return };
    let attempts = match operation.stages[position].name {
        StageName::Restore if operation.touched => 1,
        StageName::PutBack => ATTEMPTS_TO_PUT_BACK,
        StageName::Backup
        | StageName::Restore
        | StageName::Redeploy
        | StageName::Archive
        | StageName::Purge => ATTEMPTS,
    };
    match &attempt.stopping {
        Some(cause) => fail(operation, position, cause.clone(), now),
        None if attempt.number < attempts => {
            operation.attempt = Some(attempt_number(attempt.number + 1, now))
        }
        None => fail(operation, position, vanished, now),
    }
}

/// A stage has failed, and with it what was to come after it. A restore that has touched the data is
/// followed by putting it back.
fn fail(operation: &mut Operation, position: usize, cause: Cause, now: Timestamp) {
    let name = operation.stages[position].name;
    if operation.cause.is_none() {
        operation.cause = Some(cause);
    } else {
        operation.later_cause = Some(cause);
    }
    end_stage(operation, position, StageState::Failed, now);
    operation.stages.retain(|stage| stage.state != StageState::ToCome);
    if name == StageName::Restore && operation.touched {
        operation.stages.extend([Stage::to_come(StageName::PutBack), Stage::to_come(StageName::Redeploy)]);
    }
}

fn end_stage(operation: &mut Operation, position: usize, state: StageState, now: Timestamp) {
    let stage = &mut operation.stages[position];
    stage.state = state;
    stage.finished_at = Some(now);
    operation.attempt = None;
    operation.report = None;
}

fn attempt_number(number: u32, now: Timestamp) -> Attempt {
    Attempt {
        number,
        decided_at: now,
        asked_at: now,
        task: None,
        sighted: false,
        missing_since: None,
        claimed: false,
        stopping: None,
    }
}

fn not_started() -> Cause {
    Cause::TaskNotStarted { why: format!("ECS did not bring it up within {} minutes", PATIENCE.as_mins()) }
}

fn took_too_long(seen: &Seen) -> Cause {
    Cause::TookTooLong { limit_seconds: seen.longest_stage.as_secs().unsigned_abs() }
}

fn save(operation: &Operation, change: impl FnOnce(&mut Operation)) -> Step {
    let mut changed = operation.clone();
    change(&mut changed);
    match safety_backup_ended(operation, &changed) {
        Some(ending) => Step::Close(Box::new(changed), ending),
        None => Step::Save(Box::new(changed)),
    }
}

/// The ending of a restore's safety backup, if it ends between `before` and `after`.
fn safety_backup_ended(before: &Operation, after: &Operation) -> Option<Ending> {
    let restored = after.restored.as_ref()?;
    let backup = |operation: &Operation| {
        operation.stages.iter().find(|stage| stage.name == StageName::Backup).copied()
    };
    let (was, is) = (backup(before)?, backup(after)?);
    if was.state == is.state {
        return None;
    }
    let outcome = match (is.state, &after.cause) {
        (StageState::Done, _) => Ok(after.snapshots.clone()),
        (StageState::Failed, Some(cause)) => Err(cause.failure_of_safety_backup()),
        (StageState::ToCome | StageState::InProgress | StageState::Failed, _) => return None,
    };
    Some(Ending { record: restored.safety_backup, stages: vec![is], outcome })
}
