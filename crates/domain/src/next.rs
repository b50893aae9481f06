//! The rule of rules: what to do next for an operation, given what is stored and what ECS shows.
//!
//! Whoever asks does the one step, reads again and asks again. An [`Act`] comes only from a state
//! that is already stored, so the intent is always known before the effect, and repeating an act is
//! harmless. The rule never settles an operation while a task may still be at work for it.

use jiff::{SignedDuration, Timestamp};

use crate::{
    cause::Cause,
    operation::{Assignment, Attempt, Operation, Report, StageState},
    record::Snapshot,
};

/// How often a stage is tried when its task ends without a report.
pub const ATTEMPTS: u32 = 2;

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
    /// How long a stage may take.
    pub longest_stage: SignedDuration,
}

/// The one thing to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Store this, on the condition that the operation is still the one that was read.
    Save(Box<Operation>),
    /// Do this, and store what came of it by [`started`] or [`refused`].
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
    if let Some(cause) = &operation.cause {
        return Step::Settle(Settlement::Failed { cause: cause.clone() });
    }
    let Some((position, stage)) = operation.current() else {
        return match operation.stages.iter().position(|stage| stage.state == StageState::ToCome) {
            Some(position) => save(operation, |operation| begin_stage(operation, position, now)),
            None => Step::Settle(Settlement::Success { snapshots: operation.snapshots.clone() }),
        };
    };
    if let Some(report) = &operation.report {
        return save(operation, |operation| take_report(operation, position, report.clone(), now));
    }
    let Some(attempt) = &operation.attempt else {
        return save(operation, |operation| operation.attempt = Some(attempt_number(1, now)));
    };
    let taken = stage.started_at.map(|began| now.duration_since(began)).unwrap_or_default();
    let Some(task) = &attempt.task else {
        return if !attempt.claimed && now.duration_since(attempt.decided_at) > PATIENCE {
            save(operation, |operation| fail(operation, position, not_started(), now))
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
        Sight::Missing
            if attempt.sighted || (attempt.claimed && now.duration_since(attempt.asked_at) > LAG) =>
        {
            save(operation, |operation| {
                let why = "ECS no longer knows it".to_owned();
                end_attempt(operation, position, Cause::TaskVanished { exit_code: None, why }, now);
            })
        }
        Sight::Missing if !attempt.claimed && now.duration_since(attempt.decided_at) > PATIENCE => {
            save(operation, |operation| fail(operation, position, not_started(), now))
        }
        Sight::Missing if now.duration_since(attempt.asked_at) > LAG => {
            Step::Act(run_task(operation, position, attempt))
        }
        Sight::Missing => Step::Wait,
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
pub fn started(operation: &Operation, task: String, now: Timestamp) -> Operation {
    changed(operation, |operation| {
        if let Some(attempt) = &mut operation.attempt {
            attempt.task = Some(task);
            attempt.asked_at = now;
        }
    })
}

/// What to store after ECS refused [`Act::RunTask`] for good.
pub fn refused(operation: &Operation, why: String, now: Timestamp) -> Operation {
    changed(operation, |operation| {
        if let Some((position, _)) = operation.current() {
            fail(operation, position, Cause::TaskNotStarted { why }, now);
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
        Report::Failed { cause } => fail(operation, position, cause, now),
    }
}

/// A task ended without a report: the stage is tried again unless it was stopped on purpose or has
/// been tried often enough.
fn end_attempt(operation: &mut Operation, position: usize, vanished: Cause, now: Timestamp) {
    let Some(attempt) = &operation.attempt else { return };
    match &attempt.stopping {
        Some(cause) => fail(operation, position, cause.clone(), now),
        None if attempt.number < ATTEMPTS => {
            operation.attempt = Some(attempt_number(attempt.number + 1, now))
        }
        None => fail(operation, position, vanished, now),
    }
}

fn fail(operation: &mut Operation, position: usize, cause: Cause, now: Timestamp) {
    operation.cause = Some(cause);
    end_stage(operation, position, StageState::Failed, now);
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
    Step::Save(Box::new(changed(operation, change)))
}

fn changed(operation: &Operation, change: impl FnOnce(&mut Operation)) -> Operation {
    let mut operation = operation.clone();
    change(&mut operation);
    operation
}
