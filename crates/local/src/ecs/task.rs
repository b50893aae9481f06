//! A task: what is kept of it on disk, and what ECS shows of it. It must never be shown as stopped
//! before its last process is gone; who sets the status sees to that.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cluster::Config;

/// How long ECS shows a task that has stopped, and how long its token names it.
const SHOWN: SignedDuration = SignedDuration::from_hours(1);

/// A task of the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Task {
    /// 32 hexadecimal digits.
    pub(super) id: String,
    /// What makes a repeated request the same task.
    pub(super) token: Option<String>,
    pub(super) started_by: Option<String>,
    /// The request as it came: what a repetition is compared with.
    pub(super) request: Value,
    pub(super) status: Status,
    /// One more at each change.
    pub(super) version: u64,
    pub(super) created_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) stopping_at: Option<Timestamp>,
    pub(super) stopped_at: Option<Timestamp>,
    /// Why it stops or has stopped.
    pub(super) stop: Option<Stop>,
    pub(super) exit_code: Option<i32>,
    /// What is to be said of the container itself.
    pub(super) container_reason: Option<String>,
}

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Status {
    /// Written down; its process may or may not have been started.
    Pending,
    /// Its process runs.
    Running,
    /// Its process was told to end.
    Stopping,
    /// Nothing of it runs any more.
    Stopped,
}

/// Why a task stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stop {
    pub(super) code: StopCode,
    pub(super) reason: String,
}

/// ECS's classes of why a task stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StopCode {
    TaskFailedToStart,
    EssentialContainerExited,
    UserInitiated,
    /// The machine that it ran on went away: here, the whole program was killed.
    TerminationNotice,
}

impl Task {
    /// What ECS wants of it.
    pub(super) fn desired(&self) -> &'static str {
        match self.status {
            Status::Pending | Status::Running => "RUNNING",
            Status::Stopping | Status::Stopped => "STOPPED",
        }
    }

    /// Whether it stopped so long ago that ECS no longer knows it.
    pub(super) fn forgotten(&self, now: Timestamp) -> bool {
        self.stopped_at.is_some_and(|at| now.duration_since(at) > SHOWN)
    }

    /// As `DescribeTasks` has it.
    pub(super) fn show(&self, config: &Config) -> Value {
        let seconds = |at: Option<Timestamp>| at.map(|at| at.as_millisecond() as f64 / 1000.0);
        let arn = config.task_arn(&self.id);
        let cluster = &config.cluster;
        let container = json!({
            "containerArn": config.arn(&format!("container/{cluster}/{}/{}", self.id, config.container)),
            "taskArn": arn,
            "name": config.container,
            "lastStatus": self.status,
            "exitCode": self.exit_code,
            "reason": self.container_reason,
        });
        let shown = json!({
            "taskArn": arn,
            "clusterArn": config.arn(&format!("cluster/{cluster}")),
            "taskDefinitionArn": config.arn(&format!("task-definition/{}:1", config.definition)),
            "group": format!("family:{}", config.definition),
            "launchType": "EXTERNAL",
            "lastStatus": self.status,
            "desiredStatus": self.desired(),
            "createdAt": seconds(Some(self.created_at)),
            "startedAt": seconds(self.started_at),
            "stoppingAt": seconds(self.stopping_at),
            "stoppedAt": seconds(self.stopped_at),
            "startedBy": self.started_by,
            "stopCode": self.stop.as_ref().map(|stop| stop.code),
            "stoppedReason": self.stop.as_ref().map(|stop| &stop.reason),
            "overrides": self.request.get("overrides"),
            "containers": [without_null(container)],
            "version": self.version,
        });
        without_null(shown)
    }
}

/// ECS leaves out what it has no value for.
fn without_null(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}
