//! The maintenance flag, as an application asks for it.
//!
//! It must never take silence for leave to write: an entry that is accepted while the data is being
//! restored would be lost without a word, one that is refused can be sent again. So whoever cannot learn
//! how the flag stands is under maintenance. An answer counts for a few seconds, which is less than an
//! operation waits between the flag and the data; so a single question that fails disturbs nobody.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use axum::http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use tokio::sync::Mutex;

/// How long an answer is used without asking again.
const FRESH: Duration = Duration::from_secs(1);

/// How long an answer counts when there is no newer one.
const COUNTS: Duration = Duration::from_secs(3);

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// What is said while the flag is not known.
const UNKNOWN: &str = "The guest book cannot learn at the moment whether it is under maintenance. To be on the safe \
     side it is closed until it can.";

/// When to come back if nobody says so, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// How the flag stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Off,
    On { message: String, retry_after: HeaderValue },
}

/// The flag, asked for as often as is needed.
pub(super) struct Flag {
    url: Option<String>,
    client: reqwest::Client,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    asked_at: Option<Instant>,
    heard: Option<(Instant, Standing)>,
}

#[derive(Deserialize)]
struct Body {
    on: bool,
    message: Option<String>,
}

impl Flag {
    /// The flag that `url` tells; without one it is always off.
    ///
    /// # Errors
    /// If no client can be made.
    pub(super) fn new(url: Option<String>) -> anyhow::Result<Self> {
        // A proxy of the user's is not on the way to this machine itself.
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWERED_WITHIN).build();
        Ok(Self { url, client: client.context("making an HTTP client")?, last: Mutex::default() })
    }

    pub(super) async fn standing(&self) -> Standing {
        let Some(url) = &self.url else { return Standing::Off };
        // Whoever comes meanwhile waits for the same answer.
        let mut last = self.last.lock().await;
        if last.asked_at.is_none_or(|at| at.elapsed() >= FRESH) {
            match self.ask(url).await {
                Ok(standing) => last.heard = Some((Instant::now(), standing)),
                Err(error) => tracing::warn!("{error:#}"),
            }
            last.asked_at = Some(Instant::now());
        }
        match &last.heard {
            Some((at, standing)) if at.elapsed() < COUNTS => standing.clone(),
            Some(_) | None => Standing::On { message: UNKNOWN.to_owned(), retry_after: RETRY_AFTER },
        }
    }

    async fn ask(&self, url: &str) -> anyhow::Result<Standing> {
        let asking = || format!("asking {url} for the maintenance flag");
        let answer = self.client.get(url).send().await.with_context(asking)?;
        let status = answer.status();
        if !matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE) {
            bail!("{}: the answer is {status}", asking());
        }
        let retry_after = answer.headers().get(header::RETRY_AFTER).cloned().unwrap_or(RETRY_AFTER);
        let body: Body = answer.json().await.with_context(asking)?;
        Ok(if body.on {
            Standing::On { message: body.message.unwrap_or_default(), retry_after }
        } else {
            Standing::Off
        })
    }
}
