//! The keeper of one service: a thread that looks at its tasks, asks the rules what is next, does it, and
//! looks again.
//!
//! It must never start two tasks on one port, nor end while a task of the service still runs.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rustix::process::Signal;
use tokio::sync::Notify;

use super::{
    Pace,
    kept::Kept,
    log,
    rules::{Now, Phase, Service, Step},
};
use crate::ecs::{
    cluster::new_id,
    life::{self, Birth},
    process::{Process, TaskCommand},
};

/// How often the length of logs is looked at.
const LOGS_EVERY: Duration = Duration::from_secs(10);

/// How long a task may take to accept a connection on this machine.
const ACCEPTED_WITHIN: Duration = Duration::from_millis(500);

/// What the keeper of a service works with.
pub(super) struct Keeper {
    pub(super) name: String,
    pub(super) port: Option<u16>,
    pub(super) command: TaskCommand,
    /// Where the service is kept.
    pub(super) file: PathBuf,
    /// The folder of its tasks' marks, of which none is a file.
    pub(super) marks: PathBuf,
    pub(super) logs: PathBuf,
    pub(super) stop_timeout: Duration,
    pub(super) pace: Pace,
    pub(super) wake: Arc<Notify>,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

/// A service and the processes of its tasks.
pub(super) struct State {
    pub(super) service: Service,
    pub(super) processes: BTreeMap<String, Arc<Process>>,
}

impl Now {
    fn read() -> Self {
        Self { instant: Instant::now(), at: Timestamp::now() }
    }
}

impl Keeper {
    /// Keeps the service until it is closed and its last task has ended. Blocks.
    pub(super) fn run(self: &Arc<Self>) {
        let mut state = self.lock();
        loop {
            let now = Now::read();
            self.look(&mut state, now);
            state.service.settle(now.at);
            match state.service.next(now, &self.pace) {
                Step::Start => self.start(&mut state, now),
                Step::Stop(task) => {
                    state.service.stopping(&task, now.at);
                    self.end(&state, &task);
                }
                Step::Wait(until) => {
                    self.keep(&mut state);
                    if state.service.closing && state.service.replicas.is_empty() {
                        return;
                    }
                    for task in state.processes.keys() {
                        log::cut(&self.log(task));
                    }
                    let wait = until.map(|moment| moment.saturating_duration_since(now.instant));
                    let wait = wait.map_or(LOGS_EVERY, |wait| wait.min(LOGS_EVERY));
                    let waited = self.changed.wait_timeout(state, wait);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// As the service is now.
    pub(super) fn see<T>(&self, look: impl FnOnce(&Service) -> T) -> T {
        look(&self.lock().service)
    }

    /// Changes what is asked of the service, and has the keeper act on it once it is on disk.
    ///
    /// # Errors
    /// If it cannot be written; nothing has changed then.
    pub(super) fn ask<T>(
        &self,
        change: impl FnOnce(&mut Service, Timestamp),
        look: impl FnOnce(&Service) -> T,
    ) -> anyhow::Result<T> {
        let mut state = self.lock();
        let before = state.service.clone();
        change(&mut state.service, Timestamp::now());
        if let Err(error) = state.service.kept.save(&self.file) {
            state.service = before;
            return Err(error);
        }
        self.changed.notify_all();
        Ok(look(&state.service))
    }

    /// Tells every task to end, and starts none any more. Doesn't wait.
    pub(super) fn close(&self) {
        self.lock().service.closing = true;
        self.changed.notify_all();
    }

    /// Kills every task at once.
    pub(super) fn kill(&self) {
        for process in self.lock().processes.values() {
            process.signal(Signal::KILL);
        }
    }

    /// Finds out of the tasks that were started whether they are well by now: with a port, whether it is
    /// connected to; without one, whether they still run after a while.
    fn look(&self, state: &mut State, now: Now) {
        let starting = state.service.replicas.iter().filter(|replica| replica.phase == Phase::Starting);
        for replica in starting.cloned().collect::<Vec<_>>() {
            let process = state.processes.get(&replica.id);
            if process.is_none_or(|process| process.ended_within(Some(Duration::ZERO))) {
                continue;
            }
            let lived = now.instant.duration_since(replica.started);
            let well = match self.port {
                Some(port) => TcpStream::connect_timeout(&address(port), ACCEPTED_WITHIN).is_ok(),
                None => lived >= self.pace.well_after,
            };
            if well {
                state.service.healthy(&replica.id);
            } else if lived >= self.pace.well_within {
                let limit = self.pace.well_within.as_secs();
                let port = self.port.unwrap_or_default();
                let why = format!("it did not answer on port {port} within {limit} seconds");
                let why = with_last_words(&why, &log::last_words(&self.log(&replica.id)));
                state.service.unhealthy(&replica.id, &why, now, &self.pace);
                self.end(state, &replica.id);
            }
        }
    }

    fn start(self: &Arc<Self>, state: &mut State, now: Now) {
        log::tidy(&self.logs, &self.name);
        let begun = self.free().and_then(|()| {
            let task = new_id()?;
            let birth = Birth {
                task: &task,
                command: &self.command,
                environment: Vec::new(),
                mark: self.marks.join(&task),
                log: self.log(&task),
            };
            let (keeper, id) = (Arc::clone(self), task.clone());
            let process = life::begin(birth, move |exit_code| keeper.ended(&id, exit_code))?;
            Ok((task, process))
        });
        match begun {
            Ok((task, process)) => {
                state.service.started(task.clone(), now);
                state.processes.insert(task, process);
            }
            Err(error) => state.service.not_started(&format!("{error:#}"), now, &self.pace),
        }
    }

    /// A stranger on the port would be taken for a task that is well.
    fn free(&self) -> anyhow::Result<()> {
        let Some(port) = self.port else { return Ok(()) };
        match TcpListener::bind(address(port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                anyhow::bail!("port {port} is in use by another program")
            }
            // Of anything else the task itself has more to say.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn end(&self, state: &State, task: &str) {
        if let Some(process) = state.processes.get(task) {
            life::end(task, process, self.stop_timeout);
        }
    }

    /// Nothing of a task runs any more.
    fn ended(&self, task: &str, exit_code: io::Result<i32>) {
        let how = match exit_code {
            Ok(code) => format!("ended by itself with exit code {code}"),
            Err(error) => format!("ended by itself, and its exit code is not known: {error}"),
        };
        let how = with_last_words(&how, &log::last_words(&self.log(task)));
        let mut state = self.lock();
        state.processes.remove(task);
        state.service.ended(task, &how, Now::read(), &self.pace);
        drop(state);
        self.changed.notify_all();
    }

    /// What has changed is kept and told. What cannot be written is still true.
    fn keep(&self, state: &mut State) {
        if !std::mem::take(&mut state.service.changed) {
            return;
        }
        if let Err(error) = state.service.kept.save(&self.file) {
            tracing::error!(service = self.name, "{error:#}");
        }
        self.wake.notify_one();
    }

    fn log(&self, task: &str) -> PathBuf {
        log::path(&self.logs, &self.name, task)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn new(kept: Kept) -> Self {
        Self { service: Service::new(kept), processes: BTreeMap::new() }
    }
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn with_last_words(what: &str, words: &str) -> String {
    if words.is_empty() {
        what.to_owned()
    } else {
        format!("{what}; its last words: {}", words.trim_end_matches('.'))
    }
}
