//! Sign-in: who a request comes from, found out from its session or its bearer token.
//!
//! A session is a sealed cookie; nothing of it is kept here. Whom it names, and their role, the provider
//! has said at the sign-in. A bearer token is checked by the provider's keys at each request.
//!
//! **Architecture Invariant:** a request with a session never makes a request to the provider, and what a
//! request says of itself (its `Host`, its addresses) is never believed.

mod bearer;
mod config;
mod cookies;
mod flow;
mod http;
mod keyring;
mod notice;
mod person;
mod place;
mod provider;
pub(crate) mod routes;
mod seal;
mod session;

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use nightkeep_cloud::Secrets;
use serde::de::DeserializeOwned;

use self::{
    config::Checked,
    cookies::Cookie,
    keyring::{Keyring, Ring},
    person::Person,
    provider::Provider,
    seal::Purpose,
    session::Session,
};
pub use self::{config::Config, person::Groups};
use crate::{
    problem::Problem,
    user::{Role, User},
};

/// A page that nobody has touched for a while says so with what it asks by itself: otherwise a page that
/// was left open would keep its session for as long as it is open.
const UNATTENDED: &str = "nightkeep-unattended";

/// How users are told apart.
#[derive(Debug)]
pub struct SignIn(Way);

#[derive(Debug)]
enum Way {
    /// They aren't: on one machine, everybody who reaches it is its user.
    NotNeeded {
        user: User,
        origins: Vec<String>,
    },
    Provider(Box<Door>),
}

/// The way in by a provider.
#[derive(Debug)]
struct Door {
    checked: Checked,
    provider: Provider,
    keyring: Keyring,
}

/// Who a request comes from, and by what it is known.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) user: User,
    /// By something that a browser adds to every request by itself, whoever makes it.
    pub(crate) ambient: bool,
    /// The session's new cookie, if it is time for one.
    pub(crate) renewed: Option<HeaderValue>,
}

impl SignIn {
    /// Without: every request comes from an operator of this name, and pages of `origins` are ours.
    pub fn not_needed(name: String, origins: Vec<String>) -> Self {
        let user = User { id: name.clone(), name, role: Role::Operator, signed_in: false };
        Self(Way::NotNeeded { user, origins })
    }

    /// By a provider.
    ///
    /// # Errors
    /// If it cannot work as it is configured.
    pub fn by_provider(config: Config, secrets: Secrets) -> anyhow::Result<Self> {
        let checked = config.checked()?;
        let provider = Provider::new(checked.config.issuer.clone());
        Ok(Self(Way::Provider(Box::new(Door { checked, provider, keyring: Keyring::new(secrets) }))))
    }

    /// Whether browsers see this console over https.
    pub(crate) fn https(&self) -> bool {
        matches!(&self.0, Way::Provider(door) if door.checked.https)
    }

    /// Whether a page of this origin is one of ours.
    pub(crate) fn is_ours(&self, origin: &str) -> bool {
        match &self.0 {
            Way::NotNeeded { origins, .. } => origins.iter().any(|ours| ours == origin),
            Way::Provider(door) => door.checked.origin == origin,
        }
    }

    /// Whether a request that a browser would have marked must be marked. Where nobody signs in, a
    /// script on this machine has nothing to show but itself.
    pub(crate) fn demands_origin(&self) -> bool {
        matches!(self.0, Way::Provider(_))
    }

    /// Who a request comes from.
    pub(crate) async fn identify(&self, headers: &HeaderMap, now: Timestamp) -> Result<Identity, Problem> {
        let door = match &self.0 {
            Way::NotNeeded { user, .. } => {
                return Ok(Identity { user: user.clone(), ambient: true, renewed: None });
            }
            Way::Provider(door) => door,
        };
        match bearer::token(headers)? {
            Some(token) => {
                let person = bearer::person(token, &door.checked, &door.provider, now).await?;
                Ok(Identity { user: door.user(person)?, ambient: false, renewed: None })
            }
            None => {
                let (session, renewed) = door.session(headers, now).await?;
                Ok(Identity { user: door.user(session.person)?, ambient: true, renewed })
            }
        }
    }

    fn door(&self) -> Option<&Door> {
        match &self.0 {
            Way::NotNeeded { .. } => None,
            Way::Provider(door) => Some(door),
        }
    }
}

impl Door {
    /// The session of a request, and its new cookie if it is time for one.
    async fn session(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<(Session, Option<HeaderValue>), Problem> {
        let text = Cookie::Session.read(headers).ok_or_else(Problem::signed_out)?;
        let (opened, ring) = self.open::<Session>(Purpose::Session, text, now).await?;
        let ended =
            Cookie::Ended.read(headers).and_then(|text| Timestamp::from_second(text.parse().ok()?).ok());
        let session = opened.filter(|session| session.stands(ended, now)).ok_or_else(Problem::signed_out)?;
        let renewed =
            session.renewed(now).filter(|_| !headers.contains_key(UNATTENDED)).and_then(|renewed| {
                let sealed = ring.keys.seal(Purpose::Session, &renewed)?;
                Cookie::Session.set(&sealed, renewed.rest(now))
            });
        Ok((session, renewed))
    }

    /// What a cookie holds, and the keys with which it was looked at. Another function may have sealed it
    /// with a newer key than is known here.
    async fn open<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        text: &str,
        now: Timestamp,
    ) -> Result<(Option<T>, Arc<Ring>), Problem> {
        let ring = self.keyring.ring(now).await?;
        if let Some(opened) = ring.keys.open(purpose, text) {
            return Ok((Some(opened), ring));
        }
        let newest = self.keyring.newest(now).await?;
        Ok((newest.keys.open(purpose, text), newest))
    }

    fn user(&self, person: Person) -> Result<User, Problem> {
        let Person { id, name, role } = person;
        match role {
            Some(role) => Ok(User { id, name, role, signed_in: true }),
            None => {
                tracing::warn!(user = name, user_id = id, "refused: no role");
                Err(Problem::no_role(&name, &self.checked.config.contact))
            }
        }
    }
}
