//! A restore: what follows what, and what is put back.

use super::{TASK, at, saved, seen, snapshots, stopped};
use crate::{
    cause::Cause,
    identifier::{OperationId, RecordId},
    next::{ATTEMPTS_TO_PUT_BACK, Ending, PAUSE_TO_PUT_BACK, Settlement, Sight, Step, next, started},
    operation::{Kind, Operation, Report, Restored, StageName, StageState},
};

fn safety() -> RecordId {
    RecordId::new(at(0), [3; 10])
}

fn begun() -> Operation {
    let id = OperationId::new(at(0), [1; 10]);
    let mut operation =
        Operation::new(id, Kind::Restore, RecordId::new(at(0), [2; 10]), "Maya".to_owned(), at(0));
    let record = RecordId::new(at(0), [4; 10]);
    operation.restored = Some(Restored { record, snapshots: snapshots(), safety_backup: safety() });
    operation
}

/// The stage in progress, with its task at work.
fn at_work(operation: &Operation) -> Operation {
    let begun = saved(next(operation, &seen(Sight::NotLooked), at(1)));
    let mut working = saved(started(&begun, TASK.to_owned(), at(1)));
    working.attempt.as_mut().unwrap().claimed = true;
    saved(next(&working, &seen(Sight::Alive), at(1)))
}

fn reported(operation: &Operation, report: Report) -> Step {
    let mut operation = operation.clone();
    operation.report = Some(report);
    next(&operation, &seen(Sight::Alive), at(2))
}

fn closed(step: Step) -> (Operation, Ending) {
    let Step::Close(operation, ending) = step else { panic!("a record was to end, not {step:?}") };
    (*operation, ending)
}

fn cause() -> Cause {
    Cause::LoadFailed {
        source: "database".into(),
        program: "psql".into(),
        ended: "ended with exit status 3".into(),
        said: "no such role".into(),
    }
}

fn failed() -> Report {
    Report::Failed { cause: cause() }
}

/// A restore whose safety backup has succeeded, at work on the data.
fn restoring() -> Operation {
    let (backed_up, _) = closed(reported(&at_work(&begun()), Report::BackedUp { snapshots: snapshots() }));
    let mut operation = at_work(&backed_up);
    operation.touched = true;
    operation
}

fn names(operation: &Operation) -> Vec<(StageName, StageState)> {
    operation.stages.iter().map(|stage| (stage.name, stage.state)).collect()
}

#[test]
fn r6_the_restore_begins_only_once_the_safety_backup_has_its_ending() {
    let (operation, ending) =
        closed(reported(&at_work(&begun()), Report::BackedUp { snapshots: snapshots() }));
    assert_eq!((ending.record, ending.outcome), (safety(), Ok(snapshots())));
    assert_eq!(operation.current(), None);
    let begun = saved(next(&operation, &seen(Sight::NotLooked), at(3)));
    assert_eq!(begun.current().unwrap().1.name, StageName::Restore);
}

#[test]
fn s13_when_the_safety_backup_fails_nothing_follows() {
    let (operation, ending) = closed(reported(&at_work(&begun()), failed()));
    assert_eq!(ending.record, safety());
    assert_eq!(ending.outcome.unwrap_err().cause.as_deref(), Some(&cause()));
    assert_eq!(names(&operation), [(StageName::Backup, StageState::Failed)]);
    assert!(matches!(
        next(&operation, &seen(Sight::NotLooked), at(3)),
        Step::Settle(Settlement::Failed { .. })
    ));
    let failure = operation.failure(false).unwrap();
    assert!(failure.done.contains("not touched"), "{failure:?}");
    assert!(!operation.leaves_maintenance_on());
}

#[test]
fn s15_a_restore_that_has_touched_the_data_is_put_back() {
    let operation = saved(reported(&restoring(), failed()));
    assert_eq!(
        names(&operation),
        [
            (StageName::Backup, StageState::Done),
            (StageName::Restore, StageState::Failed),
            (StageName::PutBack, StageState::ToCome),
            (StageName::Redeploy, StageState::ToCome),
        ]
    );
    let done = saved(reported(&at_work(&operation), Report::Restored));
    assert_eq!(done.put_back(), Some(true));
    assert!(!done.leaves_maintenance_on());
    let failure = done.failure(false).unwrap();
    assert!(failure.cause.as_deref() == Some(&cause()) && failure.done.contains("put back"), "{failure:?}");
}

#[test]
fn a_restore_that_has_not_touched_the_data_has_nothing_to_put_back() {
    let mut operation = restoring();
    operation.touched = false;
    let operation = saved(reported(&operation, failed()));
    assert_eq!(operation.put_back(), None);
    assert!(operation.failure(false).unwrap().done.contains("not touched"));
    assert!(matches!(next(&operation, &seen(Sight::NotLooked), at(3)), Step::Settle(_)));
}

#[test]
fn s15_a_restore_whose_task_dies_is_put_back_and_not_tried_again() {
    let operation = saved(next(&restoring(), &seen(stopped()), at(3)));
    assert_eq!(names(&operation)[1], (StageName::Restore, StageState::Failed));
    assert_eq!(names(&operation)[2], (StageName::PutBack, StageState::ToCome));
}

#[test]
fn s15_putting_back_is_tried_more_than_once_and_then_maintenance_stays_on() {
    let mut operation = saved(reported(&restoring(), failed()));
    operation = at_work(&operation);
    for number in 2..=ATTEMPTS_TO_PUT_BACK {
        operation = saved(next(&operation, &seen(stopped()), at(3)));
        assert_eq!(operation.attempt.as_ref().unwrap().number, number);
        assert_eq!(next(&operation, &seen(Sight::NotLooked), at(4)), Step::Wait, "it is given time");
        operation = saved(started(&operation, TASK.to_owned(), at(3)));
    }
    let operation = saved(next(&operation, &seen(stopped()), at(4)));
    assert!(operation.leaves_maintenance_on());
    assert!(matches!(
        next(&operation, &seen(Sight::NotLooked), at(5)),
        Step::Settle(Settlement::Failed { .. })
    ));
    let failure = operation.failure(false).unwrap();
    assert_eq!(failure.code, "load_failed", "the first cause counts");
    assert!(failure.done.contains("maintenance stays on") && failure.done.contains("137"), "{failure:?}");
    assert!(failure.to_do.contains("end the maintenance by hand"), "{failure:?}");
}

#[test]
fn s15_putting_back_is_tried_again_however_it_fails() {
    let operation = at_work(&saved(reported(&restoring(), failed())));
    let again = saved(reported(&operation, failed()));
    assert_eq!(again.attempt.as_ref().unwrap().number, 2);
    let later = at(2 + PAUSE_TO_PUT_BACK.as_secs());
    assert!(matches!(next(&again, &seen(Sight::NotLooked), later), Step::Act(_)));
    let done = saved(reported(&saved(started(&again, TASK.to_owned(), later)), Report::Restored));
    assert_eq!(done.put_back(), Some(true));
}

#[test]
fn s08_services_that_fail_after_the_data_was_put_back_are_named() {
    let operation = saved(reported(&restoring(), failed()));
    let mut put_back = saved(reported(&at_work(&operation), Report::Restored));
    put_back = saved(next(&put_back, &seen(Sight::NotLooked), at(9)));
    let mut looked = seen(Sight::NotLooked);
    looked.services = Some(Err("access denied".to_owned()));
    let failed = saved(next(&put_back, &looked, at(10)));
    let failure = failed.failure(false).unwrap();
    assert!(failure.done.contains("put back") && failure.done.contains("access denied"), "{failure:?}");
    assert!(!failed.leaves_maintenance_on());
}

#[test]
fn s09_what_stays_under_maintenance_is_not_called_available() {
    let (operation, _) = closed(reported(&at_work(&begun()), failed()));
    let done = operation.failure(true).unwrap().done;
    assert!(done.contains("stays under maintenance") && !done.contains("available"), "{done}");
}
