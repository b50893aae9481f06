//! The rule as a table of situations.

mod redeploy;
mod restore;

use jiff::{SignedDuration, Timestamp};

use crate::{
    cause::Cause,
    identifier::{OperationId, RecordId},
    next::{ATTEMPTS, Act, LAG, PATIENCE, Seen, Settlement, Sight, Step, next, refused, started},
    operation::{Kind, Operation, Report, StageState},
    record::{Size, Snapshot},
};

const TASK: &str = "arn:aws:ecs:eu-central-1:000000000000:task/nightkeep/0123";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn begun() -> Operation {
    let id = OperationId::new(at(0), [1; 10]);
    Operation::new(id, Kind::Backup, RecordId::new(at(0), [2; 10]), "Maya".to_owned(), at(0))
}

fn seen(task: Sight) -> Seen {
    Seen { task, services: None, longest_stage: SignedDuration::from_secs(3600) }
}

fn saved(step: Step) -> Operation {
    let Step::Save(operation) = step else { panic!("a save was expected, not {step:?}") };
    *operation
}

fn stage_begun() -> Operation {
    saved(next(&begun(), &seen(Sight::NotLooked), at(1)))
}

fn task_started() -> Operation {
    saved(started(&stage_begun(), TASK.to_owned(), at(2)))
}

fn task_sighted() -> Operation {
    saved(next(&task_started(), &seen(Sight::Alive), at(3)))
}

fn stopped() -> Sight {
    Sight::Stopped { exit_code: Some(137), why: "killed".to_owned() }
}

fn snapshots() -> Vec<Snapshot> {
    vec![Snapshot { source: "uploads".to_owned(), id: "ab".repeat(32), size: Size::default() }]
}

#[test]
fn the_intent_is_saved_before_a_task_is_started() {
    let operation = stage_begun();
    assert_eq!(operation.stages[0].state, StageState::InProgress);
    let Step::Act(Act::RunTask { assignment, token }) = next(&operation, &seen(Sight::NotLooked), at(2))
    else {
        panic!("a task was to be started");
    };
    assert_eq!((assignment.stage, assignment.attempt), (0, 1));
    assert!(token.len() <= 64 && token.starts_with(&operation.id.to_string()));
}

#[test]
fn a_start_whose_answer_was_lost_is_repeated_with_the_same_token() {
    let operation = stage_begun();
    assert_eq!(
        next(&operation, &seen(Sight::NotLooked), at(2)),
        next(&operation, &seen(Sight::NotLooked), at(50))
    );
}

#[test]
fn a_task_that_is_not_to_be_seen_yet_is_waited_for_then_started_again() {
    let operation = task_started();
    assert_eq!(next(&operation, &seen(Sight::Missing), at(3)), Step::Wait);
    let late = at(3 + LAG.as_secs());
    assert!(matches!(next(&operation, &seen(Sight::Missing), late), Step::Act(Act::RunTask { .. })));
    let again = saved(started(&operation, TASK.to_owned(), late));
    assert_eq!(next(&again, &seen(Sight::Missing), late), Step::Wait, "it is given time again");
}

#[test]
fn a_running_task_is_waited_for() {
    assert_eq!(next(&task_sighted(), &seen(Sight::Alive), at(4)), Step::Wait);
}

#[test]
fn a_report_settles_without_waiting_for_the_task_to_end() {
    let mut operation = task_sighted();
    operation.report = Some(Report::BackedUp { snapshots: snapshots() });
    for sight in [Sight::Alive, Sight::Missing, stopped(), Sight::NotLooked] {
        let done = saved(next(&operation, &seen(sight), at(9)));
        assert_eq!(done.stages[0].state, StageState::Done);
        assert_eq!(done.stages[0].finished_at, Some(at(9)));
        assert_eq!(
            next(&done, &seen(Sight::NotLooked), at(9)),
            Step::Settle(Settlement::Success { snapshots: snapshots() })
        );
    }
}

#[test]
fn s10_a_reported_failure_fails_the_operation_with_its_cause() {
    let cause = Cause::DumpEmpty { source: "database".into(), program: "pg_dump".into() };
    let mut operation = task_sighted();
    operation.report = Some(Report::Failed { cause: cause.clone() });
    let failed = saved(next(&operation, &seen(stopped()), at(9)));
    assert_eq!(failed.stages[0].state, StageState::Failed);
    assert_eq!(next(&failed, &seen(Sight::NotLooked), at(9)), Step::Settle(Settlement::Failed { cause }));
}

#[test]
fn s01_a_backup_whose_task_vanished_is_started_again_and_then_fails() {
    let mut operation = task_sighted();
    for number in 2..=ATTEMPTS {
        operation = saved(next(&operation, &seen(stopped()), at(5)));
        let attempt = operation.attempt.clone().unwrap();
        assert_eq!((attempt.number, attempt.task), (number, None));
        operation = saved(started(&operation, TASK.to_owned(), at(6)));
    }
    let failed = saved(next(&operation, &seen(stopped()), at(7)));
    let Step::Settle(Settlement::Failed { cause }) = next(&failed, &seen(Sight::NotLooked), at(7)) else {
        panic!("it was to fail");
    };
    assert_eq!(cause, Cause::TaskVanished { exit_code: Some(137), why: "killed".into() });
}

#[test]
fn s03_a_task_that_ecs_has_forgotten_counts_as_ended_once_that_is_no_lag() {
    let missing = saved(next(&task_sighted(), &seen(Sight::Missing), at(5)));
    assert_eq!(next(&missing, &seen(Sight::Missing), at(6)), Step::Wait);
    let back = saved(next(&missing, &seen(Sight::Alive), at(7)));
    assert_eq!(back.attempt.unwrap().missing_since, None);
    let again = saved(next(&missing, &seen(Sight::Missing), at(6 + LAG.as_secs())));
    assert_eq!(again.attempt.unwrap().number, 2);
}

#[test]
fn a_stage_that_takes_too_long_is_stopped_and_fails_only_once_its_task_has_ended() {
    let late = at(4000);
    let stopping = saved(next(&task_sighted(), &seen(Sight::Alive), late));
    assert_eq!(
        next(&stopping, &seen(Sight::Alive), late),
        Step::Act(Act::StopTask { task: TASK.to_owned() }),
        "asked again as long as it is alive"
    );
    let failed = saved(next(&stopping, &seen(stopped()), late));
    assert_eq!(failed.cause, Some(Cause::TookTooLong { limit_seconds: 3600 }));
    assert_eq!(failed.stages[0].state, StageState::Failed);
}

#[test]
fn a_task_that_ecs_cannot_bring_up_fails_the_stage_before_the_maintenance_gets_long() {
    let in_time = at(PATIENCE.as_secs());
    let late = at(PATIENCE.as_secs() + 5);
    for (operation, sight) in [(stage_begun(), Sight::NotLooked), (task_started(), Sight::Missing)] {
        assert!(matches!(next(&operation, &seen(sight.clone()), in_time), Step::Act(_)));
        let failed = saved(next(&operation, &seen(sight), late));
        assert!(matches!(failed.cause, Some(Cause::TaskNotStarted { .. })), "{:?}", failed.cause);
    }
}

#[test]
fn s06_an_attempt_that_an_agent_has_claimed_is_never_given_up_unseen() {
    let late = at(PATIENCE.as_secs() + 5);
    let claimed = |mut operation: Operation| {
        operation.attempt.as_mut().unwrap().claimed = true;
        operation
    };
    let step = next(&claimed(stage_begun()), &seen(Sight::NotLooked), late);
    assert!(matches!(step, Step::Act(Act::RunTask { .. })), "asking again names the task: {step:?}");
    let named = saved(started(&claimed(stage_begun()), TASK.to_owned(), late));
    let missing = saved(next(&named, &seen(Sight::Missing), late));
    assert_eq!(next(&missing, &seen(Sight::Missing), late), Step::Wait);
    let forgotten = saved(next(&missing, &seen(Sight::Missing), at(PATIENCE.as_secs() + 10 + LAG.as_secs())));
    assert_eq!(forgotten.attempt.unwrap().number, 2, "it was up, and is no more");
}

#[test]
fn a_start_that_is_refused_for_good_fails_with_the_reason() {
    let cause = Cause::TaskNotStarted { why: "access denied".to_owned() };
    let failed = saved(refused(&stage_begun(), cause, at(2)));
    assert_eq!(
        next(&failed, &seen(Sight::NotLooked), at(2)),
        Step::Settle(Settlement::Failed { cause: Cause::TaskNotStarted { why: "access denied".into() } })
    );
}
