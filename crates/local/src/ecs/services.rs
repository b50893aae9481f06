//! The services of the application: each a number of processes that are kept running, and replaced when
//! a new deployment is asked for. A thread looks after each.
//!
//! They must never be told how Nightkeep's own endpoints are reached, nor outlive the program when it
//! ends in order.

mod keeper;
mod kept;
mod log;
mod rules;
mod show;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context;
use jiff::Timestamp;
use nightkeep_domain::application;
use serde_json::Value;

use self::{
    keeper::{Keeper, State},
    kept::{Described, Kept},
    rules::Service,
};
use super::{
    cluster::{Cluster, Config},
    process::TaskCommand,
};

/// How fast services go.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A task without a port is well once it has run for so long.
    pub well_after: Duration,
    /// A task with a port has to answer within so long.
    pub well_within: Duration,
    /// How often it is tried whether it does.
    pub look_every: Duration,
    /// The pause after a second failure in a row; twice as long after each further one.
    pub first_pause: Duration,
    /// The longest pause, also between tasks of a deployment that has failed.
    pub longest_pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            well_after: Duration::from_secs(2),
            well_within: Duration::from_secs(60),
            look_every: Duration::from_millis(100),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

/// The services of a cluster. Clones are the same services.
#[derive(Clone)]
pub struct Services {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    keepers: BTreeMap<String, Arc<Keeper>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Services {
    /// The services that are described, on `cluster`, whose opening has ended what an earlier start left
    /// of them. None of them runs yet. Each task will have `environment` on top of the program's own.
    ///
    /// # Errors
    /// If the folder cannot be used or is not understood.
    pub fn open(
        cluster: &Cluster,
        described: &[application::Service],
        environment: &[(String, String)],
        pace: Pace,
    ) -> anyhow::Result<Self> {
        let config = cluster.config().clone();
        let folder = config.folder.join("services");
        fs::create_dir_all(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
        let mut keepers = BTreeMap::new();
        for service in described {
            let keeper = keeper(cluster, &folder, service, environment, pace)?;
            keepers.insert(service.name.clone(), Arc::new(keeper));
        }
        Ok(Self { inner: Arc::new(Inner { config, keepers, threads: Mutex::default() }) })
    }

    /// Starts them. Whether this succeeds or not, they have to be closed.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(&self) -> anyhow::Result<()> {
        let mut threads = self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, keeper) in &self.inner.keepers {
            let keeper = Arc::clone(keeper);
            let thread = thread::Builder::new().name(format!("service-{name}"));
            let started = thread.spawn(move || keeper.run());
            threads.push(started.context("starting the thread that keeps a service")?);
        }
        Ok(())
    }

    /// Ends every task as ECS does, and waits until the last process is gone. Blocks.
    pub fn close(&self) {
        for keeper in self.inner.keepers.values() {
            keeper.close();
        }
        let mut threads = self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("the keeper of a service broke");
            }
        }
    }

    /// Kills every task at once, for somebody who will not wait.
    pub fn kill(&self) {
        for keeper in self.inner.keepers.values() {
            keeper.kill();
        }
    }

    /// The ARNs of all services, by their names.
    pub(super) fn arns(&self) -> Vec<String> {
        self.inner.keepers.keys().map(|name| self.arn(name)).collect()
    }

    pub(super) fn arn(&self, name: &str) -> String {
        show::arn(&self.inner.config, name)
    }

    /// What ECS shows of a service, if there is one of this name.
    pub(super) fn show(&self, name: &str) -> Option<Value> {
        let show = |service: &Service| show::show(service, &self.inner.config);
        Some(self.inner.keepers.get(name)?.see(show))
    }

    /// Whether tasks of this service need a port, so that it can have one at a time only.
    pub(super) fn alone(&self, name: &str) -> bool {
        self.inner.keepers.get(name).is_some_and(|keeper| keeper.port.is_some())
    }

    /// Changes how many tasks a service should have, and replaces those it has. None if there is no such
    /// service.
    ///
    /// # Errors
    /// If it cannot be written down; nothing has changed then.
    pub(super) fn update(
        &self,
        name: &str,
        desired: Option<u32>,
        deploy: bool,
    ) -> anyhow::Result<Option<Value>> {
        let Some(keeper) = self.inner.keepers.get(name) else { return Ok(None) };
        let id = deployment_id()?;
        let change = |service: &mut Service, at: Timestamp| {
            if let Some(desired) = desired {
                service.scale(desired, at);
            }
            if deploy {
                service.deploy(id, at);
            }
        };
        keeper.ask(change, |service| show::show(service, &self.inner.config)).map(Some)
    }
}

fn keeper(
    cluster: &Cluster,
    folder: &Path,
    service: &application::Service,
    environment: &[(String, String)],
    pace: Pace,
) -> anyhow::Result<Keeper> {
    let (program, arguments) = service.command.split_first().context("a service has no command")?;
    let name = &service.name;
    let file = folder.join(format!("{name}.json"));
    let (described, id, at) = (Described::new(service), deployment_id()?, Timestamp::now());
    let kept = match Kept::load(&file)? {
        Some(kept) => kept.taken_up(described, id, at),
        None => Kept::new(name, described, id, at),
    };
    kept.save(&file)?;
    Ok(Keeper {
        name: name.clone(),
        port: service.port,
        command: TaskCommand {
            program: program.into(),
            name: program.clone(),
            arguments: arguments.iter().map(Into::into).collect(),
            environment: environment.to_vec(),
        },
        file,
        marks: folder.join(name),
        logs: cluster.config().folder.join("logs"),
        stop_timeout: cluster.config().stop_timeout,
        pace,
        wake: cluster.wake(),
        state: Mutex::new(State::new(kept)),
        changed: Condvar::new(),
    })
}

/// `ecs-svc/` and 19 digits.
fn deployment_id() -> anyhow::Result<String> {
    const LEAST: u64 = 1_000_000_000_000_000_000;
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("reading randomness: {error}"))?;
    Ok(format!("ecs-svc/{}", LEAST + u64::from_le_bytes(bytes) % (9 * LEAST)))
}
