//! The operation as the table holds it.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use nightkeep_domain::operation::{Operation, Report};

/// An operation at one version. What the rule looks at makes it what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored(pub(crate) Arc<Operation>);

impl Stored {
    pub(crate) fn new(operation: Operation) -> Self {
        Self(Arc::new(operation))
    }

    /// Whether it is the same operation at the same version.
    pub(crate) fn is_still(&self, other: &Self) -> bool {
        self.0.id == other.0.id && self.0.version == other.0.version
    }

    /// What is stored in its place: the next version.
    pub(crate) fn next(operation: &Operation) -> Self {
        let mut next = operation.clone();
        next.version += 1;
        Self::new(next)
    }
}

impl Hash for Stored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let operation = &*self.0;
        (operation.id, operation.version, operation.touched).hash(state);
        (operation.cause.is_some(), operation.later_cause.is_some()).hash(state);
        for stage in &operation.stages {
            (stage.name as u8, stage.state as u8, stage.started_at).hash(state);
        }
        if let Some(attempt) = &operation.attempt {
            (attempt.number, attempt.decided_at, attempt.asked_at, &attempt.task).hash(state);
            (attempt.sighted, attempt.missing_since, attempt.claimed, attempt.stopping.is_some()).hash(state);
        }
        operation.report.as_ref().map(|report| matches!(report, Report::Failed { .. })).hash(state);
        if let Some(redeployment) = &operation.redeployment {
            (redeployment.decided_at, redeployment.asked_at).hash(state);
            redeployment.services.iter().for_each(|turnover| turnover.deployment.hash(state));
        }
    }
}
