//! Sign-in on one machine: none, unless an issuer is named on the command line.

use std::net::SocketAddr;

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Args;
use nightkeep_api::{Config, Groups, SignIn};
use nightkeep_cloud::Secrets;

use crate::{names, ssm::Ssm};

/// How people sign in.
#[derive(Debug, Clone, Args)]
pub struct Provider {
    /// Have people sign in with the OpenID Connect provider that has this issuer; without it nobody does,
    /// and whoever reaches the page is its operator
    #[arg(long, value_name = "URL")]
    pub oidc_issuer: Option<String>,
    /// What the provider knows this console as
    #[arg(long, value_name = "ID", default_value = "nightkeep", requires = "oidc_issuer")]
    pub oidc_client_id: String,
    /// Take bearer tokens that are made for this audience
    #[arg(long, value_name = "AUDIENCE", requires = "oidc_issuer")]
    pub oidc_audience: Option<String>,
    /// What to ask the provider for, beside openid
    #[arg(
        long,
        value_name = "SCOPES",
        default_value = "profile email",
        value_delimiter = ' ',
        requires = "oidc_issuer"
    )]
    pub oidc_scopes: Vec<String>,
    /// The claim that names one's groups
    #[arg(long, value_name = "CLAIM", default_value = "groups", requires = "oidc_issuer")]
    pub oidc_role_claim: String,
    /// The groups whose members may see everything, separated by commas; names with commas as a JSON list
    #[arg(long, value_name = "GROUPS", default_value = "nightkeep-viewers", requires = "oidc_issuer")]
    pub oidc_viewers: String,
    /// The groups whose members may do everything, likewise
    #[arg(long, value_name = "GROUPS", default_value = "nightkeep-operators", requires = "oidc_issuer")]
    pub oidc_operators: String,
    /// Whom somebody without a role may ask for one
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "whoever looks after Nightkeep",
        requires = "oidc_issuer"
    )]
    pub oidc_contact: String,
}

impl Provider {
    /// How users are told apart on the page at `address`.
    ///
    /// # Errors
    /// If it cannot work as it is configured.
    pub(crate) fn sign_in(self, address: SocketAddr, secrets: Secrets) -> anyhow::Result<SignIn> {
        let url = format!("http://{address}");
        let Some(issuer) = self.oidc_issuer else {
            let by_name = format!("http://localhost:{}", address.port());
            return Ok(SignIn::not_needed(user_name(), vec![url, by_name]));
        };
        let groups = Groups {
            claim: self.oidc_role_claim,
            viewers: Groups::names(&self.oidc_viewers)?,
            operators: Groups::names(&self.oidc_operators)?,
        };
        let config = Config {
            url,
            issuer,
            client_id: self.oidc_client_id,
            audience: self.oidc_audience,
            scopes: self.oidc_scopes,
            groups,
            contact: self.oidc_contact,
        };
        SignIn::by_provider(config, secrets)
    }
}

/// Makes the key that seals the sessions, unless there is one.
///
/// # Errors
/// If it cannot be made or kept.
pub(crate) fn make_session_key(ssm: &Ssm) -> anyhow::Result<()> {
    if ssm.value(names::SESSION_KEY_PARAMETER).is_some() {
        return Ok(());
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).context("reading randomness for the key of the sessions")?;
    ssm.set_secret(names::SESSION_KEY_PARAMETER, &BASE64_STANDARD.encode(key))
}

/// The name of who runs this.
fn user_name() -> String {
    std::env::var("USER").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "operator".to_owned())
}
