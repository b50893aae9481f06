//! An endpoint that speaks the AWS JSON protocol on loopback: one POST for each call, the call's name
//! in `X-Amz-Target`, JSON both ways, errors with their code in `__type`.
//!
//! It must never pass a request on whose signature it has not checked.

use std::{future::Future, sync::Arc};

use anyhow::Context;
use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    serve::ListenerExt,
};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;

use crate::signature::{self, Keys};

/// The longest body of a request: what DynamoDB accepts.
const LONGEST_BODY: usize = 16 * 1024 * 1024;

/// What is different from one service to the next.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// The service's name in signatures.
    pub service: &'static str,
    /// What stands before the dot in `X-Amz-Target`.
    pub target: &'static str,
    /// The media type of bodies.
    pub media_type: &'static str,
}

/// A service behind an endpoint.
pub trait Service: Send + Sync + 'static {
    /// How it is spoken to.
    const PROTOCOL: Protocol;

    /// Answers the call `operation`. May block: it is called on a thread that may.
    ///
    /// # Errors
    /// What the service refuses.
    fn call(&self, operation: &str, body: &[u8]) -> Result<String, Refusal>;
}

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the response.
    pub status: StatusCode,
    /// Its body, JSON.
    pub body: String,
}

impl Refusal {
    /// A refusal of the caller's request, under its code at AWS.
    pub fn new(code: &str, message: impl AsRef<str>) -> Self {
        let body = json!({ "__type": code, "message": message.as_ref() });
        Self { status: StatusCode::BAD_REQUEST, body: body.to_string() }
    }

    /// A failure on our side, which is logged.
    pub fn internal(code: &str, error: &anyhow::Error) -> Self {
        tracing::error!("{error:#}");
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..Self::new(code, format!("{error:#}")) }
    }

    /// There is no such call here.
    pub fn unknown(operation: &str) -> Self {
        Self::new("UnknownOperationException", format!("{operation} is not available on this machine"))
    }
}

#[derive(Clone)]
struct Shared<S> {
    service: Arc<S>,
    keys: Keys,
}

/// Serves `service` on `listener` until `shutdown` resolves.
///
/// # Errors
/// If the listener fails.
pub async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    keys: Keys,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let shared = Arc::new(Shared { service, keys });
    let router = Router::new().fallback(answer::<S>).with_state(shared);
    let listener = listener.tap_io(|socket| {
        // Small answers must not wait for the acknowledgement of earlier ones.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!("setting TCP_NODELAY: {error}");
        }
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
        .with_context(|| format!("serving the {} endpoint", S::PROTOCOL.service))
}

async fn answer<S: Service>(State(shared): State<Arc<Shared<S>>>, request: Request) -> Response {
    match take::<S>(shared, request).await {
        Ok(body) => respond::<S>(StatusCode::OK, body),
        Err(refusal) => respond::<S>(refusal.status, refusal.body),
    }
}

async fn take<S: Service>(shared: Arc<Shared<S>>, request: Request) -> Result<String, Refusal> {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        return Err(Refusal::unknown(parts.method.as_str()));
    }
    let body = to_bytes(body, LONGEST_BODY).await;
    let body =
        body.map_err(|error| Refusal::new("SerializationException", format!("reading the body: {error}")))?;
    signature::check(&shared.keys, S::PROTOCOL.service, &parts, &body, Timestamp::now())
        .map_err(|why| Refusal::new(why.code(), why.to_string()))?;
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.strip_prefix(S::PROTOCOL.target).and_then(|rest| rest.strip_prefix('.'));
    let operation = operation.ok_or_else(|| Refusal::unknown(target))?.to_owned();
    let called = tokio::task::spawn_blocking(move || shared.service.call(&operation, &body)).await;
    called.unwrap_or_else(|error| Err(Refusal::internal("InternalServerError", &anyhow::Error::new(error))))
}

fn respond<S: Service>(status: StatusCode, body: String) -> Response {
    let media_type = HeaderValue::from_static(S::PROTOCOL.media_type);
    (status, [(header::CONTENT_TYPE, media_type)], body).into_response()
}
