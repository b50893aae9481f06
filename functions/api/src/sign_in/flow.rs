//! Signing in and out: the authorization code flow with PKCE, `state` and `nonce`.
//!
//! What a sign-in has to remember until the provider sends the browser back is in a sealed cookie of the
//! browser that began it, so that nobody can finish in one browser what was begun in another. It must
//! never log a code, a token, or anything that came with them.

use axum::http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use nightkeep_domain::settings::Settings;
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IdTokenFields, LogoutRequest, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    PostLogoutRedirectUrl, RedirectUrl, RequestTokenError, Scope, StandardErrorResponse,
    StandardTokenResponse, TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};

use super::{
    Door,
    cookies::Cookie,
    notice::Notice,
    person::{Person, name},
    place,
    provider::{Claims, Expected, Metadata, OtherClaims, Refusal, chain},
    seal::Purpose,
    session::{Limits, Session},
};

/// How long somebody may take to sign in at the provider.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// How long a browser remembers when it signed out, in seconds: no session lasts longer.
const DAY: i64 = 24 * 60 * 60;

/// The longest hint that is kept, in bytes: browsers drop cookies above 4096.
const LONGEST_HINT: usize = 2700;

/// Where the provider sends browsers back to.
const CALLBACK: &str = "/sign-in/callback";

type Client = openidconnect::Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<
        IdTokenFields<
            OtherClaims,
            EmptyExtraTokenFields,
            CoreGenderClaim,
            CoreJweContentEncryptionAlgorithm,
            CoreJwsSigningAlgorithm,
        >,
        CoreTokenType,
    >,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A sign-in that has begun, as its browser remembers it.
#[derive(Serialize, Deserialize)]
struct Transaction {
    state: String,
    nonce: Nonce,
    verifier: String,
    /// Where to go afterwards.
    to: String,
    until: Timestamp,
}

/// What the provider sends a browser back with.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    /// RFC 9207: who sent the browser back.
    iss: Option<String>,
}

/// Where a browser goes next, and what it keeps.
pub(crate) struct Onward {
    pub(crate) to: String,
    pub(crate) cookies: Vec<Option<axum::http::HeaderValue>>,
}

/// A sign-in that the provider has seen through.
pub(crate) struct Finished {
    pub(crate) person: Person,
    pub(crate) onward: Onward,
}

impl Door {
    /// Sends a browser to the provider.
    pub(crate) async fn begin(
        &self,
        to: Option<&str>,
        another: bool,
        now: Timestamp,
    ) -> Result<Onward, Notice> {
        let metadata = self.provider.metadata(now).await.map_err(|_| Notice::Unreachable)?;
        let ring = self.keyring.ring(now).await.map_err(|_| Notice::Broken)?;
        let client = self.client(&metadata, ring.client_secret.as_deref())?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.checked.config.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        if another {
            request = request.add_prompt(CoreAuthPrompt::Login);
        }
        let (url, state, nonce) = request.url();
        let transaction = Transaction {
            state: state.into_secret(),
            nonce,
            verifier: verifier.into_secret(),
            to: place::within(to),
            until: now.saturating_add(PATIENCE).unwrap_or(now),
        };
        let sealed = ring.keys.seal(Purpose::Transaction, &transaction).ok_or(Notice::Broken)?;
        let cookies = vec![Cookie::Transaction.set(&sealed, PATIENCE.as_secs())];
        Ok(Onward { to: url.to_string(), cookies })
    }

    /// Takes a browser back from the provider.
    pub(crate) async fn finish(
        &self,
        headers: &HeaderMap,
        answer: Answer,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Finished, Notice> {
        let text = Cookie::Transaction.read(headers).unwrap_or_default();
        let opened = self.open::<Transaction>(Purpose::Transaction, text, now).await;
        let (begun, ring) = opened.map_err(|_| Notice::Broken)?;
        let begun = begun
            .filter(|begun| begun.until > now && answer.state.as_ref() == Some(&begun.state))
            .ok_or_else(|| failed("it was not begun in this browser, or too long ago", Notice::NotOurs))?;
        if answer.iss.as_ref().is_some_and(|issuer| *issuer != self.checked.config.issuer) {
            return Err(failed("the browser was sent back by another issuer", Notice::Refused));
        }
        let Some(code) = answer.code.filter(|_| answer.error.is_none()) else {
            let word = |c: &char| c.is_ascii_lowercase() || *c == '_';
            let error: String = answer.error.unwrap_or_default().chars().filter(word).take(50).collect();
            return Err(failed(&format!("the provider refused: {error}"), Notice::Refused));
        };
        let metadata = self.provider.metadata(now).await.map_err(|_| Notice::Unreachable)?;
        let client = self.client(&metadata, ring.client_secret.as_deref())?;
        let (claims, hint) = self.exchange(&client, code, begun.verifier, &begun.nonce, now).await?;
        let person = self.person(&claims);
        let limits = Limits {
            absolute: minutes(settings.session_hours * 60),
            idle: minutes(settings.session_idle_minutes),
        };
        let session = Session::begin(person.clone(), limits, now);
        let sealed = ring.keys.seal(Purpose::Session, &session).ok_or(Notice::Broken)?;
        let kept = ring.keys.seal(Purpose::Hint, &hint).filter(|_| hint.len() <= LONGEST_HINT);
        let cookies = vec![
            Cookie::Session.set(&sealed, session.rest(now)),
            kept.map_or_else(|| Cookie::Hint.remove(), |hint| Cookie::Hint.set(&hint, session.rest(now))),
            Cookie::Transaction.remove(),
            // What was sealed before this sign-in is no session in this browser any more.
            Cookie::Ended.set(&(now.as_second() - 1).to_string(), DAY),
        ];
        Ok(Finished { person, onward: Onward { to: begun.to, cookies } })
    }

    /// Ends the session in this browser, and says where it ends at the provider.
    pub(crate) async fn leave(&self, headers: &HeaderMap, now: Timestamp) -> Onward {
        let cookies = vec![
            Cookie::Session.remove(),
            Cookie::Hint.remove(),
            Cookie::Ended.set(&now.as_second().to_string(), DAY),
        ];
        let to = self.leave_provider(headers, now).await.unwrap_or_else(|| "/".to_owned());
        Onward { to, cookies }
    }

    /// The provider's page that signs out there; none if it has none or cannot be reached.
    async fn leave_provider(&self, headers: &HeaderMap, now: Timestamp) -> Option<String> {
        let metadata = self.provider.metadata(now).await.ok()?;
        let end = metadata.additional_metadata().end_session_endpoint.clone()?;
        let back = PostLogoutRedirectUrl::new(self.checked.url("/")).ok()?;
        let request = LogoutRequest::from(end)
            .set_client_id(ClientId::new(self.checked.config.client_id.clone()))
            .set_post_logout_redirect_uri(back);
        let hint = match Cookie::Hint.read(headers) {
            Some(text) => self.open::<super::provider::Token>(Purpose::Hint, text, now).await.ok()?.0,
            None => None,
        };
        let request = match &hint {
            Some(token) => request.set_id_token_hint(token),
            None => request,
        };
        Some(request.http_get_url().to_string())
    }

    fn client(&self, metadata: &Metadata, secret: Option<&str>) -> Result<Client, Notice> {
        let id = ClientId::new(self.checked.config.client_id.clone());
        let back = RedirectUrl::new(self.checked.url(CALLBACK)).map_err(|_| Notice::Broken)?;
        let secret = secret.map(|secret| ClientSecret::new(secret.to_owned()));
        Ok(Client::from_provider_metadata(metadata.clone(), id, secret).set_redirect_uri(back))
    }

    /// Exchanges the code for the ID token, and gives what it says once it was checked, and itself.
    async fn exchange(
        &self,
        client: &Client,
        code: String,
        verifier: String,
        nonce: &Nonce,
        now: Timestamp,
    ) -> Result<(Claims, String), Notice> {
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| failed(&chain(&error), Notice::Broken))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier));
        // Neither the answer nor what was wrong with it is logged: it may hold a token.
        let answer = request.request_async(self.provider.http()).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(refusal) => failed(
                &format!("the provider refused the code: {}", refusal.error().as_ref()),
                Notice::Refused,
            ),
            RequestTokenError::Request(error) => failed(&error.to_string(), Notice::Unreachable),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                failed("the provider’s answer to the code could not be understood", Notice::Refused)
            }
        })?;
        let token =
            answer.id_token().ok_or_else(|| failed("the provider sent no ID token", Notice::Refused))?;
        let expected = Expected::IdToken { client_id: &self.checked.config.client_id, nonce };
        let claims = self.provider.claims(token, expected, now).await.map_err(|refusal| match refusal {
            Refusal::Token(error) => {
                failed(&format!("the ID token was refused: {}", chain(&error)), Notice::Refused)
            }
            Refusal::Unreachable(error) => failed(&error.to_string(), Notice::Unreachable),
        })?;
        Ok((claims, token.to_string()))
    }

    fn person(&self, claims: &Claims) -> Person {
        let id = claims.subject().as_str().to_owned();
        let shown = name([
            claims.name().and_then(|name| name.get(None)).map(|name| name.as_str()),
            claims.preferred_username().map(|name| name.as_str()),
            claims.email().map(|email| email.as_str()),
            Some(&id),
        ]);
        let role = self.checked.config.groups.role(&claims.additional_claims().0);
        Person { name: shown.unwrap_or_else(|| "unnamed".to_owned()), id, role }
    }
}

/// A sign-in that failed, in the log.
fn failed(why: &str, notice: Notice) -> Notice {
    tracing::warn!("a sign-in failed: {why}");
    notice
}

fn minutes(minutes: u64) -> SignedDuration {
    SignedDuration::from_mins(i64::try_from(minutes).unwrap_or_default())
}
