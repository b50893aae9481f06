//! The program, started as a user starts it, on a state folder of its own.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ssm::config::{Credentials, SharedCredentialsProvider};
use jiff::Timestamp;
use reqwest::{Client, Response, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{clock::Clock, until};

/// A running console. Dropped, it is killed, and with it whatever it started.
pub struct Console {
    folder: TempDir,
    /// What starts the program: its own command line, or one that prepares a place for it.
    prefix: Vec<String>,
    /// Its options beside those that every story needs.
    options: Vec<String>,
    clock: Option<Clock>,
    process: Child,
    address: String,
    client: Client,
}

/// The program under test, which `tests/run` has built.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test");
    let program = test.ancestors().nth(2).expect("the target folder").join("nightkeep");
    assert!(program.exists(), "{} is not there: run `cargo build` first, or tests/run", program.display());
    program
}

impl Console {
    /// Starts it on a new state folder for the application that `sources` describes.
    pub async fn start(sources: &str) -> Self {
        Self::begin(&[], &[], None, sources)
    }

    /// Starts it by the command `prefix`, in which `{state}` stands for the state folder.
    pub async fn start_within(prefix: &[&str], sources: &str) -> Self {
        Self::begin(prefix, &[], None, sources)
    }

    /// Starts it with options of its own.
    pub async fn start_with(options: &[&str], sources: &str) -> Self {
        Self::begin(&[], options, None, sources)
    }

    /// Starts it with options of its own, on a day that the story chooses.
    pub async fn start_at(now: Timestamp, options: &[&str], sources: &str) -> Self {
        Self::begin(&[], options, Some(now), sources)
    }

    fn begin(prefix: &[&str], options: &[&str], now: Option<Timestamp>, sources: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = now.map(|now| Clock::at(&folder.path().join("clock"), now));
        fs::write(folder.path().join("application.toml"), format!("name = \"Guest book\"\n{sources}"))
            .expect("the application's description");
        let state = folder.path().join("state");
        let state = state.to_str().expect("a path in UTF-8");
        let prefix: Vec<String> = prefix.iter().map(|part| part.replace("{state}", state)).collect();
        // Stories don't wait for what they don't tell of, and no night comes into one by chance.
        let mut line: Vec<String> = options.iter().copied().map(str::to_owned).collect();
        for (name, value) in [("--settle-seconds", "0"), ("--nightly", "off")] {
            if !options.contains(&name) {
                line.extend([name.to_owned(), value.to_owned()]);
            }
        }
        let (process, address) = launch(&prefix, &line, clock.as_ref(), folder.path());
        Self { folder, prefix, options: line, clock, process, address, client: Client::new() }
    }

    /// The clock of a console that was started on a chosen day.
    pub fn clock(&self) -> &Clock {
        self.clock.as_ref().expect("a console that was started on a chosen day")
    }

    /// The variables by which a process sees the clock that it sees itself.
    pub fn clock_environment(&self) -> Vec<(&'static str, String)> {
        self.clock.as_ref().map(Clock::environment).unwrap_or_default()
    }

    /// The state folder.
    pub fn state_folder(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The file that describes the application.
    pub fn description(&self) -> PathBuf {
        self.folder.path().join("application.toml")
    }

    /// The identifier of the program's process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Ends the program as a power cut would.
    pub fn kill(&mut self) {
        kill_process(self.pid(), Signal::KILL).expect("killing the program");
        self.process.wait().expect("the program's end");
    }

    /// Starts it again on the same state folder.
    pub fn start_again(&mut self) {
        (self.process, self.address) =
            launch(&self.prefix, &self.options, self.clock.as_ref(), self.folder.path());
    }

    /// The environment that the program offers to other clients.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let file = self.state_folder().join("env");
        // It is shell: a shell reads it.
        let script = format!(". '{}' && env -0", file.display());
        let output =
            crate::run(Command::new("sh").args(["-c", &script]).env_clear().env("PATH", "/usr/bin:/bin"));
        let text = String::from_utf8(output.stdout).expect("an environment in UTF-8");
        let pairs = text.split('\0').filter_map(|line| line.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Sets a setting, as an administrator would with the AWS command line.
    pub async fn setting(&self, name: &str, value: &str) {
        let (client, folder) = self.parameters();
        client
            .put_parameter()
            .name(format!("{folder}/{name}"))
            .value(value)
            .r#type(aws_sdk_ssm::types::ParameterType::String)
            .overwrite(true)
            .send()
            .await
            .expect("setting a setting");
    }

    /// A client of the parameter store, and the folder of the settings.
    pub(crate) fn parameters(&self) -> (aws_sdk_ssm::Client, String) {
        let shared = self.shared("AWS_ENDPOINT_URL_SSM");
        (aws_sdk_ssm::Client::new(&shared), self.environment()["NIGHTKEEP_PARAMETERS"].clone())
    }

    /// A client of the table, as somebody has who repairs it by hand.
    pub fn table(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.shared("AWS_ENDPOINT_URL_DYNAMODB"))
    }

    /// How the endpoint is reached that a variable of the env file names.
    fn shared(&self, endpoint: &str) -> SdkConfig {
        let environment = self.environment();
        let credentials = Credentials::new(
            &environment["AWS_ACCESS_KEY_ID"],
            &environment["AWS_SECRET_ACCESS_KEY"],
            None,
            None,
            "the env file",
        );
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(environment["AWS_REGION"].clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(&environment[endpoint]);
        match &self.clock {
            Some(clock) => config.time_source(clock.source()).build(),
            None => config.build(),
        }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// A client for requests that these helpers don't make.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// `GET`, and its JSON.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(self.url(path)).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "GET {path}");
        answer.json().await.expect("JSON")
    }

    /// `POST` with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.client.post(self.url(path)).json(body).send().await.expect("an answer")
    }

    /// A confirmation for an action, as the body of a request that uses it.
    pub async fn confirmation(&self, action: &str, record: Option<&str>) -> Value {
        let answer = self.post("/api/confirmations", &json!({ "action": action, "record_id": record })).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let given: Value = answer.json().await.expect("JSON");
        json!({ "id": given["id"], "code": given["code"] })
    }

    /// Asks for a restore, which has to begin, and returns its record's id.
    pub async fn begin_restore(&self, backup: &str) -> String {
        let confirmation = self.confirmation("restore", Some(backup)).await;
        let body = json!({ "record_id": backup, "confirmation": confirmation });
        let answer = self.post("/api/restores", &body).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let body: Value = answer.json().await.expect("JSON");
        body["record"]["id"].as_str().expect("a record's id").to_owned()
    }

    /// Restores a backup and waits for the end.
    pub async fn restore(&self, backup: &str) -> Value {
        let id = self.begin_restore(backup).await;
        self.settled(&id).await
    }

    /// Restores a backup, which has to succeed.
    pub async fn good_restore(&self, backup: &str) -> Value {
        let record = self.restore(backup).await;
        assert_eq!(record["status"], "SUCCESS", "{record:#}");
        assert_eq!(record["restored_from"], backup);
        record
    }

    /// Waits until the activity at `path` has its ending.
    pub async fn activity_ended(&self, path: &str) -> Value {
        until(&format!("{path} leaves IN_PROGRESS"), || async {
            let body = self.get(path).await;
            let activity = if body["activity"].is_null() { &body } else { &body["activity"] };
            (activity["status"] != "IN_PROGRESS").then(|| activity.clone())
        })
        .await
    }

    /// Asks for a backup, which has to begin, and returns its record's id.
    pub async fn begin_backup(&self, notes: &str) -> String {
        let answer = self.post("/api/backups", &json!({ "notes": notes })).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let body: Value = answer.json().await.expect("JSON");
        body["record"]["id"].as_str().expect("a record's id").to_owned()
    }

    /// A record.
    pub async fn record(&self, id: &str) -> Value {
        self.get(&format!("/api/records/{id}")).await["record"].take()
    }

    /// Waits until a record has its ending, and looks whether everything is as after an operation.
    pub async fn settled(&self, id: &str) -> Value {
        let record = self.ended(id).await;
        let state = self.get("/api/state").await;
        assert_eq!(state["operation"], Value::Null, "no operation is left");
        assert_eq!(state["maintenance"]["on"], false, "the application is up again");
        record
    }

    /// Waits until a record has its ending.
    pub async fn ended(&self, id: &str) -> Value {
        let ended = || async {
            let record = self.record(id).await;
            (record["status"] != "IN_PROGRESS").then_some(record)
        };
        until(&format!("record {id} leaves IN_PROGRESS"), ended).await
    }

    /// Makes a backup and waits for its end.
    pub async fn backup(&self) -> Value {
        let id = self.begin_backup("").await;
        self.settled(&id).await
    }

    /// Makes a backup that has to succeed.
    pub async fn good_backup(&self) -> Value {
        let record = self.backup().await;
        assert_eq!(record["status"], "SUCCESS", "{record:#}");
        record
    }

    /// Makes a backup that has to fail, and returns its failure as one text, with what a
    /// command said at its end.
    pub async fn failed_backup(&self, code: &str) -> String {
        let record = self.backup().await;
        assert_eq!(record["status"], "FAILED", "{record:#}");
        assert_eq!(record["snapshots"], json!([]), "{record:#}");
        let failure = &record["failure"];
        assert_eq!(failure["code"], code, "{failure:#}");
        let sentences = ["happened", "done", "to_do"].map(|part| failure[part].as_str().unwrap_or_default());
        assert!(sentences.iter().all(|sentence| sentence.ends_with('.')), "{failure:#}");
        let said = failure["cause"]["said"].as_str().unwrap_or_default();
        format!("{} {said}", sentences.join(" "))
    }

    /// What the program and its tasks have logged.
    pub fn log(&self) -> String {
        log(self.folder.path())
    }

    /// Waits until the log says `text`, and gives the log: what is seen elsewhere is logged a moment later.
    pub async fn logged(&self, text: &str) -> String {
        until(&format!("the log to say “{text}”"), || async {
            Some(self.log()).filter(|log| log.contains(text))
        })
        .await
    }

    /// The processes that work as agents of this console now.
    pub fn agents(&self) -> Vec<Pid> {
        agents(&self.state_folder().join("ecs"))
    }

    /// The processes of the application's services now.
    pub fn services(&self) -> Vec<Pid> {
        marked(&self.state_folder().join("ecs/services"))
    }
}

/// The processes that work as agents of the cluster that is kept in `folder`.
pub(crate) fn agents(folder: &Path) -> Vec<Pid> {
    marked(&folder.join("tasks"))
}

/// The processes of tasks whose mark is in `folder`.
fn marked(folder: &Path) -> Vec<Pid> {
    let marker = format!("NIGHTKEEP_TASK={}/", folder.display());
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
    let ours = |pid: &Pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(marker.as_bytes()))
    };
    pids.filter(ours).collect()
}

impl Drop for Console {
    fn drop(&mut self) {
        for pid in std::iter::once(self.pid()).chain(self.agents()) {
            // What has ended already cannot be killed.
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- the program's log\n{}", log(self.folder.path()));
        }
    }
}

/// What the program and its tasks have logged.
fn log(folder: &Path) -> String {
    let mut text = fs::read_to_string(folder.join("log")).unwrap_or_default();
    for entry in fs::read_dir(folder.join("state/ecs/logs")).into_iter().flatten().flatten() {
        text += &format!("--- {}\n", entry.path().display());
        text += &fs::read_to_string(entry.path()).unwrap_or_default();
    }
    text
}

/// Starts the program and waits for its address.
fn launch(prefix: &[String], options: &[String], clock: Option<&Clock>, folder: &Path) -> (Child, String) {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).expect("a log");
    let program = program();
    let own = [program.to_str().expect("a path in UTF-8"), "--port", "0"].map(str::to_owned);
    let line: Vec<String> = prefix.iter().cloned().chain(own).collect();
    let mut process = Command::new(&line[0])
        .args(&line[1..])
        .args(options)
        .envs(clock.map(Clock::environment).into_iter().flatten())
        .arg("--state")
        .arg(folder.join("state"))
        .arg("--application")
        .arg(folder.join("application.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("starting the program");
    let lines = BufReader::new(process.stdout.take().expect("its output")).lines();
    for line in lines.map_while(Result::ok) {
        if let Some(at) = line.find("http://127.0.0.1:") {
            let address: String = line[at..].chars().take_while(|c| !c.is_whitespace()).collect();
            return (process, address.trim_end_matches('/').to_owned());
        }
    }
    let ending = process.wait().expect("the program's end");
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("the program ended with {ending} and without an address:\n{log}");
}
