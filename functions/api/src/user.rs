//! Who a request comes from, and what they may do.
//!
//! A handler takes [`Viewer`] or [`Operator`] and with it says who may use it. Neither can be had without
//! the gate (`gate`), which alone finds out who is asking.

use axum::{extract::FromRequestParts, http::request::Parts};
use nightkeep_domain::actor::Actor;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// What stays the same when the name changes: the provider's `sub`.
    pub(crate) id: String,
    /// The name to show.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: Role,
    /// Whether there is anything to sign out of.
    pub(crate) signed_in: bool,
}

/// What a user may do. A higher role may do all that a lower one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// See everything.
    Viewer,
    /// Do everything.
    Operator,
}

impl User {
    /// As it is written down what they did.
    pub(crate) fn actor(&self) -> Actor {
        Actor { name: self.name.clone(), id: self.signed_in.then(|| self.id.clone()) }
    }
}

impl Role {
    /// Its name, as people read it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Viewer => "Viewer",
            Self::Operator => "Operator",
        }
    }
}

/// Somebody who may see everything.
pub(crate) struct Viewer(pub(crate) User);

/// Somebody who may do everything.
pub(crate) struct Operator(pub(crate) User);

impl<S: Send + Sync> FromRequestParts<S> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        at_least(Role::Viewer, parts).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        at_least(Role::Operator, parts).map(Self)
    }
}

fn at_least(least: Role, parts: &Parts) -> Result<User, Problem> {
    let user = parts.extensions.get::<User>().ok_or_else(Problem::signed_out)?;
    if user.role < least {
        tracing::warn!(path = parts.uri.path(), role = user.role.word(), "refused: the role is too low");
        return Err(Problem::role_too_low(user.role));
    }
    Ok(user.clone())
}
