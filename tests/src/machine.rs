//! The whole system taken apart, so that a story can stop any part of it at any call: the worker is a
//! process as Lambda runs it, agents are processes as the local ECS runs them, the api answers beside
//! them, and every call of theirs passes a [`Between`].
//!
//! What belongs to the application lies in the machine's folder and is the same through all lives; what
//! Nightkeep keeps lies in a folder of each life. A power cut makes the next life from what was on disk
//! at that moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use nightkeep_api::{Api, SignIn};
use nightkeep_cloud::{Archives, Beginning, Ledger, SettingsStore};
use nightkeep_domain::{
    activity::{Activity, ActivityKind},
    actor::Actor,
    application::Application,
    operation::{Kind, Operation},
    record::{Record, RecordKind, Status, Trigger},
};
use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    LIMIT,
    alone::{aged, random},
    aws::{Aws, NAME, PARAMETERS, Way, bind},
    between::{Between, Service, Who},
    console::agents,
    files::portrait,
    lambda::Lambda,
    run,
};

/// How long the worker rests when nothing wakes it, and after a failure.
const WHILE_WAITING: Duration = Duration::from_secs(1);
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// The system over a folder.
pub struct Machine {
    root: TempDir,
    lives: u32,
    way: Way,
    aws: Aws,
    ledger: Ledger,
    api: JoinHandle<()>,
    address: String,
    client: Client,
    worker: Arc<Worker>,
}

/// The worker's process, as those see it who stop it.
#[derive(Default)]
struct Worker {
    pid: Mutex<Option<Pid>>,
    stopped: Notify,
    /// Whether everything was stopped with it, and the next life is to begin.
    cut: AtomicBool,
}

/// What is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// The worker function.
    Worker,
    /// The agent at work.
    Agent,
    /// Everything at once, as by a power cut.
    All,
}

impl fmt::Display for Victim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Worker => "the worker",
            Self::Agent => "the agent",
            Self::All => "everything at once",
        })
    }
}

/// How everything stands once nothing is in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The records, newest first.
    pub records: Vec<Ended>,
    /// The activities, newest first.
    pub activities: Vec<(ActivityKind, Status)>,
    /// Snapshots and source archives that nothing names.
    pub unnamed: Vec<String>,
    /// The application's folder.
    pub tree: BTreeMap<Vec<u8>, String>,
    /// What its database holds.
    pub book: String,
}

/// What a record says of its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What it is a record of.
    pub kind: RecordKind,
    /// What started it.
    pub trigger: Trigger,
    /// How it ended.
    pub status: Status,
    /// Whether the safety backup was put back.
    pub put_back: Option<bool>,
    /// The failure's code.
    pub code: Option<String>,
}

impl Machine {
    /// A new one, with an application of a folder, a database, a service and source code.
    pub async fn start() -> Self {
        Self::new(Way::Guarded).await
    }

    /// A new one in which nothing stands between the callers and the endpoints, so that a call takes no
    /// longer than it has to.
    pub async fn straight() -> Self {
        Self::new(Way::Straight).await
    }

    async fn new(way: Way) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("tree/folder")).expect("the application's folder");
        fs::create_dir_all(path("code")).expect("the application's source code");
        fs::write(path("code/main.rs"), "fn main() {}\n").expect("source code");
        fs::create_dir(path("life-1")).expect("a folder for its first life");
        Self::over(root, 1, way).await
    }

    /// Another one, over a copy of everything as it is now.
    pub async fn copy(&self) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let all = format!("{}/.", self.root.path().display());
        run(Command::new("cp").args(["--archive", &all]).arg(root.path()));
        Self::over(root, self.lives, self.way).await
    }

    async fn over(root: TempDir, lives: u32, way: Way) -> Self {
        let description = description(root.path());
        let application = Application::parse(&description).expect("the application's description");
        let aws = Aws::over(&life(root.path(), lives), &application.services, way).await;
        aws.settings(&[("application", &description), ("settle-seconds", "0"), ("nightly", "off")]);
        let ledger = Ledger::new(&aws.past(Service::DynamoDb), NAME);
        let (listener, at) = bind().await;
        let address = format!("http://{at}");
        let router = nightkeep_api::router(Api {
            ledger: Ledger::new(&aws.by(Who::Api, Service::DynamoDb), NAME),
            archives: Archives::new(&aws.by(Who::Api, Service::S3), NAME),
            settings: SettingsStore::new(&aws.by(Who::Api, Service::Ssm), PARAMETERS),
            sign_in: SignIn::not_needed("story".to_owned(), vec![address.clone()]),
            clock: Timestamp::now,
        });
        let api = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving the api") });
        Self { root, lives, way, aws, ledger, api, address, client: Client::new(), worker: Arc::default() }
    }

    /// What stands between the callers and the endpoints.
    pub fn between(&self) -> &Between {
        &self.aws.between
    }

    /// The application's folder.
    pub fn tree(&self) -> PathBuf {
        self.root.path().join("tree")
    }

    /// Writes the application's database.
    pub fn write_book(&self, text: &str) {
        fs::write(self.root.path().join("book"), text).expect("writing the database");
    }

    /// Describes the application anew.
    pub fn describe(&self, description: &str) {
        self.aws.settings(&[("application", description)]);
    }

    /// What a process needs to reach the endpoints as somebody who calls.
    pub fn environment(&self, who: Who) -> BTreeMap<String, String> {
        self.aws.environment(who)
    }

    /// What is in the table.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Finds the processes that work as agents at the time, also while the machine is at work.
    pub fn agents(&self) -> impl Fn() -> Vec<Pid> + Send + 'static {
        let folder = life(self.root.path(), self.lives).join("ecs");
        move || agents(&folder)
    }

    /// Empties the agents' cache: a task on ECS begins with none.
    pub fn forget_cache(&self) {
        // There may be none yet.
        let _ = fs::remove_dir_all(life(self.root.path(), self.lives).join("cache"));
    }

    /// Says whom a [`Verdict::Stop`](crate::between::Verdict::Stop) stops.
    pub fn stops(&self, victim: Victim) {
        let (now, next) = (life(self.root.path(), self.lives), life(self.root.path(), self.lives + 1));
        let (worker, between) = (Arc::clone(&self.worker), Arc::downgrade(&self.aws.between));
        self.aws.between.stop_by(move || {
            let agents = |signal| {
                for agent in agents(&now.join("ecs")) {
                    // It may have ended by itself meanwhile.
                    let _ = kill_process(agent, signal);
                }
            };
            match victim {
                Victim::Worker => worker.kill(),
                Victim::Agent => agents(Signal::KILL),
                Victim::All => {
                    agents(Signal::STOP);
                    copy_disk(&now, &next);
                    agents(Signal::KILL);
                    let _ = between.upgrade().map(|between| between.fall_silent());
                    worker.cut.store(true, SeqCst);
                    worker.kill();
                }
            }
        });
    }

    /// Asks for a backup, a restore of the newest backup there is, a restart or a source archive, as the
    /// page does; or begins a purge, as the scheduler does. Returns the status of the answer.
    pub async fn begin(&self, kind: Kind) -> Option<StatusCode> {
        let (path, body) = match kind {
            Kind::Backup => ("backups", json!({})),
            Kind::SourceArchive => ("source-archives", json!({})),
            Kind::Restart => {
                let confirmation = match self.confirmation("restart", None).await? {
                    Ok(confirmation) => confirmation,
                    Err(refused) => return Some(refused),
                };
                ("restarts", json!({ "confirmation": confirmation }))
            }
            Kind::Restore => return self.restore(&self.newest().await).await,
            Kind::Purge => {
                let (id, record) = aged(0);
                let now = record.created_at;
                let operation = Operation::new(random(), kind, id, "story".to_owned(), now);
                let activity = Activity::new(id, ActivityKind::Purge, Actor::named("story"), now);
                self.begin_by_hand(&operation, &[], Some(&activity)).await;
                return Some(StatusCode::ACCEPTED);
            }
        };
        self.post(path, &body).await.map(|(status, _)| status)
    }

    /// Begins a restore of a record.
    pub async fn restore(&self, record: &str) -> Option<StatusCode> {
        let confirmation = match self.confirmation("restore", Some(record)).await? {
            Ok(confirmation) => confirmation,
            Err(refused) => return Some(refused),
        };
        let body = json!({ "record_id": record, "confirmation": confirmation });
        self.post("restores", &body).await.map(|(status, _)| status)
    }

    /// The newest record that can be restored.
    pub async fn newest(&self) -> String {
        let page = self.ledger.records(None, 100).await.expect("the records");
        page.records.into_iter().find(Record::restorable).expect("a backup").id.to_string()
    }

    /// Makes a backup that is so many days old.
    pub async fn aged_backup(&mut self, days: i64) {
        let (id, record) = aged(days);
        let operation = Operation::new(random(), Kind::Backup, id, "story".to_owned(), record.created_at);
        self.begin_by_hand(&operation, &[record], None).await;
        self.settled().await;
    }

    async fn begin_by_hand(&self, operation: &Operation, records: &[Record], activity: Option<&Activity>) {
        let beginning =
            Beginning { operation, records, activity, confirmation: None, schedule: None, message: "" };
        self.ledger.begin(&beginning).await.expect("beginning an operation");
    }

    /// A confirmation, or the status with which it is refused.
    async fn confirmation(&self, action: &str, record: Option<&str>) -> Option<Result<Value, StatusCode>> {
        let (status, given) =
            self.post("confirmations", &json!({ "action": action, "record_id": record })).await?;
        let confirmation = json!({ "id": given["id"], "code": given["code"] });
        Some(if status.is_success() { Ok(confirmation) } else { Err(status) })
    }

    /// The body of the answer to a GET, which has to be a good one.
    pub async fn get(&self, path: &str) -> Vec<u8> {
        let answer = self.client.get(format!("{}{path}", self.address)).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "GET {path}");
        answer.bytes().await.expect("a whole answer").to_vec()
    }

    /// The answer to a POST; none if the connection broke.
    async fn post(&self, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        let url = format!("{}/api/{path}", self.address);
        let answer = tokio::select! {
            answer = self.client.post(url).json(body).send() => answer.ok()?,
            // Whoever is gone answers nobody.
            () = self.worker.stopped.notified() => return None,
        };
        Some((answer.status(), answer.json().await.ok()?))
    }

    /// Has the worker do its work until no operation is in progress.
    pub async fn settled(&mut self) {
        self.settled_within(LIMIT).await;
    }

    /// The same for an operation that may take longer than a story's do.
    pub async fn settled_within(&mut self, limit: Duration) {
        let mut worker = None;
        let began = Timestamp::now();
        loop {
            let taken = Timestamp::now().duration_since(began);
            if taken > SignedDuration::try_from(limit).expect("a limit") {
                let state = self.ledger.state().await;
                panic!("nothing settles:\n{state:#?}\n{}", self.log());
            }
            if self.worker.cut.swap(false, SeqCst) {
                worker = None;
                self.live_again().await;
            }
            if worker.is_none() {
                let started = Lambda::spawn("nightkeep-worker", self.aws.environment(Who::Worker)).await;
                *self.worker.pid.lock().expect("the worker") = Some(started.pid());
                worker = Some(started);
            }
            let Some(running) = &worker else { continue };
            let outcome = tokio::select! {
                outcome = running.invoke("{}") => outcome,
                () = self.worker.stopped.notified() => {
                    worker = None;
                    continue;
                }
            };
            if outcome.is_ok() && self.ledger.state().await.is_ok_and(|state| state.operation.is_none()) {
                break;
            }
            let rest = if outcome.is_ok() { WHILE_WAITING } else { AFTER_FAILURE };
            tokio::select! {
                () = self.aws.wake.notified(), if outcome.is_ok() => {}
                () = tokio::time::sleep(rest) => {}
                () = self.worker.stopped.notified() => worker = None,
            }
        }
        *self.worker.pid.lock().expect("the worker") = None;
    }

    /// Wakes the worker once: its error, if it has failed.
    pub async fn wake_once(&self) -> Result<String, String> {
        let worker = Lambda::spawn("nightkeep-worker", self.aws.environment(Who::Worker)).await;
        worker.invoke("{}").await
    }

    /// A client of the table, past everything.
    pub fn table(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.aws.past(Service::DynamoDb))
    }

    /// What follows a power cut: everything is opened again as it was on disk then.
    async fn live_again(&mut self) {
        self.api.abort();
        let placeholder = tempfile::tempdir().expect("a temporary folder");
        let root = std::mem::replace(&mut self.root, placeholder);
        let next = Self::over(root, self.lives + 1, self.way).await;
        *self = next;
    }

    /// How everything stands; and no process may be left of what is over.
    pub async fn ending(&self) -> Ending {
        let state = self.ledger.state().await.expect("the state");
        assert_eq!(state.operation, None, "no operation is left");
        assert!(!state.maintenance.on, "the application is up again: {:?}", state.maintenance);
        let folder = life(self.root.path(), self.lives).join("ecs");
        crate::until("no agent is left", || async { agents(&folder).is_empty().then_some(()) }).await;
        let records = self.ledger.records(None, 100).await.expect("the records").records;
        let activities = self.ledger.activities(None, 100).await.expect("the activities").activities;
        let mut unnamed = self.listed("repository/snapshots/").await;
        for record in &records {
            for snapshot in &record.snapshots {
                // What has expired cannot be restored, and goes before its record does.
                let there = unnamed.remove(&snapshot.id) || !record.restorable();
                assert!(there, "{} is named by {record:#?}, but not there", snapshot.id);
            }
        }
        let mut archives = self.listed("source-archives/").await;
        for archive in activities.iter().filter_map(|activity| activity.source_archive.as_ref()) {
            let name = archive.key.rsplit('/').next().unwrap_or_default();
            assert!(archives.remove(name), "{name} is named, but not there");
        }
        unnamed.append(&mut archives);
        let ended = |record: &Record| Ended {
            kind: record.kind,
            trigger: record.trigger,
            status: record.status,
            put_back: record.put_back,
            code: record.failure.as_ref().map(|failure| failure.code.clone()),
        };
        Ending {
            records: records.iter().map(ended).collect(),
            activities: activities.iter().map(|activity| (activity.kind, activity.status)).collect(),
            unnamed: unnamed.into_iter().collect(),
            tree: portrait(&self.tree()),
            book: fs::read_to_string(self.root.path().join("book")).unwrap_or_default(),
        }
    }

    /// Has plain restic check the repository, all data included.
    pub async fn check(&self) {
        self.aws.check().await;
    }

    /// The last parts of the names of the objects below a prefix.
    async fn listed(&self, prefix: &str) -> BTreeSet<String> {
        let client = self.aws.objects();
        let listed = client.list_objects_v2().bucket(NAME).prefix(prefix).send().await.expect("the objects");
        let keys = listed.contents().iter().filter_map(|object| object.key());
        keys.filter_map(|key| key.rsplit('/').next().map(str::to_owned)).collect()
    }

    /// What the agents have logged in this life.
    pub fn log(&self) -> String {
        let logs = fs::read_dir(life(self.root.path(), self.lives).join("ecs/logs")).into_iter().flatten();
        let texts = logs.flatten().map(|entry| fs::read_to_string(entry.path()).unwrap_or_default());
        texts.collect::<Vec<_>>().join("---\n")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.api.abort();
        self.aws.end();
    }
}

impl Worker {
    fn kill(&self) {
        let pid = self.pid.lock().expect("the worker").take();
        // It may have ended by itself meanwhile.
        let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
        self.stopped.notify_one();
    }
}

/// Copies what is on disk now. A file that has its new name meanwhile is there when it is looked for again.
fn copy_disk(from: &Path, to: &Path) {
    for _ in 0..100 {
        let copied = Command::new("cp").arg("--archive").arg(from).arg(to).output().expect("starting cp");
        if copied.status.success() {
            return;
        }
        fs::remove_dir_all(to).expect("removing half a copy");
    }
    panic!("{} does not hold still", from.display());
}

fn life(root: &Path, number: u32) -> PathBuf {
    root.join(format!("life-{number}"))
}

/// An application whose database is a file that is dumped and loaded.
fn description(root: &Path) -> String {
    let path = |name: &str| root.join(name).display().to_string();
    let book = path("book");
    let (dump, load) = (format!("cat '{book}'"), format!("cat > '{book}.new' && mv '{book}.new' '{book}'"));
    format!(
        "name = \"Guest book\"\nsource_code = {:?}\n\
         [[source]]\nname = \"files\"\ndirectory = {:?}\n\
         [[source]]\nname = \"book\"\ndump = [\"sh\", \"-c\", {dump:?}]\nload = [\"sh\", \"-c\", {load:?}]\n\
         [[service]]\nname = \"web\"\ncommand = [\"sleep\", \"1000\"]\n",
        path("code"),
        path("tree"),
    )
}
