//! The main application's question: is there maintenance? Public, and nothing but the flag.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{Api, problem::Problem};

/// Seconds after which a visitor may try again.
const RETRY_AFTER: &str = "30";

/// `GET /maintenance`: 200 while the application may be used, 503 while it may not.
pub(crate) async fn read(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let maintenance = api.ledger.maintenance().await?;
    if !maintenance.on {
        return Ok(Json(json!({ "on": false, "message": null })).into_response());
    }
    let body = Json(json!({ "on": true, "message": maintenance.message }));
    Ok((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER)], body).into_response())
}
