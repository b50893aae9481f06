//! What begins an operation: backups, restores, restarts, source archives. Each makes what is to be
//! stored, and begins: one transaction.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use nightkeep_cloud::{Begin, Beginning, Use};
use nightkeep_domain::{
    activity::{Activity, ActivityKind},
    confirmation::{Action, Typed},
    identifier::{OperationId, RecordId},
    notes::Notes,
    operation::{Kind, Operation, Restored},
    record::{Record, Trigger},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Api,
    activities::ActivityView,
    problem::{Body, Problem, ProblemBody},
    random,
    records::{RecordView, record_id},
    state::OperationView,
    user::{Operator, User},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupBody {
    #[serde(default)]
    #[schema(value_type = Notes)]
    notes: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreBody {
    #[schema(value_type = uuid::Uuid)]
    record_id: String,
    #[serde(default)]
    #[schema(value_type = Notes)]
    notes: String,
    confirmation: Typed,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestartBody {
    confirmation: Typed,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceArchiveBody {}

/// Begins a backup
#[utoipa::path(post, operation_id = "backUp", path = "/backups", tag = "operations", request_body = BackupBody, responses(
    (status = 202, description = "Begun", body = RecordView, headers(("location" = String, description = "Where to look how it goes"))),
    (status = 409, description = "Another operation is in progress; it is in the answer", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn back_up(
    State(api): State<Arc<Api>>,
    Operator(user): Operator,
    Body(body): Body<BackupBody>,
) -> Result<Response, Problem> {
    let notes = Notes::new(&body.notes)?;
    let now = (api.clock)();
    let id = RecordId::new(now, random()?);
    let mut record = Record::backup(id, Trigger::Manual, notes, user.actor(), now);
    let operation = Operation::new(OperationId::new(now, random()?), Kind::Backup, id, user.name, now);
    record.stages.clone_from(&operation.stages);
    begin(&api, &operation, std::slice::from_ref(&record), None, None).await?;
    Ok(accepted("records", record.id, RecordView::new(record)))
}

/// Begins a restore: first a backup of what is, then what the record holds
#[utoipa::path(post, operation_id = "restore", path = "/restores", tag = "operations", request_body = RestoreBody, responses(
    (status = 202, description = "Begun", body = RecordView, headers(("location" = String, description = "Where to look how it goes"))),
    (status = 409, description = "Another operation is in progress; it is in the answer", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "There is no such record", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "The body is not as it should be, the confirmation does not fit, or the record cannot be restored", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn restore(
    State(api): State<Arc<Api>>,
    Operator(user): Operator,
    Body(body): Body<RestoreBody>,
) -> Result<Response, Problem> {
    let notes = Notes::new(&body.notes)?;
    let now = (api.clock)();
    let backup = api.ledger.record(record_id(&body.record_id)?).await?;
    let backup = backup.ok_or_else(|| Problem::no_such_record(&body.record_id))?;
    if !backup.restorable() {
        return Err(Problem::not_restorable());
    }
    // Ids sort by their time: made in this order, the restore stands above its safety backup.
    let safety_backup = RecordId::new(now, random()?);
    let id = RecordId::new(later(now), random()?);
    let restored = Restored { record: backup.id, snapshots: backup.snapshots, safety_backup };
    let mut record = Record::restore(id, &restored, notes, user.actor(), now);
    let mut safety = Record::backup(safety_backup, Trigger::Safety, Notes::default(), user.actor(), now);
    let mut operation =
        Operation::new(OperationId::new(now, random()?), Kind::Restore, id, user.name.clone(), now);
    operation.restored = Some(restored);
    record.stages.clone_from(&operation.stages);
    safety.stages = operation.stages[..1].to_vec();
    let used = Use {
        typed: &body.confirmation,
        action: Action::Restore,
        record_id: Some(backup.id),
        user: &user.id,
        now,
    };
    begin(&api, &operation, &[safety, record.clone()], None, Some(&used)).await?;
    Ok(accepted("records", id, RecordView::new(record)))
}

/// Begins a restart of all services
#[utoipa::path(post, operation_id = "restart", path = "/restarts", tag = "operations", request_body = RestartBody, responses(
    (status = 202, description = "Begun", body = ActivityView, headers(("location" = String, description = "Where to look how it goes"))),
    (status = 409, description = "Another operation is in progress; it is in the answer", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "The body is not as it should be, or the confirmation does not fit", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn restart(
    State(api): State<Arc<Api>>,
    Operator(user): Operator,
    Body(body): Body<RestartBody>,
) -> Result<Response, Problem> {
    let (operation, activity) = activity(&api, &user, Kind::Restart, ActivityKind::Restart)?;
    let used = Use {
        typed: &body.confirmation,
        action: Action::Restart,
        record_id: None,
        user: &user.id,
        now: operation.started_at,
    };
    begin(&api, &operation, &[], Some(&activity), Some(&used)).await?;
    Ok(accepted("activity", activity.id, ActivityView { activity }))
}

/// Begins to pack the source code
#[utoipa::path(post, operation_id = "archiveSource", path = "/source-archives", tag = "operations", request_body = SourceArchiveBody, responses(
    (status = 202, description = "Begun", body = ActivityView, headers(("location" = String, description = "Where to look how it goes"))),
    (status = 409, description = "Another operation is in progress; it is in the answer", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn archive_source(
    State(api): State<Arc<Api>>,
    Operator(user): Operator,
    Body(SourceArchiveBody {}): Body<SourceArchiveBody>,
) -> Result<Response, Problem> {
    let (operation, activity) = activity(&api, &user, Kind::SourceArchive, ActivityKind::SourceArchive)?;
    begin(&api, &operation, &[], Some(&activity), None).await?;
    Ok(accepted("source-archives", activity.id, ActivityView { activity }))
}

fn activity(
    api: &Api,
    user: &User,
    kind: Kind,
    activity: ActivityKind,
) -> Result<(Operation, Activity), Problem> {
    let now = (api.clock)();
    let mut activity = Activity::new(RecordId::new(now, random()?), activity, user.actor(), now);
    let name = user.name.clone();
    let operation = Operation::new(OperationId::new(now, random()?), kind, activity.id, name, now);
    activity.stages.clone_from(&operation.stages);
    Ok((operation, activity))
}

async fn begin(
    api: &Api,
    operation: &Operation,
    records: &[Record],
    activity: Option<&Activity>,
    confirmation: Option<&Use<'_>>,
) -> Result<(), Problem> {
    let in_force = api.settings.load().await?;
    let message = &in_force.settings.maintenance_message;
    let beginning = Beginning { operation, records, activity, confirmation, schedule: None, message };
    match api.ledger.begin(&beginning).await? {
        Begin::Begun => {
            let (id, record, kind) = (operation.id, operation.record_id, operation.kind.word());
            tracing::Span::current().record("operation", tracing::field::display(id));
            tracing::info!(%record, kind, "operation begun");
            Ok(())
        }
        Begin::Busy(operation) => {
            Err(Problem::busy(operation.map(|operation| OperationView::new(*operation, None))))
        }
        Begin::Unconfirmed => Err(Problem::unconfirmed()),
        Begin::NotRestorable => Err(Problem::not_restorable()),
        Begin::NotDue => Err(Problem::busy(None)),
    }
}

fn accepted(collection: &str, id: RecordId, view: impl serde::Serialize) -> Response {
    (StatusCode::ACCEPTED, [(header::LOCATION, format!("/api/{collection}/{id}"))], Json(view))
        .into_response()
}

/// A millisecond later: the resolution of an id.
fn later(now: jiff::Timestamp) -> jiff::Timestamp {
    now.saturating_add(jiff::SignedDuration::from_millis(1)).unwrap_or(now)
}
