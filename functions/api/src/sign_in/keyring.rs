//! The secrets of sign-in, read when they are first needed and again from time to time, so that they can
//! be exchanged while the functions run.
//!
//! It must never log a secret, and never read them more often because somebody sends rubbish.

use std::{fmt, sync::Arc};

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

/// How often at most they are read because a cookie did not open: it may be sealed with a newer key.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

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
    ring: Mutex<Option<Arc<Ring>>>,
}

impl Keyring {
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self { secrets, ring: Mutex::default() }
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
        let mut ring = self.ring.lock().await;
        if let Some(known) = ring.as_ref().filter(|ring| now.duration_since(ring.read_at) < age) {
            return Ok(Arc::clone(known));
        }
        match (self.read(now).await, ring.as_ref()) {
            (Ok(read), _) => {
                let read = Arc::new(read);
                *ring = Some(Arc::clone(&read));
                Ok(read)
            }
            // What was right a while ago is better than nobody getting in.
            (Err(_), Some(known)) => Ok(Arc::clone(known)),
            (Err(problem), None) => Err(problem),
        }
    }

    async fn read(&self, now: Timestamp) -> Result<Ring, Problem> {
        let mut found = self.secrets.read(&[SESSION_KEY, OLD_SESSION_KEY, CLIENT_SECRET]).await?;
        let place = self.secrets.place(SESSION_KEY);
        let Some(current) = found.remove(SESSION_KEY) else {
            tracing::error!("the secret {place} is not there: put 32 random bytes in base64 there");
            return Err(Problem::internal());
        };
        let keys =
            Keys::parse(&current, found.get(OLD_SESSION_KEY).map(String::as_str)).map_err(|error| {
                tracing::error!("reading the secret {place}, or the one before: {error}");
                Problem::internal()
            })?;
        Ok(Ring { keys, client_secret: found.remove(CLIENT_SECRET), read_at: now })
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ring read at {}", self.read_at)
    }
}
