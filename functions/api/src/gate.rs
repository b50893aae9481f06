//! The gate: what a request passes before a handler sees it. Everything under `/api` passes it, what
//! leads nowhere too, so that nothing is told to somebody who may not ask.
//!
//! It must never let a request through that could have been made by another site's page in the name of
//! somebody who is signed in.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use lambda_http::RequestExt;
use tracing::{Instrument, Span, field};

use crate::{Api, problem::Problem, random, sign_in::Identity};

/// Finds out who is asking, and lets only those in who have a role.
pub(crate) async fn identify(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    match admit(&api, request.method(), request.headers()).await {
        Ok(Identity { user, renewed, .. }) => {
            Span::current().record("user", &user.name).record("user_id", &user.id);
            request.extensions_mut().insert(user);
            let mut response = next.run(request).await;
            if let Some(cookie) = renewed {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(problem) => problem.into_response(),
    }
}

async fn admit(api: &Api, method: &Method, headers: &HeaderMap) -> Result<Identity, Problem> {
    let identity = api.sign_in.identify(headers, (api.clock)()).await?;
    if identity.ambient && changes(method) {
        from_our_page(api, headers)?;
    }
    Ok(identity)
}

/// For what changes something without being asked who it is: the sign-out.
pub(crate) async fn same_origin(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    if changes(request.method())
        && let Err(problem) = from_our_page(&api, request.headers())
    {
        return problem.into_response();
    }
    next.run(request).await
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// Whether the browser says that one of our pages makes this request. Every browser adds `Origin` to a
/// request that can change something; those that don't, for some, add `Sec-Fetch-Site`. No page can set
/// either.
fn from_our_page(api: &Api, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).unwrap_or_default();
    let site = headers.get("sec-fetch-site");
    let ours = match headers.get(header::ORIGIN) {
        Some(origin) => {
            let origin = text(origin);
            // On one machine, where Host names this machine or is refused, a forwarded port is ours too.
            let host = headers.get(header::HOST).map(text).unwrap_or_default();
            let addressed = !api.sign_in.demands_origin() && origin == format!("http://{host}");
            (addressed || api.sign_in.is_ours(&origin)) && site.is_none_or(|site| site == "same-origin")
        }
        None => site.map_or(!api.sign_in.demands_origin(), |site| site == "same-origin"),
    };
    if ours {
        return Ok(());
    }
    let said = |name: &str| headers.get(name).map(text).unwrap_or_default();
    tracing::warn!(origin = said("origin"), site = said("sec-fetch-site"), "refused: from another site");
    Err(Problem::cross_origin())
}

/// Gives each line that is logged meanwhile the request's id, and, once they are known, its user and its
/// operation. The query is left out: a code of the provider may be in it.
pub(crate) async fn logged(request: Request, next: Next) -> Response {
    let id = match request.lambda_context_ref() {
        Some(context) => context.request_id.clone(),
        None => {
            random::<8>().map(u64::from_be_bytes).map_or_else(|_| String::new(), |id| format!("{id:016x}"))
        }
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!(
        "request",
        request = id,
        %method,
        path,
        user = field::Empty,
        user_id = field::Empty,
        operation = field::Empty
    );
    next.run(request).instrument(span).await
}
