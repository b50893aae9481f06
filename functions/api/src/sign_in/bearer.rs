//! Bearer tokens: how scripts say who they are. A JWT of the provider, made for this API.

use axum::http::{HeaderMap, header};
use jiff::Timestamp;

use super::{
    config::Checked,
    person::{Person, name},
    provider::{Expected, Provider, Refusal, Token},
};
use crate::problem::Problem;

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// The token of a request, if it brings one along; a problem if it authorizes itself by something else.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let scheme = |text: &'_ str| text.len() > 7 && text[..7].eq_ignore_ascii_case("bearer ");
    match value.to_str() {
        Ok(text) if text.is_ascii() && scheme(text) && values.next().is_none() => Ok(Some(text[7..].trim())),
        Ok(_) | Err(_) => Err(Problem::wrong_token("only a single bearer token can be used")),
    }
}

/// Whom the token stands for.
pub(crate) async fn person(
    token: &str,
    checked: &Checked,
    provider: &Provider,
    now: Timestamp,
) -> Result<Person, Problem> {
    let config = &checked.config;
    let Some(audience) = &config.audience else {
        return Err(Problem::wrong_token(
            "this console takes no bearer tokens; no audience is configured for them",
        ));
    };
    if token.len() > LONGEST {
        return Err(Problem::wrong_token("it is too long"));
    }
    let token: Token =
        token.parse().map_err(|_| Problem::wrong_token("it is no JWT that can be understood"))?;
    let claims =
        provider.claims(&token, Expected::BearerToken { audience }, now).await.map_err(|refusal| {
            // As a value, which is quoted: the token’s own words, line breaks too, are in it.
            tracing::warn!(reason = refusal.to_string(), "a bearer token was refused");
            match refusal {
                Refusal::Token(error) => Problem::wrong_token(class(&error)),
                Refusal::Unreachable(_) => Problem::provider_unreachable(),
            }
        })?;
    let other = &claims.additional_claims().0;
    let id = claims.subject().as_str();
    // A person's token names the person, a script's its client.
    let shown = name([
        claims.name().and_then(|name| name.get(None)).map(|name| name.as_str()),
        claims.preferred_username().map(|name| name.as_str()),
        other.get("client_id").and_then(|id| id.as_str()),
        claims.authorized_party().map(|id| id.as_str()),
        Some(id),
    ]);
    let role = config.groups.role(other);
    Ok(Person { id: id.to_owned(), name: shown.unwrap_or_else(|| "unnamed".to_owned()), role })
}

/// Why, in words that say nothing of what is in the token.
fn class(error: &openidconnect::ClaimsVerificationError) -> &'static str {
    use openidconnect::ClaimsVerificationError as Error;
    match error {
        Error::Expired(_) => "it has expired, or was issued in the future",
        Error::InvalidAudience(_) => "it was made for another audience",
        Error::InvalidIssuer(_) => "it is from another issuer",
        Error::SignatureVerification(_) => "its signature is not one of the issuer’s",
        Error::Other(_) => "it is not valid yet",
        _ => "it is not the kind of token that is needed",
    }
}
