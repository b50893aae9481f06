//! The provider: what it says of itself, its keys, and whether a token is one of its.
//!
//! It is asked when the first token or sign-in comes, and then rarely: neither a request with a session
//! nor a token that is rubbish makes a request to it. It must never take a token whose signature was not
//! checked against its keys, nor one that is signed with anything but a private key.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use chrono::{DateTime, Utc};
use jiff::{SignedDuration, Timestamp};
use openidconnect::{
    AdditionalClaims, ClaimsVerificationError, ClientId, IdToken, IdTokenClaims, IssuerUrl, JsonWebKeySet,
    JsonWebTokenType, Nonce, ProviderMetadataWithLogout, SignatureVerificationError,
    core::{
        CoreGenderClaim, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    },
    url::Url,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::http::{Http, encrypted_or_here};

/// After how long the provider is asked again what its keys are: a key that it has withdrawn does not
/// pass for longer than this, nor, if it cannot be reached, for longer than [`STALE`].
const FRESH: SignedDuration = SignedDuration::from_hours(1);
const STALE: SignedDuration = SignedDuration::from_hours(24);

/// How long it is left alone after it could not be reached: nothing known of it, nobody gets in.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(5);

/// The same while what it said before still serves. A request in this time waits for an answer in vain.
const AFTER_FAILURE_WHILE_STALE: SignedDuration = SignedDuration::from_secs(60);

/// How often at most it is asked for its keys because a token names one that is not known.
const AFTER_UNKNOWN_KEY: SignedDuration = SignedDuration::from_secs(30);

/// How far the provider's clock and ours may be apart.
const LEEWAY: SignedDuration = SignedDuration::from_secs(30);

/// Signatures made with a private key. Never `none`, never with a shared secret: that would be checked
/// with a public key as if nobody else had it.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The claims that have no place of their own in the standard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OtherClaims(pub(crate) Map<String, Value>);

impl AdditionalClaims for OtherClaims {}

pub(crate) type Token =
    IdToken<OtherClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
pub(crate) type Claims = IdTokenClaims<OtherClaims, CoreGenderClaim>;
pub(crate) type Metadata = ProviderMetadataWithLogout;

/// What a token has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected<'a> {
    /// Made for a sign-in of ours that had this nonce.
    IdToken { client_id: &'a str, nonce: &'a Nonce },
    /// Made for this audience, perhaps among others.
    BearerToken { audience: &'a str },
}

/// Why a token was not taken, or could not be checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Token(#[from] ClaimsVerificationError),
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}

/// The provider gives no usable answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreachable(pub(crate) String);

/// The provider, and what is known of it.
#[derive(Debug)]
pub(crate) struct Provider {
    issuer: String,
    http: Http,
    known: Mutex<Known>,
    /// Held by whoever asks the provider, so that one question is asked once. What is known can be looked
    /// at meanwhile.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    metadata: Option<(Arc<Metadata>, Timestamp)>,
    failure: Option<(Unreachable, Timestamp)>,
    /// When it was last asked for a key that was not known, and what came of it.
    asked_for_key: Option<(Result<(), Unreachable>, Timestamp)>,
}

impl Known {
    /// What the provider said, if that was not longer ago than this.
    fn metadata(&self, limit: SignedDuration, now: Timestamp) -> Option<Arc<Metadata>> {
        let (metadata, at) = self.metadata.as_ref()?;
        (now.duration_since(*at) < limit).then(|| Arc::clone(metadata))
    }
}

impl Provider {
    pub(crate) fn new(issuer: String) -> Self {
        Self { issuer, http: Http::default(), known: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// What makes the requests to it.
    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // It is whole whenever it is let go of.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the provider says of itself, its keys among it.
    pub(crate) async fn metadata(&self, now: Timestamp) -> Result<Arc<Metadata>, Unreachable> {
        if let Some(fresh) = self.known().metadata(FRESH, now) {
            return Ok(fresh);
        }
        let stale = self.known().metadata(STALE, now);
        let _asking = match (self.asking.try_lock(), &stale) {
            (Ok(asking), _) => asking,
            (Err(_), Some(stale)) => return Ok(Arc::clone(stale)),
            // Whoever comes meanwhile waits here for the one answer.
            (Err(_), None) => self.asking.lock().await,
        };
        {
            let known = self.known();
            if let Some(fresh) = known.metadata(FRESH, now) {
                return Ok(fresh);
            }
            let pause = if stale.is_some() { AFTER_FAILURE_WHILE_STALE } else { AFTER_FAILURE };
            if let Some((failure, at)) = &known.failure
                && now.duration_since(*at) < pause
            {
                return stale.ok_or_else(|| failure.clone());
            }
        }
        let begun = Instant::now();
        match self.discover().await {
            Ok(found) => {
                let found = Arc::new(found);
                let mut known = self.known();
                known.metadata = Some((Arc::clone(&found), now));
                known.failure = None;
                Ok(found)
            }
            Err(failure) => {
                tracing::error!("asking the provider {} about itself: {failure}", self.issuer);
                self.known().failure = Some((failure.clone(), after(now, begun)));
                stale.ok_or(failure)
            }
        }
    }

    async fn discover(&self) -> Result<Metadata, Unreachable> {
        let unreachable = |error: &dyn std::error::Error| Unreachable(chain(error));
        let issuer = IssuerUrl::new(self.issuer.clone()).map_err(|error| unreachable(&error))?;
        let metadata =
            Metadata::discover_async(issuer, &self.http).await.map_err(|error| unreachable(&error))?;
        let sign_out = metadata.additional_metadata().end_session_endpoint.as_ref().map(|url| url.url());
        let readable = |url: &&&Url| !encrypted_or_here(Some(url.scheme()), url.host_str());
        let addresses = [Some(metadata.authorization_endpoint().url()), sign_out];
        if let Some(url) = addresses.iter().flatten().find(readable) {
            return Err(Unreachable(format!("it sends browsers to {url}, which is not https")));
        }
        Ok(metadata)
    }

    /// The claims of a token that is what it has to be.
    pub(crate) async fn claims(
        &self,
        token: &Token,
        expected: Expected<'_>,
        now: Timestamp,
    ) -> Result<Claims, Refusal> {
        let metadata = self.metadata(now).await?;
        let refused = match self.check(token, &metadata, expected, now) {
            Ok(claims) => return Ok(claims),
            Err(refused) => refused,
        };
        let unknown_key =
            ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey);
        if refused != unknown_key {
            return Err(refused.into());
        }
        match self.newer_keys(&metadata, now).await? {
            Some(newer) => Ok(self.check(token, &newer, expected, now)?),
            None => Err(refused.into()),
        }
    }

    /// The provider's keys after a token has named one that is not among these: it may be a new one.
    async fn newer_keys(
        &self,
        than: &Arc<Metadata>,
        now: Timestamp,
    ) -> Result<Option<Arc<Metadata>>, Unreachable> {
        let _asking = self.asking.lock().await;
        let (current, at) = {
            let known = self.known();
            let Some((current, at)) = known.metadata.clone() else { return Ok(None) };
            if !Arc::ptr_eq(&current, than) {
                return Ok(Some(current));
            }
            if let Some((outcome, at)) = &known.asked_for_key
                && now.duration_since(*at) < AFTER_UNKNOWN_KEY
            {
                return outcome.clone().map(|()| None);
            }
            (current, at)
        };
        let begun = Instant::now();
        let answer: Result<CoreJsonWebKeySet, _> =
            JsonWebKeySet::fetch_async(current.jwks_uri(), &self.http).await;
        let mut known = self.known();
        match answer {
            Ok(keys) => {
                let newer = Arc::new(Metadata::clone(&current).set_jwks(keys));
                known.metadata = Some((Arc::clone(&newer), at));
                known.asked_for_key = Some((Ok(()), after(now, begun)));
                Ok(Some(newer))
            }
            Err(error) => {
                let failure = Unreachable(chain(&error));
                tracing::error!("asking the provider {} for its keys: {failure}", self.issuer);
                known.asked_for_key = Some((Err(failure.clone()), after(now, begun)));
                Err(failure)
            }
        }
    }

    fn check(
        &self,
        token: &Token,
        metadata: &Metadata,
        expected: Expected<'_>,
        now: Timestamp,
    ) -> Result<Claims, ClaimsVerificationError> {
        let (audience, nonce) = match expected {
            Expected::IdToken { client_id, nonce } => (client_id, Some(nonce)),
            Expected::BearerToken { audience } => (audience, None),
        };
        let keys = metadata.jwks().clone();
        let verifier = CoreIdTokenVerifier::new_public_client(
            ClientId::new(audience.to_owned()),
            metadata.issuer().clone(),
            keys,
        )
        .set_allowed_algs(ALGORITHMS)
        .set_allowed_jose_types(types(expected))
        .set_other_audience_verifier_fn(move |_| nonce.is_none())
        .set_time_fn(move || time(now.saturating_sub(LEEWAY).unwrap_or(now)))
        .set_issue_time_verifier_fn(move |issued| not_before(issued.timestamp(), now));
        let claims = match nonce {
            Some(nonce) => token.claims(&verifier, nonce)?,
            None => token.claims(&verifier, |_: Option<&Nonce>| Ok(()))?,
        };
        let other = &claims.additional_claims().0;
        if let Some(from) = other.get("nbf") {
            let from = from.as_f64().unwrap_or(f64::INFINITY);
            not_before(from.min(MOST) as i64, now).map_err(ClaimsVerificationError::Other)?;
        }
        // An ID token is made for a browser's sign-in; that of another client may have our audience too.
        let of_a_sign_in = claims.nonce().is_some()
            || claims.access_token_hash().is_some()
            || claims.code_hash().is_some()
            || other.get("typ").is_some_and(|kind| kind == "ID");
        if matches!(expected, Expected::BearerToken { .. }) && of_a_sign_in {
            return Err(ClaimsVerificationError::Unsupported("it is an ID token".to_owned()));
        }
        // An ID token that was made for another client, with ours among its audiences.
        if let (Expected::IdToken { client_id, .. }, Some(party)) = (expected, claims.authorized_party())
            && party.as_str() != client_id
        {
            return Err(ClaimsVerificationError::InvalidAudience(
                "it was made for another client".to_owned(),
            ));
        }
        Ok(claims.clone())
    }
}

/// Seconds that no time can have.
const MOST: f64 = 1e15;

/// A token says what it is, or nothing: an access token is never taken for an ID token.
fn types(expected: Expected<'_>) -> Vec<openidconnect::NormalizedJsonWebTokenType> {
    let names: &[&str] = match expected {
        Expected::IdToken { .. } => &["jwt"],
        Expected::BearerToken { .. } => &["jwt", "at+jwt"],
    };
    let normal = |name: &&str| JsonWebTokenType::new((*name).to_owned()).normalize().ok();
    names.iter().filter_map(normal).collect()
}

fn not_before(seconds: i64, now: Timestamp) -> Result<(), String> {
    if seconds > now.as_second().saturating_add(LEEWAY.as_secs()) {
        return Err("it is not valid yet".to_owned());
    }
    Ok(())
}

/// What time it is, if it was `now` when `begun` was.
fn after(now: Timestamp, begun: Instant) -> Timestamp {
    now.saturating_add(begun.elapsed()).unwrap_or(now)
}

fn time(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp(at.as_second(), 0).unwrap_or_default()
}

/// An error with what is behind it. What the provider has sent is not in it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
