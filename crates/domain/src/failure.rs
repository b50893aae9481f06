//! What a cause means to a person, as the end of an operation: what happened, what was done about it, what
//! to do. The sentences are made in one place, here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    cause::Cause,
    operation::{Kind, Operation, StageName},
};

/// A failure as the page shows it: sentences for people, and for programs the cause that they were made
/// from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// Stable, in snake case.
    pub code: String,
    /// What happened.
    pub happened: String,
    /// What was done about it.
    pub done: String,
    /// What to do.
    pub to_do: String,
    /// What to do before anything else: the first part of `to_do`.
    #[serde(default)]
    #[schema(required)]
    pub first: String,
    /// The cause, for whoever says it in other words.
    #[serde(default)]
    #[schema(required)]
    pub cause: Option<Box<Cause>>,
    /// Why making it good failed too, if it did.
    #[serde(default)]
    #[schema(required)]
    pub later_cause: Option<Box<Cause>>,
    /// Whether the application stays under maintenance afterwards, because it was before.
    #[serde(default)]
    #[schema(required)]
    pub stays: bool,
}

impl Cause {
    /// What this cause means to a person as the end of a night's backup that never began.
    pub fn failure_of_missed_night(&self) -> Failure {
        self.said(StageName::Backup, "Nothing was started, and no data was touched.", "or wait for tonight")
    }

    /// What this cause means to a person as the end of a restore's safety backup, while the restore has
    /// not ended yet.
    pub fn failure_of_safety_backup(&self) -> Failure {
        self.said(StageName::Backup, "Nothing incomplete was kept.", "then restore again")
    }

    /// What this cause means to a person as the end of `operation`, in this stage of it. `stays` says
    /// that the application stays under maintenance, because it was before.
    pub fn failure_of(&self, operation: &Operation, stage: StageName, stays: bool) -> Failure {
        let up = if stays {
            "the application stays under maintenance, as it was before"
        } else {
            "the application is available"
        };
        let later = || operation.later_cause.as_ref().map(|cause| cause.happened("")).unwrap_or_default();
        let (done, again) = match (operation.kind, stage, operation.put_back()) {
            (_, _, Some(false)) => (
                format!(
                    "Putting the data back from the safety backup failed too: {} The data may be incomplete, \
                     so maintenance stays on.",
                    later()
                ),
                "then restore the safety backup, or end the maintenance by hand",
            ),
            (_, _, Some(true)) if operation.failed_last(StageName::Redeploy) => (
                format!(
                    "The data was put back from the safety backup, as it was before, but then the services \
                     failed: {} Maintenance has not been kept for that.",
                    later()
                ),
                "then restart the services",
            ),
            (_, _, Some(true)) => (
                format!("The data was put back from the safety backup, as it was before, and {up}."),
                "then restore again",
            ),
            (Kind::Backup, _, None) => {
                (format!("Nothing incomplete was kept, and {up}."), "then start a new backup")
            }
            (Kind::Restore, StageName::Redeploy, None) => (
                format!("The data is as the backup holds it, and {up} as far as its services go."),
                "then restart the services, or restore the safety backup to go back",
            ),
            (Kind::Restore, _, None) => {
                (format!("The data was not touched, and {up}."), "then restore again")
            }
            (Kind::Restart, _, None) => (
                format!("The data was not touched, and {up} as far as its services go."),
                "then restart again",
            ),
            (Kind::SourceArchive, _, None) => {
                ("The application was not affected.".to_owned(), "then try again")
            }
            (Kind::Purge, _, None) => (
                "The application was not affected, and no backup that is still to be kept was touched."
                    .to_owned(),
                "and what could not be removed is tried again the next night",
            ),
        };
        Failure {
            later_cause: operation.later_cause.clone().map(Box::new),
            stays,
            ..self.said(stage, &done, again)
        }
    }

    fn said(&self, stage: StageName, done: &str, again: &str) -> Failure {
        let first = self.to_do();
        Failure {
            code: self.code().to_owned(),
            happened: self.happened(&format!(" “{}”", stage.word())),
            done: done.to_owned(),
            to_do: format!("{first}, {again}."),
            first: format!("{first}."),
            cause: Some(Box::new(self.clone())),
            later_cause: None,
            stays: false,
        }
    }
}
