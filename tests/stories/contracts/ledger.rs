//! What we ask of DynamoDB, through the ledger.

use jiff::{SignedDuration, Timestamp};
use nightkeep_cloud::{Begin, Beginning, Edit, Kind, Ledger, Use};
use nightkeep_domain::{
    activity::{Activity, ActivityKind},
    actor::Actor,
    cause::Cause,
    confirmation::{Action, Code, Confirmation, Typed},
    notes::Notes,
    operation::{Assignment, Kind as OperationKind, Operation, Progress, Report, StageState},
    record::{Record, Status},
    state::State,
};
use nightkeep_tests::{
    alone::{aged, first_attempt, random, vanished},
    endpoints::{Endpoints, NAME},
};
use uuid::Uuid;

use super::{RACERS, at_once};

/// A backup that its agent is about to begin, and its record.
fn backup() -> (Operation, Record) {
    let (id, record) = aged(0);
    let now = record.created_at;
    let mut operation = Operation::new(random(), OperationKind::Backup, id, "somebody".to_owned(), now);
    operation.stages[0].state = StageState::InProgress;
    operation.attempt = Some(first_attempt(now));
    (operation, record)
}

async fn begin(ledger: &Ledger, operation: &Operation, record: &Record, used: Option<&Use<'_>>) -> Begin {
    let records = std::slice::from_ref(record);
    let message = "away";
    let (activity, schedule) = (None, None);
    let beginning = Beginning { operation, records, activity, confirmation: used, schedule, message };
    ledger.begin(&beginning).await.unwrap()
}

fn assignment(operation: &Operation) -> Assignment {
    Assignment { operation: operation.id, stage: 0, attempt: 1 }
}

/// The state, with its operation failed as the worker has it.
async fn failed(ledger: &Ledger) -> State {
    let mut state = ledger.state().await.unwrap();
    let operation = state.operation.as_mut().unwrap();
    operation.stages[0].state = StageState::Failed;
    operation.cause = Some(cause());
    state
}

/// Ends what is in progress.
async fn settle(ledger: &Ledger) {
    ledger.settle(&failed(ledger).await, &vanished(), Timestamp::now()).await.unwrap();
}

fn cause() -> Cause {
    Cause::TaskVanished { exit_code: Some(137), why: "it was killed".to_owned() }
}

fn notes(text: &str) -> Notes {
    Notes::new(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_of_the_ledger_one_begins_and_all_or_nothing_is_written() {
    for endpoints in Endpoints::all().await {
        let (ledger, whose) = (Ledger::new(&endpoints.dynamodb, NAME), endpoints.whose);
        for _ in 0..5 {
            let begun = at_once((0..RACERS).map(|_| {
                let ledger = ledger.clone();
                async move {
                    let (operation, record) = backup();
                    (begin(&ledger, &operation, &record, None).await, operation, record)
                }
            }))
            .await;
            let (won, lost): (Vec<_>, Vec<_>) =
                begun.into_iter().partition(|(begin, ..)| *begin == Begin::Begun);
            assert_eq!(won.len(), 1, "{whose}: one has begun");
            let (_, operation, record) = &won[0];
            let state = ledger.state().await.unwrap();
            assert_eq!(state.operation.as_ref(), Some(operation), "{whose}");
            assert!(state.maintenance.on, "{whose}: with it maintenance went on");
            assert_eq!(ledger.record(record.id).await.unwrap().as_ref(), Some(record), "{whose}");
            for (begin, _, record) in &lost {
                let Begin::Busy(Some(busy)) = begin else { panic!("{whose}: {begin:?}") };
                assert_eq!(busy.id, operation.id, "{whose}");
                assert_eq!(
                    ledger.record(record.id).await.unwrap(),
                    None,
                    "{whose}: nothing of a loser is there"
                );
            }
            settle(&ledger).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_of_the_ledger_only_who_read_the_newest_version_writes() {
    for endpoints in Endpoints::all().await {
        let (ledger, whose) = (Ledger::new(&endpoints.dynamodb, NAME), endpoints.whose);
        let (operation, record) = backup();
        assert_eq!(begin(&ledger, &operation, &record, None).await, Begin::Begun);

        let saved = at_once((0..RACERS).map(|_| {
            let (ledger, operation) = (ledger.clone(), operation.clone());
            async move { ledger.save(&operation).await.map_err(|error| error.kind) }
        }))
        .await;
        assert_eq!(saved.iter().filter(|saved| saved.is_ok()).count(), 1, "{whose}: {saved:?}");
        assert!(
            saved.iter().all(|saved| matches!(saved, Ok(()) | Err(Kind::Conflict))),
            "{whose}: {saved:?}"
        );

        // An agent's writes hold as long as the attempt is its own.
        let own = assignment(&operation);
        let other = Assignment { attempt: 2, ..own };
        let progress = Progress {
            done_bytes: 1,
            total_bytes: Some(2),
            done_files: 1,
            total_files: None,
            source: Some("files".to_owned()),
            at: Timestamp::now(),
        };
        let report = Report::Failed { cause: cause() };
        assert_eq!(ledger.claim(other).await.unwrap_err().kind, Kind::Conflict, "{whose}");
        assert!(ledger.claim(own).await.unwrap().attempt.unwrap().claimed, "{whose}");
        assert_eq!(
            ledger.report_progress(other, &progress).await.unwrap_err().kind,
            Kind::Conflict,
            "{whose}"
        );
        ledger.report_progress(own, &progress).await.unwrap();
        assert_eq!(ledger.state().await.unwrap().progress, Some(progress), "{whose}");
        ledger.touch(own).await.unwrap();
        assert!(ledger.state().await.unwrap().operation.unwrap().touched, "{whose}");
        ledger.report(own, &report).await.unwrap();
        assert_eq!(
            ledger.report(own, &report).await.unwrap_err().kind,
            Kind::Conflict,
            "{whose}: it reports once"
        );

        // Two that settle: the record has one ending, and maintenance is off.
        let state = failed(&ledger).await;
        let settled =
            at_once((0..RACERS).map(|_| {
                let (ledger, state) = (ledger.clone(), state.clone());
                async move {
                    ledger.settle(&state, &vanished(), Timestamp::now()).await.map_err(|error| error.kind)
                }
            }))
            .await;
        assert_eq!(settled.iter().filter(|settled| settled.is_ok()).count(), 1, "{whose}: {settled:?}");
        let after = ledger.state().await.unwrap();
        assert_eq!((after.operation, after.maintenance.on, after.progress), (None, false, None), "{whose}");
        assert_eq!(ledger.record(record.id).await.unwrap().unwrap().status, Status::Failed, "{whose}");
        assert_eq!(ledger.claim(own).await.unwrap_err().kind, Kind::Conflict, "{whose}: it is over");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_of_the_ledger_a_confirmation_is_used_once_and_by_a_refusal_not_at_all() {
    for endpoints in Endpoints::all().await {
        let (ledger, whose) = (Ledger::new(&endpoints.dynamodb, NAME), endpoints.whose);
        let now = Timestamp::now();
        let code = Code::drawn([0, 5, 10, 15, 20, 25]);
        let given = Confirmation {
            id: Uuid::new_v4(),
            action: Action::Restart,
            record_id: None,
            user: "somebody".to_owned(),
            code: code.clone(),
            valid_until: now + SignedDuration::from_mins(5),
        };
        ledger.confirm(&given).await.unwrap();
        // The answer to the first time may have been lost.
        ledger.confirm(&given).await.unwrap();
        let typed = Typed { id: given.id, code };
        let right = Use { typed: &typed, action: Action::Restart, record_id: None, user: "somebody", now };
        let wrong = Typed { id: given.id, code: Code::drawn([1; 6]) };
        let late = now + SignedDuration::from_mins(6);
        let (operation, record) = backup();
        for refused in [
            Use { typed: &wrong, ..right.clone() },
            Use { action: Action::EndMaintenance, ..right.clone() },
            Use { record_id: Some(record.id), ..right.clone() },
            Use { user: "somebody else", ..right.clone() },
            Use { now: late, ..right.clone() },
        ] {
            assert_eq!(
                begin(&ledger, &operation, &record, Some(&refused)).await,
                Begin::Unconfirmed,
                "{whose}"
            );
        }
        // While something is in progress it is not used up.
        let (busy, busy_record) = backup();
        assert_eq!(begin(&ledger, &busy, &busy_record, None).await, Begin::Begun);
        assert!(
            matches!(begin(&ledger, &operation, &record, Some(&right)).await, Begin::Busy(Some(_))),
            "{whose}"
        );
        settle(&ledger).await;

        let used = at_once((0..RACERS).map(|_| {
            let (ledger, typed) = (ledger.clone(), typed.clone());
            async move {
                let (operation, record) = backup();
                let used =
                    Use { typed: &typed, action: Action::Restart, record_id: None, user: "somebody", now };
                begin(&ledger, &operation, &record, Some(&used)).await
            }
        }))
        .await;
        assert_eq!(used.iter().filter(|used| **used == Begin::Begun).count(), 1, "{whose}: {used:?}");
        settle(&ledger).await;
        assert_eq!(
            begin(&ledger, &operation, &record, Some(&right)).await,
            Begin::Unconfirmed,
            "{whose}: it is used"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_of_the_ledger_pages_have_no_gaps_and_notes_no_lost_edits() {
    for endpoints in Endpoints::all().await {
        let (ledger, whose) = (Ledger::new(&endpoints.dynamodb, NAME), endpoints.whose);
        let mut ids = Vec::new();
        // Two hundred, with notes so long that DynamoDB's own pages of 1 MB end in between.
        let long = "The quick brown fox jumps over the lazy dog. ".repeat(200);
        for _ in 0..4 {
            let (operation, record) = backup();
            let mut records: Vec<Record> = (0..49).map(|number| aged(number).1).collect();
            for record in &mut records {
                record.notes = notes(&long);
            }
            records.push(record);
            let (message, confirmation, activity, schedule) = ("away", None, None, None);
            let beginning = Beginning {
                operation: &operation,
                records: &records,
                activity,
                confirmation,
                schedule,
                message,
            };
            assert_eq!(ledger.begin(&beginning).await.unwrap(), Begin::Begun, "{whose}");
            settle(&ledger).await;
            ids.extend(records.iter().map(|record| record.id));
        }
        ids.sort_unstable();
        ids.reverse();
        for limit in [1, 7, 50, 199, 200, 201] {
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = ledger.records(before, limit).await.unwrap();
                assert!(page.records.len() <= limit, "{whose}");
                found.extend(page.records.iter().map(|record| record.id));
                match page.next {
                    Some(next) => before = Some(next),
                    None => break,
                }
            }
            assert!(found == ids, "{whose}: pages of {limit}: {} of {}", found.len(), ids.len());
        }
        assert_eq!(ledger.holdings().await.unwrap().len(), ids.len(), "{whose}");

        let (id, by) = (ids[0], Actor::named("somebody"));
        let edited = at_once((0..8).map(|number| {
            let (ledger, by) = (ledger.clone(), by.clone());
            async move {
                let notes = notes(&format!("edit {number}"));
                ledger.edit_notes(id, &notes, Some(1), &by, Timestamp::now()).await.unwrap()
            }
        }))
        .await;
        let saved: Vec<_> = edited.iter().filter(|edit| matches!(edit, Edit::Saved(_))).collect();
        assert_eq!(saved.len(), 1, "{whose}: one edit of version 1 is taken");
        assert!(edited.iter().all(|edit| !matches!(edit, Edit::NotFound)), "{whose}");
        let Edit::Saved(winner) = saved[0] else { panic!() };
        let now = ledger.record(id).await.unwrap().unwrap();
        assert_eq!((&now.notes, now.notes_version), (&winner.notes, 2), "{whose}");
        let nobody = aged(400).0;
        let edit = ledger.edit_notes(nobody, &notes("x"), None, &by, Timestamp::now()).await.unwrap();
        assert_eq!(edit, Edit::NotFound, "{whose}: no shadow of a record");
        assert_eq!(ledger.record(nobody).await.unwrap(), None, "{whose}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_of_the_ledger_what_has_expired_goes_and_nothing_else() {
    for endpoints in Endpoints::all().await {
        let (ledger, whose) = (Ledger::new(&endpoints.dynamodb, NAME), endpoints.whose);
        let (operation, record) = backup();
        assert_eq!(begin(&ledger, &operation, &record, None).await, Begin::Begun);
        settle(&ledger).await;

        let (mut purge, _) = backup();
        let (id, later) = aged(0);
        purge.kind = OperationKind::Purge;
        purge.record_id = id;
        let activity = Activity::new(id, ActivityKind::Purge, Actor::named("schedule"), later.created_at);
        let (records, message, confirmation, schedule) = (&[][..], "", None, None);
        let beginning = Beginning {
            operation: &purge,
            records,
            activity: Some(&activity),
            confirmation,
            schedule,
            message,
        };
        assert_eq!(ledger.begin(&beginning).await.unwrap(), Begin::Begun, "{whose}");
        let (own, gone) = (assignment(&purge), aged(100).0);
        let other = Assignment { attempt: 2, ..own };
        assert_eq!(
            ledger.remove_records(own, &[record.id]).await.unwrap_err().kind,
            Kind::Conflict,
            "{whose}: it is not marked"
        );
        assert_eq!(
            ledger.mark_expired(other, &[record.id]).await.unwrap_err().kind,
            Kind::Conflict,
            "{whose}"
        );
        assert_eq!(
            ledger.mark_expired(own, &[record.id, gone]).await.unwrap_err().kind,
            Kind::Conflict,
            "{whose}"
        );
        assert!(!ledger.record(record.id).await.unwrap().unwrap().expired, "{whose}: all or nothing");
        for _ in 0..2 {
            ledger.mark_expired(own, &[record.id]).await.unwrap();
        }
        assert!(ledger.record(record.id).await.unwrap().unwrap().expired, "{whose}");
        for _ in 0..2 {
            ledger.remove_records(own, &[record.id]).await.unwrap();
        }
        assert_eq!(ledger.record(record.id).await.unwrap(), None, "{whose}");
        let removed = ledger.remove_activities(own, aged(-1).0).await.unwrap();
        assert_eq!(removed, 0, "{whose}: what is in progress stays");
        assert!(ledger.activity(activity.id).await.unwrap().is_some(), "{whose}");
    }
}
