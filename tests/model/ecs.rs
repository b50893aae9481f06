//! ECS: tasks, the service, and what is shown of them, which lags behind.

use nightkeep_domain::{
    next::Sight,
    operation::{Assignment, Rollout, SeenDeployment, SeenService},
};

use crate::world::at;

/// What ECS shows of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shown {
    Missing,
    Alive,
    Stopped,
}

impl Shown {
    pub(crate) fn sight(self) -> Sight {
        match self {
            Self::Missing => Sight::Missing,
            Self::Alive => Sight::Alive,
            Self::Stopped => Sight::Stopped { exit_code: Some(137), why: "it was killed".to_owned() },
        }
    }
}

/// How far a task's agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Agent {
    /// ECS has not brought the task up yet.
    Pending,
    /// It has not claimed its attempt yet, or has not heard whether it could.
    Starting,
    /// It reads, and, unless it restores, does all that it does.
    AtWork,
    /// It restores: the operation says that data is touched.
    Writing,
    /// The task has ended.
    Ended,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) assignment: Assignment,
    pub(crate) agent: Agent,
    /// What ECS showed when the clock last went on: it may still show that.
    pub(crate) shown: Shown,
}

impl Task {
    pub(crate) fn new(assignment: Assignment) -> Self {
        Self { assignment, agent: Agent::Pending, shown: Shown::Missing }
    }

    /// What ECS shows once it has caught up.
    pub(crate) fn truth(&self) -> Shown {
        if self.agent == Agent::Ended { Shown::Stopped } else { Shown::Alive }
    }

    pub(crate) fn is_at_work(&self) -> bool {
        matches!(self.agent, Agent::AtWork | Agent::Writing)
    }
}

impl std::hash::Hash for Task {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let Assignment { operation, stage, attempt } = self.assignment;
        (operation, stage, attempt, self.agent, self.shown).hash(state);
    }
}

/// The application's service, with its one deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Service {
    pub(crate) deployment: u8,
    pub(crate) created_at: i64,
    pub(crate) rollout: State,
}

/// How a deployment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum State {
    InProgress,
    Completed,
    Failed,
}

impl Service {
    /// One at rest.
    pub(crate) fn at_rest() -> Self {
        Self { deployment: 0, created_at: -1_000_000, rollout: State::Completed }
    }

    /// Its next deployment, which has begun now.
    pub(crate) fn deploy(&mut self, now: i64) {
        *self = Self { deployment: self.deployment + 1, created_at: now, rollout: State::InProgress };
    }

    pub(crate) fn seen(&self) -> SeenService {
        let rollout = match self.rollout {
            State::InProgress => Rollout::InProgress,
            State::Completed => Rollout::Completed,
            State::Failed => Rollout::Failed,
        };
        let running = u32::from(self.rollout == State::Completed);
        let deployment = SeenDeployment {
            id: self.deployment.to_string(),
            created_at: Some(at(self.created_at)),
            rollout,
            running,
            reason: None,
        };
        SeenService {
            name: "web".to_owned(),
            desired: 1,
            running,
            deployments: vec![deployment],
            events: Vec::new(),
        }
    }
}
