//! The console's state as the page shows it.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use nightkeep_domain::{
    application::Application,
    identifier::{OperationId, RecordId},
    operation::{Kind, Operation, Progress, Stage},
    schedule::Night,
    settings::WrongSetting,
    state::{self, Maintenance, Services},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    problem::Problem,
    user::{Role, User, Viewer},
};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateView {
    application: ApplicationView,
    operation: Option<OperationView>,
    maintenance: MaintenanceView,
    nightly: NightlyView,
    usual_seconds: UsualSeconds,
    retention_days: u64,
    wrong_settings: Vec<WrongSettingView>,
    user: UserView,
}

#[derive(Debug, Serialize, ToSchema)]
struct UserView {
    name: String,
    role: Role,
    /// Whether there is anything to sign out of
    signed_in: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct ApplicationView {
    name: String,
    services: Services,
}

/// The operation in progress, in the state and in the answer to who came second.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperationView {
    id: OperationId,
    pub(crate) kind: Kind,
    record_id: RecordId,
    pub(crate) started_at: Timestamp,
    pub(crate) requested_by: String,
    stages: Vec<Stage>,
    progress: Option<Progress>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MaintenanceView {
    on: bool,
    since: Option<Timestamp>,
    message: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct WrongSettingView {
    name: &'static str,
    value: String,
    expected: String,
    in_force: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct NightlyView {
    on: bool,
    next_at: Option<Timestamp>,
    time: String,
    time_zone: String,
    last_success_at: Option<Timestamp>,
    overdue: bool,
    nights: Vec<Night>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UsualSeconds {
    backup: Option<u64>,
    restore: Option<u64>,
    restart: Option<u64>,
}

/// The operation in progress with its progress, maintenance, the nights, who is asking
#[utoipa::path(get, operation_id = "readState", path = "/state", tag = "state", responses(
    (status = 200, description = "The state", body = StateView),
))]
pub(crate) async fn read(
    State(api): State<Arc<Api>>,
    Viewer(user): Viewer,
) -> Result<Json<StateView>, Problem> {
    let (state, in_force) = tokio::try_join!(api.ledger.state(), api.settings.load())?;
    let (settings, now) = (&in_force.settings, (api.clock)());
    let name = Application::parse(&settings.application)
        .map_or_else(|_| "Application".to_owned(), |found| found.name);
    let state::State { operation, progress, maintenance, application, schedule } = state;
    Ok(Json(StateView {
        application: ApplicationView { name, services: application.services },
        operation: operation.map(|operation| OperationView::new(operation, progress)),
        maintenance: maintenance.into(),
        nightly: NightlyView {
            on: settings.nightly.on,
            next_at: settings.nightly.next_at(&schedule, now),
            time: settings.text("backup-time"),
            time_zone: settings.text("time-zone"),
            last_success_at: schedule.last_success_at,
            overdue: schedule.overdue(now),
            nights: settings.nightly.last_nights(&schedule, now),
        },
        usual_seconds: UsualSeconds {
            backup: application.usual_seconds(Kind::Backup),
            restore: application.usual_seconds(Kind::Restore),
            restart: application.usual_seconds(Kind::Restart),
        },
        retention_days: settings.retention.days,
        wrong_settings: in_force.wrong.iter().cloned().map(Into::into).collect(),
        user: user.into(),
    }))
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self { name: user.name, role: user.role, signed_in: user.signed_in }
    }
}

impl From<WrongSetting> for WrongSettingView {
    fn from(wrong: WrongSetting) -> Self {
        let WrongSetting { name, value, expected, in_force } = wrong;
        Self { name, value, expected, in_force }
    }
}

impl From<Maintenance> for MaintenanceView {
    fn from(maintenance: Maintenance) -> Self {
        Self { on: maintenance.on, since: maintenance.since, message: maintenance.message }
    }
}

impl OperationView {
    pub(crate) fn new(operation: Operation, progress: Option<Progress>) -> Self {
        Self {
            id: operation.id,
            kind: operation.kind,
            record_id: operation.record_id,
            started_at: operation.started_at,
            requested_by: operation.requested_by,
            stages: operation.stages,
            progress,
        }
    }
}
