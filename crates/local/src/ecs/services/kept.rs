//! What is kept of a service on disk: what was described, how many tasks it should have since, its
//! deployments and events. Tasks are not: no process outlives the program.

use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use nightkeep_domain::application;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::files;

/// How many events ECS shows of a service.
const EVENTS: usize = 100;

/// A service, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) described: Described,
    /// One more each time that another command or port was described.
    pub(super) revision: u32,
    /// How many tasks it should have: what was described, or asked for since.
    pub(super) desired: u32,
    pub(super) created_at: Timestamp,
    /// The newest, which is called PRIMARY, is always there; the others are replaced by it.
    pub(super) primary: Deployment,
    pub(super) others: Vec<Deployment>,
    /// Newest first.
    pub(super) events: Vec<Event>,
}

/// What the application's description says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Described {
    pub(super) command: Vec<String>,
    pub(super) port: Option<u16>,
    pub(super) desired: u32,
}

/// A deployment: all tasks that were started for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) revision: u32,
    pub(super) rollout: Rollout,
    pub(super) reason: String,
    pub(super) failed_tasks: u32,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// How a deployment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Rollout {
    InProgress,
    Completed,
    Failed,
}

/// Something that happened to a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) message: String,
}

impl Described {
    pub(super) fn new(service: &application::Service) -> Self {
        let application::Service { name: _, command, desired, port } = service.clone();
        Self { command, port, desired }
    }

    fn runs_as(&self, other: &Self) -> bool {
        (&self.command, self.port) == (&other.command, other.port)
    }
}

impl Deployment {
    pub(super) fn new(id: String, revision: u32, at: Timestamp) -> Self {
        let reason = format!("ECS deployment {id} in progress.");
        Self {
            id,
            revision,
            rollout: Rollout::InProgress,
            reason,
            failed_tasks: 0,
            created_at: at,
            updated_at: at,
        }
    }

    pub(super) fn turn(&mut self, rollout: Rollout, reason: String, at: Timestamp) {
        self.rollout = rollout;
        self.reason = reason;
        self.updated_at = at;
    }
}

impl Kept {
    /// A service that was not there before.
    pub(super) fn new(name: &str, described: Described, deployment: String, at: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            revision: 1,
            desired: described.desired,
            described,
            created_at: at,
            primary: Deployment::new(deployment, 1, at),
            others: Vec::new(),
            events: Vec::new(),
        }
    }

    /// As it is after a start of the program, when none of its tasks runs. How many tasks it should have
    /// stays as it was asked for, unless the description was changed in that since. So does a deployment
    /// in progress, which now replaces nothing; `fresh` is the id of the one that another command or port
    /// needs otherwise.
    pub(super) fn taken_up(mut self, described: Described, fresh: String, at: Timestamp) -> Self {
        self.others.clear();
        self.primary.failed_tasks = 0;
        if described.desired != self.described.desired {
            self.desired = described.desired;
        }
        if !described.runs_as(&self.described) {
            self.revision += 1;
            self.primary.revision = self.revision;
            if self.primary.rollout != Rollout::InProgress {
                self.primary = Deployment::new(fresh, self.revision, at);
            }
        }
        self.described = described;
        self
    }

    /// Says something about the service.
    pub(super) fn say(&mut self, at: Timestamp, message: &str) {
        let message = format!("(service {}) {message}", self.name);
        tracing::info!("{message}");
        self.events.insert(0, Event { id: Uuid::now_v7().to_string(), at, message });
        self.events.truncate(EVENTS);
    }

    /// What the file at `path` keeps, if there is one.
    pub(super) fn load(path: &Path) -> anyhow::Result<Option<Self>> {
        let Some(text) = files::read(path)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).with_context(|| format!("understanding {}", path.display()))
    }

    pub(super) fn save(&self, path: &Path) -> anyhow::Result<()> {
        files::replace(path, &serde_json::to_vec_pretty(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(command: &str, desired: u32) -> Described {
        Described { command: vec![command.to_owned()], port: None, desired }
    }

    fn kept(rollout: Rollout) -> Kept {
        let mut kept = Kept::new("web", described("serve", 1), "first".to_owned(), Timestamp::UNIX_EPOCH);
        kept.primary.rollout = rollout;
        kept.desired = 0;
        kept
    }

    #[test]
    fn what_was_asked_for_outlives_the_program_until_another_number_is_described() {
        let again = |desired| {
            let at = Timestamp::UNIX_EPOCH;
            kept(Rollout::Completed).taken_up(described("serve", desired), "fresh".to_owned(), at)
        };
        assert_eq!((again(1).desired, again(2).desired), (0, 2));
        assert_eq!(again(2).primary.id, "first");
    }

    #[test]
    fn another_command_needs_a_deployment_unless_one_is_in_progress() {
        let cases =
            [(Rollout::Completed, "fresh"), (Rollout::Failed, "fresh"), (Rollout::InProgress, "first")];
        for (rollout, expected) in cases {
            let at = Timestamp::UNIX_EPOCH;
            let again = kept(rollout).taken_up(described("other", 1), "fresh".to_owned(), at);
            assert_eq!((again.primary.id.as_str(), again.primary.rollout), (expected, Rollout::InProgress));
            assert_eq!((again.revision, again.primary.revision), (2, 2));
        }
    }
}
