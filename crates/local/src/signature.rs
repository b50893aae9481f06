//! The check of AWS Signature Version 4 at the local endpoints: the caller's signature is computed
//! again, by the code with which the AWS SDK signs, and the two are compared.
//!
//! It must never let a request through whose access key, secret or text is not the expected one: these
//! endpoints are open to every program on the machine, web pages in the user's browser included.

use std::time::SystemTime;

use aws_sdk_s3::config::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use http::{HeaderMap, request::Parts};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

/// How far a caller's clock may be from ours.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The one pair of keys that the endpoints accept.
#[derive(Clone)]
pub struct Keys {
    /// The public half, sent with each request.
    pub access_key: String,
    /// The secret half, which only signs.
    pub secret_key: String,
}

/// Why a request is not taken as signed. The names are those of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// It has no signature.
    #[error("the request has no signature")]
    MissingAuthenticationToken,
    /// Its Authorization header is not complete.
    #[error(
        "the Authorization header needs Credential, SignedHeaders and Signature, and the request X-Amz-Date"
    )]
    IncompleteSignature,
    /// Its access key is not ours.
    #[error("the access key included in the request is not known here")]
    UnrecognizedClient,
    /// Its signature is for another service, another text, another secret or another time.
    #[error("{0}")]
    InvalidSignature(&'static str),
}

impl Unsigned {
    /// The code by which AWS names this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::InvalidSignature(_) => "InvalidSignatureException",
        }
    }
}

/// What an Authorization header says.
struct Claim<'a> {
    access_key: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// Checks that a request to `service` was signed with `keys`.
///
/// # Errors
/// If it was not, or not within a quarter of an hour of `now`.
pub fn check(
    keys: &Keys,
    service: &str,
    request: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Unsigned> {
    let header =
        request.headers.get(http::header::AUTHORIZATION).ok_or(Unsigned::MissingAuthenticationToken)?;
    let header = header.to_str().map_err(|_| Unsigned::IncompleteSignature)?;
    let claim = Claim::parse(header).ok_or(Unsigned::IncompleteSignature)?;
    let written = request.headers.get("x-amz-date").and_then(|value| value.to_str().ok());
    let written = written.ok_or(Unsigned::IncompleteSignature)?;
    let signed_at = parse_date(written).ok_or(Unsigned::IncompleteSignature)?;
    if !equal(claim.access_key, &keys.access_key) {
        return Err(Unsigned::UnrecognizedClient);
    }
    if claim.service != service {
        return Err(Unsigned::InvalidSignature("the credential is scoped to another service"));
    }
    if !written.starts_with(claim.day) {
        return Err(Unsigned::InvalidSignature("the credential is scoped to another day than X-Amz-Date"));
    }
    if now.duration_since(signed_at).abs() > SKEW {
        return Err(Unsigned::InvalidSignature("X-Amz-Date is more than 15 minutes from now"));
    }
    // What decides about the request has to be part of what was signed.
    for needed in ["host", "x-amz-date", "x-amz-target"] {
        if !claim.signed_headers.contains(&needed) {
            return Err(Unsigned::InvalidSignature("host, x-amz-date and x-amz-target have to be signed"));
        }
    }
    let expected = expected(keys, &claim, request, body, signed_at);
    let expected =
        expected.ok_or(Unsigned::InvalidSignature("the request cannot be put into its canonical form"))?;
    if !equal(claim.signature, &expected) {
        return Err(Unsigned::InvalidSignature(
            "the request signature we calculated does not match the signature you provided: check your secret access key",
        ));
    }
    Ok(())
}

/// The signature that the request must have.
fn expected(
    keys: &Keys,
    claim: &Claim<'_>,
    request: &Parts,
    body: &[u8],
    signed_at: Timestamp,
) -> Option<String> {
    let identity = Credentials::new(&keys.access_key, &keys.secret_key, None, None, "nightkeep").into();
    let mut settings = SigningSettings::default();
    // The caller has said which headers count: none of those is left out.
    settings.excluded_headers = None;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(claim.region)
        .name(claim.service)
        .time(SystemTime::from(signed_at))
        .settings(settings)
        .build()
        .ok()?
        .into();
    let headers = signed(&request.headers, &claim.signed_headers)?;
    let uri = format!("http://local{}", request.uri.path_and_query().map_or("/", |path| path.as_str()));
    let request =
        SignableRequest::new(request.method.as_str(), uri, headers.into_iter(), SignableBody::Bytes(body));
    Some(sign(request.ok()?, &params).ok()?.into_parts().1)
}

/// The headers of these names, all of which have to be there.
fn signed<'a>(headers: &'a HeaderMap, names: &[&'a str]) -> Option<Vec<(&'a str, &'a str)>> {
    let mut found = Vec::new();
    for name in names {
        let before = found.len();
        for value in headers.get_all(*name) {
            found.push((*name, value.to_str().ok()?));
        }
        if found.len() == before {
            return None;
        }
    }
    Some(found)
}

impl<'a> Claim<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let rest = header.strip_prefix(ALGORITHM)?;
        let part = |name: &str| {
            let found = rest.split(',').find_map(|part| part.trim().strip_prefix(name));
            found.and_then(|value| value.strip_prefix('='))
        };
        let mut scope = part("Credential")?.split('/');
        let claim = Self {
            access_key: scope.next()?,
            day: scope.next()?,
            region: scope.next()?,
            service: scope.next()?,
            signed_headers: part("SignedHeaders")?.split(';').collect(),
            signature: part("Signature")?,
        };
        (scope.next() == Some("aws4_request") && scope.next().is_none()).then_some(claim)
    }
}

fn parse_date(text: &str) -> Option<Timestamp> {
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Whether both are the same, in a time that does not tell where they differ.
fn equal(given: &str, expected: &str) -> bool {
    given.len() == expected.len()
        && given.bytes().zip(expected.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}
