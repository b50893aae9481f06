//! A new backup.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use nightkeep_cloud::Begin;
use nightkeep_domain::{
    identifier::{OperationId, RecordId},
    notes::Notes,
    operation::{Kind, Operation},
    record::{Record, Trigger},
};
use serde::Deserialize;

use crate::{
    Api,
    problem::{Body, Problem},
    random,
    records::RecordView,
    state::OperationView,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupBody {
    #[serde(default)]
    notes: String,
}

/// `POST /api/backups`
pub(crate) async fn begin(
    State(api): State<Arc<Api>>,
    Body(body): Body<BackupBody>,
) -> Result<Response, Problem> {
    let notes = Notes::new(&body.notes)?;
    let settings = api.settings.load().await?;
    let now = (api.clock)();
    let user = api.user.name.clone();
    let mut record = Record::backup(RecordId::new(now, random()?), Trigger::Manual, notes, user.clone(), now);
    let operation = Operation::new(OperationId::new(now, random()?), Kind::Backup, record.id, user, now);
    record.stages.clone_from(&operation.stages);
    match api.ledger.begin(&operation, &record, &settings.maintenance_message).await? {
        Begin::Begun => {
            tracing::info!(operation = %operation.id, record = %record.id, user = api.user.name, "backup begun");
            let location = format!("/api/records/{}", record.id);
            Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(RecordView { record }))
                .into_response())
        }
        Begin::Busy(operation) => {
            Err(Problem::busy(operation.map(|operation| OperationView::new(*operation, None))))
        }
    }
}
