//! An agent alone: the endpoints on loopback and no functions, so that a story decides what the table
//! says, how old a record is, and at which of its writes an agent is killed or refused.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::Arc,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ssm::config::{Credentials, SharedCredentialsProvider};
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
use nightkeep_local::{endpoint, s3, signature::Keys, ssm, table::Table};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command, sync::Notify};

use crate::{
    console::program,
    gate::{self, Gate},
};

/// The names of the table and of the bucket.
const NAME: &str = "nightkeep";

/// The endpoints, over a folder.
pub struct Alone {
    folder: TempDir,
    environment: BTreeMap<String, String>,
    /// Where restic finds the repository, past the gate.
    objects: SocketAddr,
    client: aws_sdk_s3::Client,
    parameters: Arc<ssm::Ssm>,
    ledger: Ledger,
    gate: Arc<Gate>,
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
        done(Command::new("cp").args(["--archive", &all]).arg(folder.path())).await;
        Self::over(folder).await
    }

    async fn over(folder: TempDir) -> Self {
        let keys = Keys { access_key: "alone".to_owned(), secret_key: "a secret for stories".to_owned() };
        let path = |name: &str| folder.path().join(name);
        let table = Table::open(&path("table"), Arc::new(Notify::new())).expect("a table");
        table.create(NAME).expect("a table");
        let parameters =
            ssm::Ssm::new(ssm::Store::open(&path("parameters")).expect("parameters"), "us-east-1");
        let tree = path("tree");
        let description = format!(
            "name = \"Guest book\"\n[[source]]\nname = \"files\"\ndirectory = {:?}\n",
            tree.to_str().expect("a path in UTF-8")
        );
        parameters.set("/nightkeep/application", &description).expect("a parameter");
        parameters.set("/nightkeep/settle-seconds", "0").expect("a parameter");
        parameters.set_secret("/nightkeep/secrets/repository-password", "secret").expect("a parameter");
        fs::write(path("password"), "secret").expect("a password");

        let parameters = Arc::new(parameters);
        let gate = Arc::new(Gate::default());
        let forever = std::future::pending::<()>;
        let (dynamodb, dynamodb_at) = bind().await;
        tokio::spawn(endpoint::serve(dynamodb, Arc::new(table), keys.clone(), forever()));
        let (ssm, ssm_at) = bind().await;
        tokio::spawn(endpoint::serve(ssm, Arc::clone(&parameters), keys.clone(), forever()));
        let (objects, objects_at) = bind().await;
        let (access_key, secret_key) = (keys.access_key.clone(), keys.secret_key.clone());
        tokio::spawn(s3::serve(objects, path("s3"), access_key, secret_key, forever()));
        let mut gates = Vec::new();
        for behind in [dynamodb_at, objects_at] {
            let (listener, address) = bind().await;
            tokio::spawn(gate::guard(listener, behind, Arc::clone(&gate)));
            gates.push(address);
        }
        let variables = [
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{}", gates[0])),
            ("AWS_ENDPOINT_URL_S3", format!("http://{}", gates[1])),
            ("AWS_ENDPOINT_URL_SSM", format!("http://{ssm_at}")),
            ("AWS_ACCESS_KEY_ID", keys.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", keys.secret_key.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("NIGHTKEEP_TABLE", NAME.to_owned()),
            ("NIGHTKEEP_BUCKET", NAME.to_owned()),
            ("NIGHTKEEP_PARAMETERS", "/nightkeep".to_owned()),
            ("NIGHTKEEP_CACHE", path("cache").display().to_string()),
            ("PATH", "/usr/bin:/bin".to_owned()),
        ];
        let environment = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let ledger = Ledger::new(&shared(&keys, dynamodb_at), NAME);
        let client = aws_sdk_s3::config::Builder::from(&shared(&keys, objects_at)).force_path_style(true);
        let client = aws_sdk_s3::Client::from_conf(client.build());
        if !path("s3").join(NAME).exists() {
            client.create_bucket().bucket(NAME).send().await.expect("a bucket");
        }
        Self { folder, environment, objects: objects_at, client, parameters, ledger, gate }
    }

    /// The application's folder.
    pub fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// The table.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What stands between the agent and its endpoints.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Sets a setting.
    pub fn set(&self, name: &str, value: &str) {
        self.parameters.set(&format!("/nightkeep/{name}"), value).expect("setting a setting");
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
            .envs(&self.environment)
            .env("NIGHTKEEP_OPERATION", assignment.operation.to_string())
            .env("NIGHTKEEP_STAGE", assignment.stage.to_string())
            .env("NIGHTKEEP_ATTEMPT", assignment.attempt.to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("starting an agent");
        self.gate.watch(child.id().expect("the agent's process"));
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

    /// Makes a backup that is so many days old. If it is to fail, it has already stored everything.
    pub async fn backup(&self, days: i64, succeeds: bool) -> RecordId {
        let (id, record) = aged(days);
        let operation = Operation::new(random(), Kind::Backup, id, "alone".to_owned(), record.created_at);
        let assignment = self.begin(operation, &[record]).await;
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

    /// Runs restic on the repository.
    pub async fn restic(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("restic");
        command.args(["--no-cache", "--no-lock"]).args(arguments).env_clear().envs(&self.environment);
        command.env("HOME", "/nonexistent");
        command.env("RESTIC_REPOSITORY", format!("s3:http://{}/{NAME}/repository", self.objects));
        command.env("RESTIC_PASSWORD_FILE", self.folder.path().join("password"));
        done(&mut command).await
    }

    /// Checks the whole repository, all data included, and returns what restic says.
    pub async fn check(&self) -> String {
        let output = self.restic(&["check", "--read-data"]).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("no errors were found"), "{text}");
        text + &String::from_utf8_lossy(&output.stderr)
    }

    /// The snapshots: their ids and their tags.
    pub async fn snapshots(&self) -> BTreeMap<String, Vec<String>> {
        let output = self.restic(&["snapshots", "--json"]).await;
        let found: Value = serde_json::from_slice(&output.stdout).expect("restic's JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let tags = |snapshot: &Value| snapshot["tags"].as_array().into_iter().flatten().map(text).collect();
        found.as_array().into_iter().flatten().map(|one| (text(&one["id"]), tags(one))).collect()
    }

    /// Restores a snapshot with restic, and looks at what it holds.
    pub async fn restored<T>(&self, snapshot: &str, look: impl Fn(&Path) -> T) -> T {
        let target = tempfile::tempdir().expect("a temporary folder");
        let path = target.path().to_str().expect("a path in UTF-8");
        self.restic(&["restore", snapshot, "--target", path]).await;
        let output = self.restic(&["snapshots", "--json", snapshot]).await;
        let found: Value = serde_json::from_slice(&output.stdout).expect("restic's JSON");
        let folder = found[0]["paths"][0].as_str().expect("the snapshot's folder");
        look(&target.path().join(folder.trim_start_matches('/')))
    }
}

/// Runs a command that has to succeed.
async fn done(command: &mut Command) -> Output {
    let output = command.output().await.expect("starting a command");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn shared(keys: &Keys, endpoint: SocketAddr) -> SdkConfig {
    let credentials = Credentials::new(&keys.access_key, &keys.secret_key, None, None, "alone");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(format!("http://{endpoint}"))
        .build()
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

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    (listener, address)
}
