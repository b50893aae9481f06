//! The main application's question: is there maintenance? Public, and nothing but the flag.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    problem::{Problem, ProblemBody},
};

/// Seconds after which a visitor may try again.
const RETRY_AFTER: &str = "30";

/// The flag.
#[derive(Debug, Serialize, ToSchema)]
struct FlagView {
    on: bool,
    /// What to tell the application's users
    message: Option<String>,
}

/// Whether the application is under maintenance; public
#[utoipa::path(get, operation_id = "readMaintenance", path = "/maintenance", tag = "maintenance", security(()), responses(
    (status = 200, description = "It is not", body = FlagView),
    (status = 500, description = "Something failed on our side", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "It is, or nobody can tell", content(
        (FlagView = "application/json"),
        (ProblemBody = "application/problem+json"),
    )),
))]
pub(crate) async fn read(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let maintenance = api.ledger.maintenance().await?;
    if !maintenance.on {
        return Ok(Json(FlagView { on: false, message: None }).into_response());
    }
    let body = Json(FlagView { on: true, message: maintenance.message });
    Ok((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER)], body).into_response())
}
