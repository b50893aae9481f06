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
use uuid::Uuid;

use crate::{
    Api,
    problem::{Body, Problem},
    random,
    records::record_id,
    state::{MaintenanceView, OperationView},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmationBody {
    action: Action,
    record_id: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ConfirmationView {
    id: Uuid,
    code: Code,
    expires_at: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndBody {
    confirmation: Typed,
}

#[derive(Debug, Serialize)]
pub(crate) struct EndView {
    maintenance: MaintenanceView,
}

/// `POST /api/confirmations`
pub(crate) async fn create(
    State(api): State<Arc<Api>>,
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
        user: api.user.name.clone(),
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

/// `POST /api/maintenance/end`
pub(crate) async fn end_maintenance(
    State(api): State<Arc<Api>>,
    Body(body): Body<EndBody>,
) -> Result<Json<EndView>, Problem> {
    let now = (api.clock)();
    let used = Use {
        typed: &body.confirmation,
        action: Action::EndMaintenance,
        record_id: None,
        user: &api.user.name,
        now,
    };
    let id = RecordId::new(now, random()?);
    let activity = Activity {
        status: Status::Success,
        finished_at: Some(now),
        ..Activity::new(id, ActivityKind::EndMaintenance, api.user.name.clone(), now)
    };
    match api.ledger.end_maintenance(&used, &activity).await? {
        Begin::Busy(operation) => {
            Err(Problem::busy(operation.map(|operation| OperationView::new(*operation, None))))
        }
        Begin::Begun => {
            tracing::warn!(user = api.user.name, "maintenance ended by hand");
            let maintenance = api.ledger.maintenance().await?;
            Ok(Json(EndView { maintenance: maintenance.into() }))
        }
        Begin::Unconfirmed | Begin::NotRestorable | Begin::NotDue => Err(Problem::unconfirmed()),
    }
}
