//! The console's state beside the records: the operation in progress and its progress, the
//! maintenance flag, what is known of the application and of the nights. All of it is read at once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    operation::{Kind, Operation, Progress},
    schedule::Schedule,
};

/// All of it, as one query returns it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The operation in progress, if one is.
    pub operation: Option<Operation>,
    /// How far it is, if its agent has said so.
    pub progress: Option<Progress>,
    /// The maintenance flag.
    pub maintenance: Maintenance,
    /// What is known of the application.
    pub application: ApplicationFacts,
    /// What is known of the nights.
    pub schedule: Schedule,
}

/// The maintenance flag, the contract with the main application: while `on` is true it shows its
/// maintenance page and writes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Whether the application is under maintenance.
    #[serde(default)]
    pub on: bool,
    /// Since when, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What to tell the application's users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether it was on before the operation in progress began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_on: Option<bool>,
    /// Whether it stays on until somebody acts, because a restore left the data in doubt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stuck: bool,
    /// The message before the operation in progress began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_message: Option<String>,
}

/// What the worker last saw and wrote about the application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationFacts {
    /// Its services.
    #[serde(default)]
    pub services: Services,
    /// Seconds that the last successful operations took, by kind, newest first,
    /// [`ApplicationFacts::REMEMBERED`] of each at most.
    #[serde(default)]
    pub seconds: BTreeMap<Kind, Vec<u64>>,
}

/// How many tasks the application's services have, and should have, together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Services {
    /// Tasks that run.
    pub running: u32,
    /// Tasks that should.
    pub desired: u32,
}

impl ApplicationFacts {
    /// How many durations are remembered.
    pub const REMEMBERED: usize = 5;

    /// Remembers that an operation took `seconds`, and returns what is remembered of its kind.
    pub fn remember(&mut self, kind: Kind, seconds: u64) -> &[u64] {
        let remembered = self.seconds.entry(kind).or_default();
        remembered.insert(0, seconds);
        remembered.truncate(Self::REMEMBERED);
        remembered
    }

    /// What an operation of this kind usually takes: the median of what is remembered, in seconds.
    pub fn usual_seconds(&self, kind: Kind) -> Option<u64> {
        let mut sorted = self.seconds.get(&kind)?.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}
