//! An agent alone: the endpoints on loopback and no functions, so that a story decides what the table
//! says, how old a record is, and at which of its writes an agent is killed or refused.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use jiff::{SignedDuration, Timestamp};
use nightkeep_cloud::{Begin, Beginning, Ledger};
use nightkeep_domain::{
    activity::{Activity, ActivityKind},
    actor::Actor,
    cause::Cause,
    identifier::{OperationId, RecordId},
    next::Settlement,
    notes::Notes,
    operation::{Assignment, Attempt, Kind, Operation, Report, StageState},
    record::{Record, Trigger},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    aws::{Aws, NAME, Way},
    between::{Call, Moment, Service, Verdict, Who},
    console::program,
};

/// The endpoints, over a folder.
pub struct Alone {
    folder: TempDir,
    client: aws_sdk_s3::Client,
    aws: Aws,
    ledger: Ledger,
}

/// How an agent ended.
#[derive(Debug)]
pub struct Ended {
    /// The process.
    pub status: ExitStatus,
    /// What it reported.
    pub report: Option<Report>,
    /// What it logged.
    pub log: String,
}

impl Alone {
    /// Starts the endpoints over an empty folder, with an application of one folder, [`Alone::tree`].
    pub async fn start() -> Self {
        let alone = Self::over(tempfile::tempdir().expect("a temporary folder")).await;
        fs::create_dir(alone.tree()).expect("the application's folder");
        alone
    }

    /// Starts endpoints over a copy of everything, as it is now.
    pub async fn copy(&self) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let all = format!("{}/.", self.folder.path().display());
        crate::run(Command::new("cp").args(["--archive", &all]).arg(folder.path()));
        Self::over(folder).await
    }

    async fn over(folder: TempDir) -> Self {
        let aws = Aws::over(folder.path(), &[], Way::Guarded).await;
        let tree = folder.path().join("tree");
        let description = format!(
            "name = \"Guest book\"\n[[source]]\nname = \"files\"\ndirectory = {:?}\n",
            tree.to_str().expect("a path in UTF-8")
        );
        aws.settings(&[("application", &description), ("settle-seconds", "0")]);
        let ledger = Ledger::new(&aws.past(Service::DynamoDb), NAME);
        let client = aws.objects();
        Self { folder, client, aws, ledger }
    }

    /// The application's folder.
    pub fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// The table.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Has the agent killed at its write `number`, counted from 1, before it is carried out.
    pub fn kill_at(&self, number: usize) {
        let seen = AtomicUsize::new(0);
        self.aws.between.follow(move |call| {
            let here = call.writes() && seen.fetch_add(1, SeqCst) + 1 == number;
            if here { Verdict::Stop(Moment::Before) } else { Verdict::Pass }
        });
    }

    /// Has every call refused whose name contains `text`, from now on.
    pub fn refuse(&self, text: &str) {
        let text = text.to_owned();
        self.aws.between.follow(
            move |call| {
                if call.name.contains(&text) { Verdict::Deny } else { Verdict::Pass }
            },
        );
    }

    /// Has the storage lose object `number` of those that are written from now on, counted from 1, though
    /// it says that it has it.
    pub fn lose(&self, number: usize) {
        let seen = AtomicUsize::new(0);
        self.aws.between.follow(move |call| {
            let here = call.name.starts_with("PUT ") && seen.fetch_add(1, SeqCst) + 1 == number;
            if here { Verdict::Lose } else { Verdict::Pass }
        });
    }

    /// Lets everything pass from now on.
    pub fn let_pass(&self) {
        self.aws.between.rest();
    }

    /// The names of the agent's writes since the last change of what happens to them.
    pub fn writes(&self) -> Vec<String> {
        let calls = self.aws.between.calls().into_iter();
        calls.filter(Call::writes).map(|call| call.name).collect()
    }

    /// Sets a setting.
    pub fn set(&self, name: &str, value: &str) {
        self.aws.settings(&[(name, value)]);
    }

    /// The objects of the repository in one of its folders, or in all of them: names and sizes.
    pub async fn listed(&self, folder: &str) -> BTreeMap<String, u64> {
        let request = self.client.list_objects_v2().bucket(NAME).prefix(format!("repository/{folder}"));
        let mut pages = request.into_paginator().send();
        let mut found = BTreeMap::new();
        while let Some(page) = pages.next().await {
            for object in page.expect("the objects").contents() {
                let name = object.key().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
                found.insert(name, object.size().unwrap_or_default().unsigned_abs());
            }
        }
        found
    }

    /// Writes an object of the repository as it is, or removes it.
    pub async fn put(&self, name: &str, body: Option<&[u8]>) {
        let key = format!("repository/{name}");
        match body {
            Some(body) => {
                let body = body.to_vec().into();
                let put = self.client.put_object().bucket(NAME).key(key).body(body);
                put.send().await.expect("writing an object");
            }
            None => {
                let delete = self.client.delete_object().bucket(NAME).key(key);
                delete.send().await.expect("removing an object");
            }
        }
    }

    /// The bytes of the repository.
    pub async fn bytes(&self) -> u64 {
        self.listed("").await.values().sum()
    }

    /// Begins an operation whose agent is about to be started.
    pub async fn begin(&self, mut operation: Operation, records: &[Record]) -> Assignment {
        let now = Timestamp::now();
        operation.stages[0].state = StageState::InProgress;
        operation.stages[0].started_at = Some(now);
        operation.attempt = Some(first_attempt(now));
        let activity = (operation.kind == Kind::Purge)
            .then(|| Activity::new(operation.record_id, ActivityKind::Purge, Actor::named("alone"), now));
        let beginning = Beginning {
            operation: &operation,
            records,
            activity: activity.as_ref(),
            confirmation: None,
            schedule: None,
            message: "",
        };
        let begun = self.ledger.begin(&beginning).await.expect("beginning an operation");
        assert_eq!(begun, Begin::Begun);
        Assignment { operation: operation.id, stage: 0, attempt: 1 }
    }

    /// Runs an agent to its end.
    pub async fn agent(&self, assignment: Assignment) -> Ended {
        let mut child = tokio::process::Command::new(program())
            .arg("agent")
            .env_clear()
            .envs(self.aws.environment(Who::Agent))
            .env("NIGHTKEEP_OPERATION", assignment.operation.to_string())
            .env("NIGHTKEEP_STAGE", assignment.stage.to_string())
            .env("NIGHTKEEP_ATTEMPT", assignment.attempt.to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("starting an agent");
        let agent = Pid::from_raw(child.id().expect("the agent's process").cast_signed());
        self.aws.between.stop_by(move || {
            // It may have ended by itself meanwhile.
            let _ = agent.map(|agent| kill_process(agent, Signal::KILL));
        });
        let output = child.stderr.take().expect("the agent's log");
        let reading = tokio::spawn(async move {
            let mut output = output;
            let mut log = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut output, &mut log).await.expect("the agent's log");
            log
        });
        let status = child.wait().await.expect("the agent's end");
        let log = reading.await.expect("the agent's log");
        let report = self.ledger.state().await.expect("the state").operation.and_then(|found| found.report);
        Ended { status, report, log: String::from_utf8_lossy(&log).into_owned() }
    }

    /// Ends the operation in progress as the worker would.
    pub async fn settle(&self, settlement: &Settlement) {
        let mut state = self.ledger.state().await.expect("the state");
        if let Some(operation) = &mut state.operation {
            let success = matches!(settlement, Settlement::Success { .. });
            operation.stages[0].state = if success { StageState::Done } else { StageState::Failed };
            if let Settlement::Failed { cause } = settlement {
                operation.cause = Some(cause.clone());
            }
            if let Some(Report::Purged { purged }) = &operation.report {
                operation.purged = Some(*purged);
            }
        }
        self.ledger.settle(&state, settlement, Timestamp::now()).await.expect("settling an operation");
    }

    /// Begins a backup as if it were so many days ago.
    pub async fn begin_backup(&self, days: i64) -> (RecordId, Assignment) {
        let (id, record) = aged(days);
        let operation = Operation::new(random(), Kind::Backup, id, "alone".to_owned(), record.created_at);
        (id, self.begin(operation, &[record]).await)
    }

    /// Makes a backup that is so many days old. If it is to fail, it has already stored everything.
    pub async fn backup(&self, days: i64, succeeds: bool) -> RecordId {
        let (id, assignment) = self.begin_backup(days).await;
        let ended = self.agent(assignment).await;
        let Some(Report::BackedUp { snapshots }) = ended.report else { panic!("{ended:?}") };
        self.settle(&if succeeds { Settlement::Success { snapshots } } else { vanished() }).await;
        id
    }

    /// Begins a purge as if it were so many days ago.
    pub async fn begin_purge(&self, days: i64) -> Assignment {
        let (id, record) = aged(days);
        let purge = Operation::new(random(), Kind::Purge, id, "alone".to_owned(), record.created_at);
        self.begin(purge, &[]).await
    }

    /// Runs a purge, and ends it as the worker would.
    pub async fn purge(&self) -> Ended {
        let assignment = self.begin_purge(0).await;
        let ended = self.agent(assignment).await;
        let settlement = match &ended.report {
            Some(Report::Purged { .. }) => Settlement::Success { snapshots: Vec::new() },
            Some(Report::Failed { cause }) => Settlement::Failed { cause: cause.clone() },
            Some(_) | None => vanished(),
        };
        self.settle(&settlement).await;
        ended
    }

    /// All records, newest first.
    pub async fn records(&self) -> Vec<Record> {
        self.ledger.records(None, 1000).await.expect("the records").records
    }

    /// Stores records as they are.
    pub async fn store(&self, records: &[Record]) {
        // A transaction does not take more.
        for some in records.chunks(90) {
            let (id, record) = aged(0);
            let operation = Operation::new(random(), Kind::Backup, id, "alone".to_owned(), record.created_at);
            let all: Vec<Record> = some.iter().cloned().chain([record]).collect();
            self.begin(operation, &all).await;
            self.settle(&vanished()).await;
        }
    }

    /// Runs plain restic on the repository.
    pub async fn restic(&self, arguments: &[&str]) -> Output {
        self.aws.restic(arguments).await
    }

    /// Checks the whole repository, all data included, and returns what restic says.
    pub async fn check(&self) -> String {
        self.aws.check().await
    }

    /// The snapshots: their ids and their tags.
    pub async fn snapshots(&self) -> BTreeMap<String, Vec<String>> {
        let output = self.aws.restic(&["snapshots", "--json"]).await;
        let found: Value = serde_json::from_slice(&output.stdout).expect("restic's JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let tags = |snapshot: &Value| snapshot["tags"].as_array().into_iter().flatten().map(text).collect();
        found.as_array().into_iter().flatten().map(|one| (text(&one["id"]), tags(one))).collect()
    }

    /// Restores a snapshot with restic, and looks at what it holds.
    pub async fn restored<T>(&self, snapshot: &str, look: impl Fn(&Path) -> T) -> T {
        let target = tempfile::tempdir().expect("a temporary folder");
        let path = target.path().to_str().expect("a path in UTF-8");
        self.aws.restic(&["restore", snapshot, "--target", path]).await;
        let output = self.aws.restic(&["snapshots", "--json", snapshot]).await;
        let found: Value = serde_json::from_slice(&output.stdout).expect("restic's JSON");
        let folder = found[0]["paths"][0].as_str().expect("the snapshot's folder");
        look(&target.path().join(folder.trim_start_matches('/')))
    }
}

/// What a task that was killed settles as.
pub fn vanished() -> Settlement {
    Settlement::Failed {
        cause: Cause::TaskVanished { exit_code: Some(137), why: "it was killed".to_owned() },
    }
}

/// A record of a backup that began so many days ago, and its id.
pub fn aged(days: i64) -> (RecordId, Record) {
    let at = Timestamp::now() - SignedDuration::from_hours(24 * days);
    let id = RecordId::new(at, entropy());
    (id, Record::backup(id, Trigger::Scheduled, Notes::default(), Actor::named("alone"), at))
}

/// The first attempt at a stage, before anything has come of it.
pub fn first_attempt(now: Timestamp) -> Attempt {
    Attempt {
        number: 1,
        decided_at: now,
        asked_at: now,
        task: None,
        sighted: false,
        missing_since: None,
        claimed: false,
        stopping: None,
    }
}

/// A name for an operation.
pub fn random() -> OperationId {
    OperationId::new(Timestamp::now(), entropy())
}

fn entropy() -> [u8; 10] {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}
