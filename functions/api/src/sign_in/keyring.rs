//! The secrets of sign-in, read when they are first needed and again from time to time, so that they can
//! be exchanged while the functions run.
//!
//! It must never log a secret, never read them more often because somebody sends rubbish, and never let
//! anybody in by a key that was taken away.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use nightkeep_cloud::Secrets;
use tokio::sync::Mutex;

use super::seal::Keys;
use crate::problem::Problem;

/// What seals the cookies.
const SESSION_KEY: &str = "session-key";
/// What sealed them before.
const OLD_SESSION_KEY: &str = "session-key-old";
/// By which the provider knows us; a public client has none.
const CLIENT_SECRET: &str = "oidc-client-secret";

/// After how long the secrets are read again.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// How often at most they are read because a cookie did not open: it may be sealed with a newer key. And
/// how long after a reading that failed the next one comes.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// How long those that were read last are used when they cannot be read again.
const STALE: SignedDuration = SignedDuration::from_hours(1);

/// The secrets as they were last read.
pub(crate) struct Ring {
    pub(crate) keys: Keys,
    pub(crate) client_secret: Option<String>,
    read_at: Timestamp,
}

/// Where they come from.
#[derive(Debug)]
pub(crate) struct Keyring {
    secrets: Secrets,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    ring: Option<Arc<Ring>>,
    failed_at: Option<Timestamp>,
}

impl Keyring {
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self { secrets, last: Mutex::default() }
    }

    /// The secrets.
    pub(crate) async fn ring(&self, now: Timestamp) -> Result<Arc<Ring>, Problem> {
        self.ring_no_older_than(FRESH, now).await
    }

    /// The secrets, read anew unless that was done just now.
    pub(crate) async fn newest(&self, now: Timestamp) -> Result<Arc<Ring>, Problem> {
        self.ring_no_older_than(PATIENCE, now).await
    }

    async fn ring_no_older_than(&self, age: SignedDuration, now: Timestamp) -> Result<Arc<Ring>, Problem> {
        let mut last = self.last.lock().await;
        let within = |time: &Timestamp, limit| now.duration_since(*time) < limit;
        if let Some(ring) = last.ring.as_ref().filter(|ring| within(&ring.read_at, age)) {
            return Ok(Arc::clone(ring));
        }
        if !last.failed_at.is_some_and(|at| within(&at, PATIENCE)) {
            match self.secrets.read(&[SESSION_KEY, OLD_SESSION_KEY, CLIENT_SECRET]).await {
                Ok(found) => {
                    last.ring = self.ring_of(found, now).map(Arc::new);
                    last.failed_at = last.ring.is_none().then_some(now);
                }
                Err(error) => {
                    tracing::error!("{error}");
                    last.failed_at = Some(now);
                }
            }
        }
        // What was right a while ago is better than nobody getting in.
        let ring = last.ring.as_ref().filter(|ring| within(&ring.read_at, STALE));
        ring.cloned().ok_or_else(Problem::internal)
    }

    /// What was found, if it is a key at all. If it is not, whoever took it away wants nobody in.
    fn ring_of(&self, mut found: BTreeMap<String, String>, now: Timestamp) -> Option<Ring> {
        let place = self.secrets.place(SESSION_KEY);
        let Some(current) = found.remove(SESSION_KEY) else {
            tracing::error!("the secret {place} is not there: put 32 random bytes in base64 there");
            return None;
        };
        match Keys::parse(&current, found.get(OLD_SESSION_KEY).map(String::as_str)) {
            Ok(keys) => Some(Ring { keys, client_secret: found.remove(CLIENT_SECRET), read_at: now }),
            Err(error) => {
                tracing::error!("reading the secret {place}, or the one before: {error}");
                None
            }
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ring read at {}", self.read_at)
    }
}
