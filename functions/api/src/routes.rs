//! All routes, in one list: the router is made from it, and the OpenAPI document, and the table of who
//! may use what (`tests/stories/roles.rs`) fails when a route is here that is not there.
//!
//! A route is added here and nowhere else, or it is in none of them.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::{self, Next},
    response::Response,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api, activities, caching, confirmations, gate, maintenance, openapi, operations, page, problem::Problem,
    records, sign_in, state,
};

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// What lies under `/api`, behind the gate.
fn gated() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(state::read))
        .routes(routes!(records::list))
        .routes(routes!(records::read, records::edit))
        .routes(routes!(operations::back_up))
        .routes(routes!(confirmations::create))
        .routes(routes!(operations::restore))
        .routes(routes!(operations::restart))
        .routes(routes!(operations::archive_source))
        .routes(routes!(activities::source_archive))
        .routes(routes!(confirmations::end_maintenance))
        .routes(routes!(activities::list))
        .routes(routes!(activities::read))
        .routes(routes!(openapi::read))
}

/// What is open to everybody.
fn open() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(maintenance::read))
        .routes(routes!(sign_in::routes::begin))
        .routes(routes!(sign_in::routes::finish))
        .routes(routes!(sign_in::routes::leave))
}

/// The api and the page.
pub fn router(api: Api) -> Router {
    let api = Arc::new(api);
    let (gated, behind) = gated().split_for_parts();
    let gated = gated
        .fallback(unknown)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(caching::etag))
        .layer(middleware::from_fn_with_state(Arc::clone(&api), gate::identify));
    let (open, before) = open().split_for_parts();
    open.layer(middleware::from_fn_with_state(Arc::clone(&api), gate::same_origin))
        .nest("/api", gated)
        .fallback(page::serve)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(axum::Extension(openapi::Document::new(before.nest("/api", behind))))
        .layer(middleware::from_fn_with_state(Arc::clone(&api), secure))
        .layer(middleware::from_fn(gate::logged))
        .with_state(api)
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
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
];

/// A year, after which a browser may try without encryption again.
const HTTPS_ONLY: &str = "max-age=31536000";

async fn secure(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if api.sign_in.https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
