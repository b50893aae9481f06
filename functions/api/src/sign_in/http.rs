//! Requests to the provider, over the TLS that the AWS SDK has linked already.
//!
//! It must never follow a redirect, wait without a limit, read an answer without one, or send anything
//! over an unencrypted connection to another machine.

use std::{fmt, pin::Pin, sync::OnceLock, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use lambda_http::http;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

/// How long one request may take, from connecting to the last byte.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much is read of an answer, in bytes.
const LONGEST_ANSWER: usize = 1024 * 1024;

type Connection = Client<HttpsConnector<HttpConnector>, Full<axum::body::Bytes>>;

/// Makes requests to the provider. The certificates that are trusted are read at the first one.
#[derive(Default)]
pub(crate) struct Http {
    connection: OnceLock<Connection>,
}

/// A request to the provider that got no usable answer.
#[derive(Debug, thiserror::Error)]
#[error("asking {host}: {why}")]
pub(crate) struct NoAnswer {
    host: String,
    why: String,
}

impl Http {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let failed = |why: String| NoAnswer { host: host.clone(), why };
        if !encrypted_or_here(request.uri().scheme_str(), request.uri().host()) {
            return Err(failed("it can only be asked over https".to_owned()));
        }
        match tokio::time::timeout(PATIENCE, self.exchange(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(why)) => Err(failed(why)),
            Err(_) => Err(failed(format!("no answer within {} seconds", PATIENCE.as_secs()))),
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, String> {
        let connection = match self.connection.get() {
            Some(connection) => connection,
            None => {
                let made = connect().map_err(|error| format!("reading the trusted certificates: {error}"))?;
                self.connection.get_or_init(|| made)
            }
        };
        let answer = connection.request(request.map(|body| Full::new(body.into()))).await.map_err(chain)?;
        let (parts, body) = answer.into_parts();
        // Whatever stands before a provider that is away answers in its stead, in a language of its own.
        if parts.status.is_server_error() {
            return Err(format!("it answered with the status {}", parts.status));
        }
        let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|error| error.to_string())?;
        Ok(http::Response::from_parts(parts, body.to_bytes().to_vec()))
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, NoAnswer>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Http")
    }
}

/// Whether what is sent to this address cannot be read on the way.
pub(crate) fn encrypted_or_here(scheme: Option<&str>, host: Option<&str>) -> bool {
    match scheme {
        Some("https") => true,
        Some("http") => matches!(host, Some("127.0.0.1" | "localhost" | "[::1]")),
        Some(_) | None => false,
    }
}

/// Connections are not kept: while a function is frozen between two requests they die unnoticed.
fn connect() -> std::io::Result<Connection> {
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())?
        .https_or_http()
        .enable_http1()
        .build();
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
}

/// An error with what is behind it.
fn chain(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
