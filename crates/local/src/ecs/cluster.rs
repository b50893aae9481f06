//! The tasks of this machine and their lives: written down before they are started, watched while they
//! run, kept on disk so that a restart of the program tells the truth about them.
//!
//! It must never show a task as stopped while a process of it may still run, nor start two tasks for one
//! token.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail};
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::Notify;

use super::{
    leftovers::{self, Whose},
    life::{self, Birth, GONE_WITHIN},
    process::{Process, TaskCommand},
    shelf::Shelf,
    task::{Status, Stop, StopCode, Task},
};

/// What the cluster is called and what its tasks run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The region in its ARNs.
    pub region: String,
    /// Its name.
    pub cluster: String,
    /// The one task definition that it knows.
    pub definition: String,
    /// The name of the container in it.
    pub container: String,
    /// What a task runs.
    pub command: TaskCommand,
    /// Where its tasks and their logs are kept.
    pub folder: PathBuf,
    /// How long a task that is to stop may take before it is killed.
    pub stop_timeout: Duration,
}

/// The cluster. Clones are the same cluster.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    shelf: Shelf,
    wake: Arc<Notify>,
    tasks: Mutex<Tasks>,
    changed: Condvar,
}

#[derive(Default)]
struct Tasks {
    known: BTreeMap<String, Task>,
    running: BTreeMap<String, Arc<Process>>,
    closing: bool,
}

/// What a task is wanted for.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) token: Option<String>,
    pub(super) started_by: Option<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) request: Value,
}

/// What came of an order.
#[derive(Debug)]
pub(super) enum Started {
    /// This task, now or at the same order before.
    Task(Box<Task>),
    /// Nothing: the token names this task, which was ordered otherwise.
    TokenInUse(Box<Task>),
}

impl Config {
    pub(super) fn task_arn(&self, id: &str) -> String {
        self.arn(&format!("task/{}/{id}", self.cluster))
    }

    pub(super) fn arn(&self, resource: &str) -> String {
        format!("arn:aws:ecs:{}:000000000000:{resource}", self.region)
    }
}

impl Cluster {
    /// Opens the cluster that `config` describes. What still runs of its tasks, because the program was
    /// killed, is killed first, and those tasks are shown as stopped. Each change of a task wakes `wake`.
    ///
    /// # Errors
    /// If its folder cannot be used, or a process cannot be killed.
    pub fn open(config: Config, wake: Arc<Notify>) -> anyhow::Result<Self> {
        let shelf = Shelf::open(&config.folder)?;
        let killed = leftovers::kill(Whose::Folder(&config.folder), GONE_WITHIN)
            .context("ending what is left of earlier tasks")?;
        if killed > 0 {
            tracing::warn!(
                killed,
                "processes of tasks were still running from an earlier start and were killed"
            );
        }
        let inner = Inner { config, shelf, wake, tasks: Mutex::default(), changed: Condvar::new() };
        let mut tasks = inner.lock();
        for mut task in inner.shelf.load()? {
            if task.status != Status::Stopped {
                let now = Timestamp::now();
                task.status = Status::Stopped;
                task.version += 1;
                task.stopping_at.get_or_insert(now);
                task.stopped_at = Some(now);
                // Its own end was seen by nobody: killed is what it was.
                task.exit_code = Some(137);
                task.stop.get_or_insert(Stop {
                    code: StopCode::TerminationNotice,
                    reason: "Nightkeep itself was ended while this task ran".to_owned(),
                });
                inner.shelf.save(&task)?;
            }
            tasks.known.insert(task.id.clone(), task);
        }
        drop(tasks);
        inner.shelf.tidy(Timestamp::now());
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(super) fn config(&self) -> &Config {
        &self.inner.config
    }

    /// What is woken when something changes.
    pub(super) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.inner.wake)
    }

    /// The tasks that ECS would show.
    pub(super) fn tasks(&self) -> Vec<Task> {
        let now = Timestamp::now();
        let mut tasks = self.inner.lock();
        self.inner.forget(&mut tasks, now);
        tasks.known.values().cloned().collect()
    }

    /// Starts a task, or finds the one that the token already names.
    ///
    /// # Errors
    /// If it cannot be written down, and then nothing was started.
    pub(super) fn run(&self, order: Order) -> anyhow::Result<Started> {
        let inner = &self.inner;
        let now = Timestamp::now();
        let mut tasks = inner.lock();
        inner.forget(&mut tasks, now);
        let named = tasks.known.values().find(|task| order.token.is_some() && task.token == order.token);
        if let Some(task) = named {
            let task = Box::new(task.clone());
            return Ok(if task.request == order.request {
                Started::Task(task)
            } else {
                Started::TokenInUse(task)
            });
        }
        if tasks.closing {
            bail!("starting a task: the program is being ended");
        }
        let mut task = Task {
            id: new_id()?,
            token: order.token,
            started_by: order.started_by,
            request: order.request,
            status: Status::Pending,
            version: 1,
            created_at: now,
            started_at: None,
            stopping_at: None,
            stopped_at: None,
            stop: None,
            exit_code: None,
            container_reason: None,
        };
        inner.shelf.save(&task)?;
        match self.start(&task.id, order.environment) {
            Ok(process) => {
                task.status = Status::Running;
                task.started_at = Some(Timestamp::now());
                tasks.running.insert(task.id.clone(), process);
            }
            Err(error) => {
                let why = format!("CannotStartContainerError: {error:#}");
                tracing::error!(task = task.id, "{why}");
                task.status = Status::Stopped;
                task.stopping_at = Some(Timestamp::now());
                task.stopped_at = task.stopping_at;
                task.stop = Some(Stop {
                    code: StopCode::TaskFailedToStart,
                    reason: "Task failed to start".to_owned(),
                });
                task.container_reason = Some(why);
            }
        }
        inner.keep(&mut tasks, task.clone());
        Ok(Started::Task(Box::new(task)))
    }

    fn start(&self, id: &str, environment: Vec<(String, String)>) -> anyhow::Result<Arc<Process>> {
        let Inner { config, shelf, .. } = &*self.inner;
        let (mark, log) = (shelf.file(id), shelf.log(id));
        let birth = Birth { task: id, command: &config.command, environment, mark, log };
        let (inner, task) = (Arc::clone(&self.inner), id.to_owned());
        life::begin(birth, move |exit_code| inner.ended(&task, exit_code))
    }

    /// Tells a task to end: SIGTERM, and SIGKILL once the stop timeout is over. None if there is no such
    /// task. One that has ended stays as it is.
    pub(super) fn stop(&self, id: &str, reason: &str) -> Option<Task> {
        let inner = &self.inner;
        let mut tasks = inner.lock();
        let mut task = tasks.known.get(id).filter(|task| !task.forgotten(Timestamp::now()))?.clone();
        let process = tasks.running.get(id).cloned();
        if let (Some(process), Status::Running) = (process, task.status) {
            task.status = Status::Stopping;
            task.stopping_at = Some(Timestamp::now());
            task.stop = Some(Stop { code: StopCode::UserInitiated, reason: reason.to_owned() });
            inner.keep(&mut tasks, task.clone());
            life::end(id, &process, inner.config.stop_timeout);
        }
        Some(task)
    }

    /// Starts nothing more, stops every task as ECS does, and waits until the last process
    /// is gone. Blocks.
    pub fn close(&self, reason: &str) {
        self.inner.lock().closing = true;
        let running: Vec<String> = self.inner.lock().running.keys().cloned().collect();
        for id in &running {
            self.stop(id, reason);
        }
        let mut tasks = self.inner.lock();
        while !tasks.running.is_empty() {
            tasks = self.inner.changed.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Kills every task at once, for somebody who will not wait.
    pub fn kill(&self) {
        for process in self.inner.lock().running.values() {
            process.signal(Signal::KILL);
        }
    }
}

impl Inner {
    /// Takes a task's end over: nothing of it runs any more.
    fn ended(&self, id: &str, exit_code: io::Result<i32>) {
        let mut tasks = self.lock();
        tasks.running.remove(id);
        let Some(mut task) = tasks.known.get(id).cloned() else { return };
        let now = Timestamp::now();
        task.status = Status::Stopped;
        task.stopping_at.get_or_insert(now);
        task.stopped_at = Some(now);
        task.stop.get_or_insert(Stop {
            code: StopCode::EssentialContainerExited,
            reason: "Essential container in task exited".to_owned(),
        });
        match exit_code {
            Ok(code) => task.exit_code = Some(code),
            Err(error) => task.container_reason = Some(format!("its exit code is not known: {error}")),
        }
        self.tell(&task);
        self.keep(&mut tasks, task);
        drop(tasks);
        self.changed.notify_all();
    }

    /// What the log says of a task's end.
    fn tell(&self, task: &Task) {
        let reason = task.stop.as_ref().map(|stop| stop.reason.as_str()).unwrap_or_default();
        if task.stop.as_ref().is_some_and(|stop| stop.code == StopCode::UserInitiated) {
            tracing::info!(task = task.id, exit_code = task.exit_code, reason, "task stopped");
        } else if task.exit_code == Some(0) {
            tracing::debug!(task = task.id, "task ended");
        } else {
            let log = self.shelf.log(&task.id);
            tracing::warn!(task = task.id, exit_code = task.exit_code, log = %log.display(), "task failed; its log says why");
        }
    }

    /// Takes over how a task is now, in memory, on disk and to whom waits for it. What cannot be written
    /// is still true: a restart comes to the same by itself.
    fn keep(&self, tasks: &mut Tasks, mut task: Task) {
        task.version += 1;
        if let Err(error) = self.shelf.save(&task) {
            tracing::error!(task = task.id, "{error:#}");
        }
        tasks.known.insert(task.id.clone(), task);
        self.wake.notify_one();
    }

    fn forget(&self, tasks: &mut Tasks, now: Timestamp) {
        tasks.known.retain(|id, task| {
            if !task.forgotten(now) {
                return true;
            }
            self.shelf.remove(id);
            false
        });
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 32 hexadecimal digits that nothing else has.
pub(super) fn new_id() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("reading randomness: {error}"))?;
    Ok(hex::encode(bytes))
}
