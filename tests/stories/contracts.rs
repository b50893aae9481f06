//! What we ask of DynamoDB and of S3, from two implementations of each: races have one winner,
//! transactions are all or nothing, conditions hold, pages have no gaps, objects are what was written.

use std::collections::BTreeSet;

use aws_sdk_s3::{
    error::ProvideErrorMetadata,
    primitives::ByteStream,
    types::{ChecksumMode, CompletedMultipartUpload, CompletedPart},
};
use base64::{Engine, engine::general_purpose::STANDARD};
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
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use uuid::Uuid;

/// How many meet in a race.
const RACERS: usize = 24;

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

/// Runs all tasks at once.
async fn at_once<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    tasks.into_iter().collect::<JoinSet<_>>().join_all().await
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

#[tokio::test(flavor = "multi_thread")]
async fn contract_of_the_storage_an_object_is_written_once_whole_and_checked() {
    for Endpoints { s3, whose, .. } in &Endpoints::all().await {
        let put = |key: &str, body: &[u8]| {
            s3.put_object().bucket(NAME).key(key).body(ByteStream::from(body.to_vec()))
        };
        let sum = |body: &[u8]| STANDARD.encode(Sha256::digest(body));
        let body: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();

        // Whoever writes a name first has written it.
        for race in 0..5 {
            let key = format!("repository/keys/{race}");
            let written = at_once((0..RACERS).map(|number| {
                let put = put(&key, format!("writer {number}").as_bytes()).if_none_match("*");
                async move {
                    (number, put.send().await.map_err(|error| error.code().unwrap_or_default().to_owned()))
                }
            }))
            .await;
            let won: Vec<_> = written.iter().filter(|(_, written)| written.is_ok()).collect();
            assert_eq!(won.len(), 1, "{whose}: {written:?}");
            let refused =
                |code: &String| code == "PreconditionFailed" || code == "ConditionalRequestConflict";
            assert!(
                written.iter().all(|(_, written)| written.as_ref().err().is_none_or(refused)),
                "{whose}: {written:?}"
            );
            let found = s3.get_object().bucket(NAME).key(&key).send().await.unwrap();
            let found = found.body.collect().await.unwrap().into_bytes();
            assert_eq!(found, format!("writer {}", won[0].0).as_bytes(), "{whose}");
        }

        // What comes over damaged is not stored.
        let key = "repository/data/aa/pack";
        let refused = put(key, &body).checksum_sha256(sum(b"something else")).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("BadDigest"), "{whose}: {refused:?}");
        let missing = s3.get_object().bucket(NAME).key(key).send().await.unwrap_err();
        assert_eq!(missing.code(), Some("NoSuchKey"), "{whose}");
        put(key, &body).checksum_sha256(sum(&body)).send().await.unwrap();
        let whole =
            s3.get_object().bucket(NAME).key(key).checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        assert_eq!(whole.content_length(), Some(1_200_000), "{whose}");
        assert_eq!(whole.body.collect().await.unwrap().into_bytes(), body, "{whose}");
        let range = s3.get_object().bucket(NAME).key(key).range("bytes=1000-1999").send().await.unwrap();
        assert_eq!(range.body.collect().await.unwrap().into_bytes(), &body[1000..2000], "{whose}");
        let beyond =
            s3.get_object().bucket(NAME).key(key).range("bytes=9000000-9000001").send().await.unwrap_err();
        assert_eq!(beyond.code(), Some("InvalidRange"), "{whose}");

        // Removed is removed, and removing it again is as good.
        for _ in 0..2 {
            s3.delete_object().bucket(NAME).key(key).send().await.unwrap();
        }
        let missing = s3.head_object().bucket(NAME).key(key).send().await.unwrap_err();
        assert!(missing.into_service_error().is_not_found(), "{whose}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_of_the_storage_lists_have_no_gaps_and_parts_become_one() {
    for Endpoints { s3, whose, .. } in &Endpoints::all().await {
        // More than a page of a thousand.
        let keys: BTreeSet<String> =
            (0..1205).map(|number| format!("repository/data/{:02x}/{number:06}", number % 256)).collect();
        let names: Vec<String> = keys.iter().cloned().collect();
        for some in names.chunks(64) {
            at_once(some.iter().map(|key| {
                let put = s3.put_object().bucket(NAME).key(key).body(ByteStream::from_static(b"x"));
                async move { put.send().await.unwrap() }
            }))
            .await;
        }
        s3.put_object()
            .bucket(NAME)
            .key("repository/database")
            .body(ByteStream::from_static(b"y"))
            .send()
            .await
            .unwrap();
        let mut pages = s3.list_objects_v2().bucket(NAME).prefix("repository/data/").into_paginator().send();
        let (mut found, mut count) = (Vec::new(), 0);
        while let Some(page) = pages.next().await {
            count += 1;
            for object in page.unwrap().contents() {
                assert_eq!(object.size(), Some(1), "{whose}");
                found.push(object.key().unwrap().to_owned());
            }
        }
        assert_eq!((count, found == names), (2, true), "{whose}: in order, without gaps");

        let upload = s3.create_multipart_upload().bucket(NAME).key("source-archives/a").send().await.unwrap();
        let id = upload.upload_id().unwrap();
        let (first, second) = (vec![7_u8; 5 << 20], vec![9_u8; 1234]);
        let mut parts = Vec::new();
        for (number, part) in [(1, &first), (2, &second)] {
            let body = ByteStream::from(part.clone());
            let sent = s3
                .upload_part()
                .bucket(NAME)
                .key("source-archives/a")
                .upload_id(id)
                .part_number(number)
                .body(body);
            let tag = sent.send().await.unwrap().e_tag.unwrap();
            parts.push(CompletedPart::builder().part_number(number).e_tag(tag).build());
        }
        let unfinished =
            s3.list_multipart_uploads().bucket(NAME).prefix("source-archives/").send().await.unwrap();
        assert_eq!(unfinished.uploads().len(), 1, "{whose}");
        let missing = s3.head_object().bucket(NAME).key("source-archives/a").send().await.unwrap_err();
        assert!(missing.into_service_error().is_not_found(), "{whose}: nothing is there before all is");
        let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        s3.complete_multipart_upload()
            .bucket(NAME)
            .key("source-archives/a")
            .upload_id(id)
            .multipart_upload(all)
            .send()
            .await
            .unwrap();
        let whole = s3.get_object().bucket(NAME).key("source-archives/a").send().await.unwrap();
        assert_eq!(whole.body.collect().await.unwrap().into_bytes(), [first, second].concat(), "{whose}");

        let left = s3.create_multipart_upload().bucket(NAME).key("source-archives/b").send().await.unwrap();
        s3.abort_multipart_upload()
            .bucket(NAME)
            .key("source-archives/b")
            .upload_id(left.upload_id().unwrap())
            .send()
            .await
            .unwrap();
        let unfinished = s3.list_multipart_uploads().bucket(NAME).send().await.unwrap();
        assert_eq!(unfinished.uploads().len(), 0, "{whose}");
    }
}
