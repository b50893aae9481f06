//! The services of the application while their tasks are replaced: what was asked for, what ECS shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the Redeploy stage has asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeployment {
    /// When it was decided on.
    pub decided_at: Timestamp,
    /// When ECS last named a deployment; before that, when it was decided on.
    pub asked_at: Timestamp,
    /// Every service, and the deployment that replaces its tasks once ECS has named it.
    pub services: Vec<Turnover>,
}

/// A service whose tasks are being replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turnover {
    /// The service's name.
    pub service: String,
    /// The new deployment's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
}

/// A service as ECS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenService {
    /// Its name.
    pub name: String,
    /// How many tasks it should have. It is never changed: a service at 0 stays at 0.
    pub desired: u32,
    /// How many it has.
    pub running: u32,
    /// Its deployments; a service at rest has one.
    pub deployments: Vec<SeenDeployment>,
    /// The last things that ECS said about it, newest first.
    pub events: Vec<String>,
}

/// A deployment as ECS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenDeployment {
    /// Its id.
    pub id: String,
    /// When it was created, if ECS says so.
    pub created_at: Option<Timestamp>,
    /// How it goes.
    pub rollout: Rollout,
    /// How many tasks of it run.
    pub running: u32,
    /// Why it goes as it does, if ECS says so.
    pub reason: Option<String>,
}

/// How a deployment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollout {
    /// Tasks are being replaced.
    InProgress,
    /// All are replaced, and healthy.
    Completed,
    /// ECS has given it up.
    Failed,
}

impl SeenService {
    /// Whether `name` is its name, or the ARN that ends in it.
    pub fn is_named(&self, name: &str) -> bool {
        name.rsplit('/').next() == Some(self.name.as_str())
    }
}
