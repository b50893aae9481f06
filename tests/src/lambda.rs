//! A function as Lambda runs it: its own binary, which asks the runtime interface for events and gives
//! its answers there.

use std::{
    collections::HashMap,
    fs,
    path::Path as FilePath,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex as StdMutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use jiff::Timestamp;
use rustix::process::Pid;
use tempfile::NamedTempFile;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc, oneshot, watch},
};

use crate::console::{Console, program};

/// How long an invocation may take, as its function is told.
const DEADLINE: Duration = Duration::from_secs(60);

/// What came of an event: the function's answer, or its error.
type Outcome = Result<String, String>;
type Invocation = (String, oneshot::Sender<Outcome>);

/// A running function. Dropped, it is killed.
pub struct Lambda {
    process: Child,
    events: mpsc::Sender<Invocation>,
    started: Instant,
    asked: watch::Receiver<Option<Instant>>,
    out: NamedTempFile,
}

struct Runtime {
    events: Mutex<mpsc::Receiver<Invocation>>,
    /// When it asked for an event for the first time.
    asked: watch::Sender<Option<Instant>>,
    waiting: StdMutex<HashMap<String, oneshot::Sender<Outcome>>>,
}

impl Lambda {
    /// Starts the function of this name beside a console, on its table and its clock.
    pub async fn start(name: &str, console: &Console) -> Self {
        Self::start_with(name, console, &[]).await
    }

    /// Starts it with variables of its own.
    pub async fn start_with(name: &str, console: &Console, variables: &[(&str, &str)]) -> Self {
        let own = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let clock = console.clock_environment().into_iter().map(|(name, value)| (name.to_owned(), value));
        Self::spawn(name, console.environment().into_iter().chain(clock).chain(own)).await
    }

    /// Starts the function of this name with an environment.
    pub(crate) async fn spawn(name: &str, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::run(&program().with_file_name(name), environment).await
    }

    /// Starts any program that is a function, with an environment.
    pub async fn run(program: &FilePath, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let name = program.file_name().and_then(|name| name.to_str()).expect("a function's name");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("the port");
        let (events, receiver) = mpsc::channel(16);
        let (asking, asked) = watch::channel(None);
        let runtime = Runtime { events: Mutex::new(receiver), asked: asking, waiting: StdMutex::default() };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .with_state(Arc::new(runtime));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let out = NamedTempFile::new().expect("a file for its output");
        let started = Instant::now();
        // Lambda gives it what is its own, and nothing of the machine's.
        let process = Command::new(program)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(out.reopen().expect("its output"))
            .spawn()
            .expect("starting the function");
        Self { process, events, started, asked, out }
    }

    /// How long it took from its start until it asked for an event for the first time.
    pub async fn ready(&mut self) -> Duration {
        let asked = self.asked.wait_for(Option::is_some).await.expect("a function that asks for events");
        asked.expect("when it asked").duration_since(self.started)
    }

    /// Gives it an event and waits for what came of it.
    pub async fn invoke(&self, event: &str) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        self.events.send((event.to_owned(), answer)).await.expect("a function that takes events");
        tokio::time::timeout(DEADLINE, outcome).await.expect("an answer in time").expect("an answer")
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Waits for its end, which has to be a failure.
    pub async fn refused(mut self) {
        let process = Mutex::new(&mut self.process);
        let looked = || async { process.lock().await.try_wait().ok().flatten() };
        let ended = crate::until("the function ends", looked).await;
        assert!(!ended.success(), "{}", self.output());
    }

    /// What it has written to its standard output: its log, as CloudWatch takes it.
    pub fn output(&self) -> String {
        fs::read_to_string(self.out.path()).expect("its output")
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        // What has ended already cannot be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- the function's log\n{}", self.output());
        }
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> impl IntoResponse {
    runtime.asked.send_if_modified(|asked| {
        let first = asked.is_none();
        asked.get_or_insert_with(Instant::now);
        first
    });
    let Some((event, answer)) = runtime.events.lock().await.recv().await else {
        return Err(StatusCode::GONE);
    };
    let id = uuid::Uuid::now_v7().to_string();
    runtime.waiting.lock().expect("the invocations").insert(id.clone(), answer);
    let deadline = Timestamp::now() + DEADLINE;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:nightkeep".to_owned();
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.as_millisecond().to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
    ];
    Ok((headers, event))
}

async fn answered(State(runtime): State<Arc<Runtime>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    runtime.end(&id, Ok(String::from_utf8_lossy(&body).into_owned()))
}

async fn failed(State(runtime): State<Arc<Runtime>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    runtime.end(&id, Err(String::from_utf8_lossy(&body).into_owned()))
}

impl Runtime {
    fn end(&self, id: &str, outcome: Outcome) -> StatusCode {
        let waiting = self.waiting.lock().expect("the invocations").remove(id);
        // Nobody may wait any more.
        let _ = waiting.map(|waiting| waiting.send(outcome));
        StatusCode::ACCEPTED
    }
}
