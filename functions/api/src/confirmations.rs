//! Confirmations, and what only a confirmation stands before: ending the maintenance by hand.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use nightkeep_cloud::{Begin, Use};
use nightkeep_domain::{
    activity::{Activity, ActivityKind},
    confirmation::{Action, Code, Confirmation, Typed, VALID},
    identifier::RecordId,
    record::Status,
};
use rand::{RngExt, rand_core::UnwrapErr, rngs::SysRng};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    Api,
    problem::{Body, Problem, ProblemBody},
    random,
    records::record_id,
    state::{MaintenanceView, OperationView},
    user::Operator,
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmationBody {
    action: Action,
    /// Of a restore: the record to restore
    #[schema(value_type = Option<Uuid>)]
    record_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfirmationView {
    id: Uuid,
    code: Code,
    expires_at: Timestamp,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndBody {
    confirmation: Typed,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndView {
    maintenance: MaintenanceView,
}

/// Gives out the characters that have to be typed before something is done
#[utoipa::path(post, operation_id = "createConfirmation", path = "/confirmations", tag = "operations", request_body = ConfirmationBody, responses(
    (status = 201, description = "Valid for five minutes, for this action, record and user, once", body = ConfirmationView),
    (status = 404, description = "There is no such record", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "The body is not as it should be, or the record cannot be restored", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn create(
    State(api): State<Arc<Api>>,
    Operator(user): Operator,
    Body(body): Body<ConfirmationBody>,
) -> Result<(StatusCode, Json<ConfirmationView>), Problem> {
    let record_id = match (body.action, &body.record_id) {
        (Action::Restore, Some(id)) => {
            let found = api.ledger.record(record_id(id)?).await?;
            let record = found.ok_or_else(|| Problem::no_such_record(id))?;
            if !record.restorable() {
                return Err(Problem::not_restorable());
            }
            Some(record.id)
        }
        (Action::Restart | Action::EndMaintenance, None) => None,
        (Action::Restore, None) => {
            return Err(Problem::wrong_parameter("“record_id” says which backup to restore."));
        }
        (Action::Restart | Action::EndMaintenance, Some(_)) => {
            return Err(Problem::wrong_parameter("“record_id” belongs to the action “restore” only."));
        }
    };
    let now = (api.clock)();
    let confirmation = Confirmation {
        id: uuid::Builder::from_random_bytes(random()?).into_uuid(),
        action: body.action,
        record_id,
        user: user.id,
        code: draw(),
        valid_until: now.saturating_add(VALID).unwrap_or(now),
    };
    api.ledger.confirm(&confirmation).await?;
    let Confirmation { id, code, valid_until, .. } = confirmation;
    Ok((StatusCode::CREATED, Json(ConfirmationView { id, code, expires_at: valid_until })))
}

/// A code from the operating system's randomness, every character as likely as any other.
fn draw() -> Code {
    let mut random = UnwrapErr(SysRng);
    Code::drawn(std::array::from_fn(|_| random.random_range(0..Code::ALPHABET.len())))
}

/// Ends the maintenance by hand
#[utoipa::path(post, operation_id = "endMaintenance", path = "/maintenance/end", tag = "maintenance", request_body = EndBody, responses(
    (status = 200, description = "Ended", body = EndView),
    (status = 409, description = "An operation is in progress; it is in the answer", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "The body is not as it should be, or the confirmation does not fit", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn end_maintenance(
    State(api): State<Arc<Api>>,
    Operator(user): Operator,
    Body(body): Body<EndBody>,
) -> Result<Json<EndView>, Problem> {
    let now = (api.clock)();
    let used = Use {
        typed: &body.confirmation,
        action: Action::EndMaintenance,
        record_id: None,
        user: &user.id,
        now,
    };
    let id = RecordId::new(now, random()?);
    let activity = Activity {
        status: Status::Success,
        finished_at: Some(now),
        ..Activity::new(id, ActivityKind::EndMaintenance, user.actor(), now)
    };
    match api.ledger.end_maintenance(&used, &activity).await? {
        Begin::Busy(operation) => {
            Err(Problem::busy(operation.map(|operation| OperationView::new(*operation, None))))
        }
        Begin::Begun => {
            tracing::warn!("maintenance ended by hand");
            let maintenance = api.ledger.maintenance().await?;
            Ok(Json(EndView { maintenance: maintenance.into() }))
        }
        Begin::Unconfirmed | Begin::NotRestorable | Begin::NotDue => Err(Problem::unconfirmed()),
    }
}
