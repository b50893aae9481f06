//! All routes, in one list: the router is made from it, and the OpenAPI document, and the table of who
//! may use what (`tests/stories/roles.rs`) fails when a route is here that is not there.
//!
//! A route is added here and nowhere else, or it is in none of them.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    handler::Handler,
    http::{HeaderName, HeaderValue, Method, header},
    middleware::{self, Next},
    response::Response,
    routing::{MethodFilter, MethodRouter},
};
use utoipa::openapi::{HttpMethod, OpenApi};

use crate::{
    Api, activities, caching, confirmations, gate, maintenance, openapi, operations, page, problem::Problem,
    records, sign_in::routes as signing, state,
};

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// Some routes, and what the OpenAPI document says of them. Working that out takes longer than all the rest
/// of a start, so it is done when the document is asked for.
type Routes = (Router<Arc<Api>>, fn() -> OpenApi);

/// The routes of these handlers: each brings its method and its path along, and the document takes them
/// from the same place.
macro_rules! routes {
    ($($module:ident::$handler:ident),+ $(,)?) => {{
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($module::$handler),+))]
        struct Described;
        let router = Router::new();
        pastey::paste! {
            $(let router = serve::<$module::[<__path_ $handler>], _, _>(router, $module::$handler);)+
        }
        (router, <Described as utoipa::OpenApi>::openapi)
    }};
}

fn serve<P, H, T>(router: Router<Arc<Api>>, handler: H) -> Router<Arc<Api>>
where
    P: utoipa::Path,
    H: Handler<T, Arc<Api>>,
    T: 'static,
{
    let methods = P::methods().into_iter().map(|method| match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
    });
    let served = methods.fold(MethodRouter::new(), |served, method| served.on(method, handler.clone()));
    router.route(&P::path(), served)
}

/// What lies under `/api`, behind the gate.
fn gated() -> Routes {
    routes![
        state::read,
        records::list,
        records::read,
        records::edit,
        operations::back_up,
        confirmations::create,
        operations::restore,
        operations::restart,
        operations::archive_source,
        activities::source_archive,
        confirmations::end_maintenance,
        activities::list,
        activities::read,
        openapi::read,
    ]
}

/// What is open to everybody.
fn open() -> Routes {
    routes![maintenance::read, signing::begin, signing::finish, signing::leave]
}

/// What the OpenAPI document says of all of them.
fn described() -> OpenApi {
    let ((_, before), (_, behind)) = (open(), gated());
    before().nest("/api", behind())
}

/// The api and the page.
pub fn router(api: Api) -> Router {
    let api = Arc::new(api);
    let ((gated, _), (open, _)) = (gated(), open());
    let gated = gated
        .fallback(unknown)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(caching::etag))
        .layer(middleware::from_fn_with_state(Arc::clone(&api), gate::identify));
    open.layer(middleware::from_fn_with_state(Arc::clone(&api), gate::same_origin))
        .nest("/api", gated)
        .fallback(page::serve)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(axum::Extension(openapi::Document::new(described)))
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
