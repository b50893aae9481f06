//! The S3 endpoint of the local system: the real S3 protocol, signatures included, over a folder.
//!
//! `s3s` parses requests, verifies signatures (presigned URLs too) and writes answers; this module
//! keeps the objects. It must never acknowledge an object that is not on disk, let a key leave its
//! bucket's folder, show half an object, or let two creators of one key both win.
//!
//! The folder of the store:
//!
//! ```text
//! <bucket>/objects/...         one file for each object, see `names`
//! <bucket>/uploads/<id>/...    multipart uploads under way, see `multipart`
//! <bucket>/temporary/...       what is still being written; emptied at start
//! ```
//!
//! An object is one file: its body, then what is known about it (see `object`). It is written to
//! `temporary`, hashed and synchronised, and one rename or link publishes body and metadata at once.

mod conditions;
mod digests;
mod errors;
mod fields;
mod list;
mod multipart;
mod names;
mod object;
mod operations;
mod store;
mod write;

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::store::Store;

/// How long requests under way may still run once the endpoint is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait after a connection could not be accepted, so that a lack of file descriptors
/// does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The one pair of keys the endpoint accepts.
#[derive(Clone)]
pub struct Credentials {
    /// The public half, sent with each request.
    pub access_key: String,
    /// The secret half, which only signs.
    pub secret_key: String,
}

#[async_trait::async_trait]
impl S3Auth for Credentials {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key != self.access_key {
            return Err(s3_error!(InvalidAccessKeyId, "the access key {access_key:?} is not known here"));
        }
        Ok(SecretKey::from(self.secret_key.clone()))
    }
}

/// Serves the objects below `root` on `listener` until `shutdown` resolves, then lets the requests
/// under way finish for a short while.
///
/// # Errors
///
/// When the folder cannot be created or cleared of what a crash left behind.
pub async fn serve(
    listener: TcpListener,
    root: PathBuf,
    access_key: String,
    secret_key: String,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let store = tokio::task::spawn_blocking(move || Store::new(root))
        .await
        .context("opening the object store: its task ended early")??;
    let mut builder = S3ServiceBuilder::new(store);
    builder.set_auth(Credentials { access_key, secret_key });
    let service = builder.build();

    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(serve_connection(socket, service.clone(), stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting an S3 connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            // Ended connections are collected as they end, so that they do not pile up.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    drop(stop);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, finished).await.is_err() {
        tracing::warn!("S3 requests were still under way at the end of the grace period");
        connections.shutdown().await;
    }
    Ok(())
}

/// Serves one connection until its client closes it or the endpoint stops.
async fn serve_connection(socket: TcpStream, service: S3Service, mut stopped: watch::Receiver<()>) {
    // Small answers must not wait for the acknowledgement of earlier ones.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "setting TCP_NODELAY on an S3 connection");
    }
    let builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let result = tokio::select! {
        result = connection.as_mut() => result,
        // The sender never sends: the only change is that it is dropped.
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "an S3 connection ended early");
    }
}
