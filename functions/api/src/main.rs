//! The api as an AWS Lambda function. Its environment is read here, once, and without a sign-in that can
//! work it does not start.

use std::env;

use anyhow::Context;
use jiff::Timestamp;
use nightkeep_api::{Api, Config, Groups, SignIn};
use nightkeep_cloud::{Archives, Ledger, Secrets, SettingsStore};

// One event at a time is answered here: threads would only cost start-up time and memory.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    nightkeep_cloud::log::start();
    let config = sign_in().context("configuring the sign-in, without which the api does not start")?;
    let shared = nightkeep_cloud::connect().await;
    let parameters = variable("NIGHTKEEP_PARAMETERS")?;
    let api = Api {
        ledger: Ledger::new(&shared, variable("NIGHTKEEP_TABLE")?),
        archives: Archives::new(&shared, variable("NIGHTKEEP_BUCKET")?),
        settings: SettingsStore::new(&shared, parameters.clone()),
        sign_in: SignIn::by_provider(config, Secrets::new(&shared, parameters))?,
        clock: Timestamp::now,
    };
    lambda_http::run(nightkeep_api::router(api)).await
}

fn sign_in() -> anyhow::Result<Config> {
    let groups = Groups {
        claim: optional("NIGHTKEEP_OIDC_ROLE_CLAIM", "groups"),
        viewers: Groups::names(&optional("NIGHTKEEP_OIDC_VIEWERS", "nightkeep-viewers"))?,
        operators: Groups::names(&optional("NIGHTKEEP_OIDC_OPERATORS", "nightkeep-operators"))?,
    };
    Ok(Config {
        url: variable("NIGHTKEEP_URL")?,
        issuer: variable("NIGHTKEEP_OIDC_ISSUER")?,
        client_id: variable("NIGHTKEEP_OIDC_CLIENT_ID")?,
        audience: given("NIGHTKEEP_OIDC_AUDIENCE"),
        scopes: optional("NIGHTKEEP_OIDC_SCOPES", "profile email")
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        groups,
        contact: optional("NIGHTKEEP_CONTACT", "whoever looks after Nightkeep"),
    })
}

/// What is used unless the environment says otherwise.
fn optional(name: &str, usual: &str) -> String {
    given(name).unwrap_or_else(|| usual.to_owned())
}

/// An empty value is none: a template cannot leave a variable out.
fn given(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn variable(name: &str) -> anyhow::Result<String> {
    let value = env::var(name).with_context(|| format!("reading the environment variable {name}"))?;
    anyhow::ensure!(!value.is_empty(), "the environment variable {name} is empty");
    Ok(value)
}
