//! The api: turns a request into a record and an operation, and serves the page.
//!
//! The same router runs under Lambda and on one machine.
//!
//! **Architecture Invariant:** it never calls ECS, and it never waits for an operation. It writes what
//! shall happen; the worker makes it happen.

mod activities;
mod caching;
mod confirmations;
mod maintenance;
mod operations;
mod page;
mod problem;
mod records;
mod state;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, Method, header},
    middleware::{self, Next},
    response::Response,
    routing::{get, patch, post},
};
use jiff::Timestamp;
use nightkeep_cloud::{Archives, Ledger, SettingsStore};
use serde::Serialize;

use crate::problem::Problem;

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// What the handlers work with.
#[derive(Debug)]
pub struct Api {
    /// The table.
    pub ledger: Ledger,
    /// The source archives.
    pub archives: Archives,
    /// The settings.
    pub settings: SettingsStore,
    /// Who every request comes from.
    pub user: User,
    /// The time.
    pub clock: fn() -> Timestamp,
}

/// Who a request comes from.
#[derive(Debug, Clone, Serialize)]
pub struct User {
    /// The name to show.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Operator,
}

/// All routes.
pub fn router(api: Api) -> Router {
    let api = Arc::new(api);
    let routes = Router::new()
        .route("/state", get(state::read))
        .route("/records", get(records::list))
        .route("/records/{id}", get(records::read))
        .route("/records/{id}", patch(records::edit))
        .route("/backups", post(operations::back_up))
        .route("/confirmations", post(confirmations::create))
        .route("/restores", post(operations::restore))
        .route("/restarts", post(operations::restart))
        .route("/source-archives", post(operations::archive_source))
        .route("/source-archives/{id}", get(activities::source_archive))
        .route("/maintenance/end", post(confirmations::end_maintenance))
        .route("/activity", get(activities::list))
        .route("/activity/{id}", get(activities::read))
        .fallback(unknown)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn(caching::etag));
    Router::new()
        .nest("/api", routes)
        .route("/maintenance", get(maintenance::read))
        .fallback(page::serve)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(api)
        .layer(middleware::from_fn(secure))
}

async fn unknown(request: Request) -> Problem {
    if request.method() == Method::DELETE {
        Problem::method_not_allowed()
    } else {
        Problem::no_such_path(request.uri().path())
    }
}

async fn method_not_allowed() -> Problem {
    Problem::method_not_allowed()
}

/// What every answer says to the browser: nothing from elsewhere, nothing inline, no frames.
async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Random bytes from the operating system, for an identifier.
fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Problem> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!("reading randomness from the operating system: {error}");
        Problem::internal()
    })?;
    Ok(bytes)
}
