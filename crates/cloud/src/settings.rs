//! The settings in SSM Parameter Store, all under one path.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_config::SdkConfig;
use aws_sdk_ssm::types::{ParameterHistory, ParameterType};
use nightkeep_domain::settings::{NAMES, Settings, WrongSetting};
use tokio::sync::Mutex;

use crate::{Error, Kind};

/// How long what was read is used before it is read again.
const FRESH: Duration = Duration::from_secs(60);

/// What is in force, and what was set but cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// The settings in force.
    pub settings: Settings,
    /// The values that cannot be used.
    pub wrong: Vec<WrongSetting>,
}

/// What was read last.
#[derive(Debug)]
struct Read {
    at: Instant,
    values: BTreeMap<String, String>,
    in_force: Arc<InForce>,
}

/// Reads the settings. Secrets live under the same path in a folder of their own, which this never
/// reads.
#[derive(Debug, Clone)]
pub struct SettingsStore {
    client: aws_sdk_ssm::Client,
    path: String,
    read: Arc<Mutex<Option<Read>>>,
}

impl SettingsStore {
    /// The settings under `path`, such as `/nightkeep`.
    pub fn new(shared: &SdkConfig, path: impl Into<String>) -> Self {
        Self { client: aws_sdk_ssm::Client::new(shared), path: path.into(), read: Arc::default() }
    }

    /// A secret, decrypted, or none if there is none of this name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn secret(&self, name: &str) -> Result<Option<String>, Error> {
        let answer =
            self.client.get_parameter().name(self.secret_path(name)).with_decryption(true).send().await;
        match answer {
            Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value)),
            Err(error) => match Error::of(format!("reading the secret {}", self.secret_path(name)), error) {
                error if error.kind == Kind::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Keeps a secret, encrypted, in place of the one of this name if there is one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn keep_secret(&self, name: &str, value: &str) -> Result<(), Error> {
        self.client
            .put_parameter()
            .name(self.secret_path(name))
            .value(value)
            .r#type(ParameterType::SecureString)
            .overwrite(true)
            .send()
            .await
            .map_err(|error| Error::of(format!("keeping the secret {}", self.secret_path(name)), error))?;
        Ok(())
    }

    fn secret_path(&self, name: &str) -> String {
        format!("{}/secrets/{name}", self.path)
    }

    /// What is in force. It is read again when it is older than a minute; if it cannot be read then, what
    /// was read before stays in force.
    ///
    /// # Errors
    /// If the parameters cannot be read and never could.
    pub async fn load(&self) -> Result<Arc<InForce>, Error> {
        let mut read = self.read.lock().await;
        if let Some(read) = read.as_ref().filter(|read| read.at.elapsed() < FRESH) {
            return Ok(Arc::clone(&read.in_force));
        }
        match self.read(read.as_ref()).await {
            Ok(now) => Ok(Arc::clone(&read.insert(now).in_force)),
            Err(error) => {
                let Some(before) = read.as_mut() else { return Err(error) };
                tracing::warn!("the settings stay as they were last read: {error}");
                before.at = Instant::now();
                Ok(Arc::clone(&before.in_force))
            }
        }
    }

    async fn read(&self, before: Option<&Read>) -> Result<Read, Error> {
        let values = self.values().await?;
        let (_, wrong) = Settings::parse(&values, &BTreeMap::new());
        let mut earlier = BTreeMap::new();
        for wrong in &wrong {
            earlier.insert(wrong.name.to_owned(), self.earlier(wrong.name).await?);
        }
        let (settings, wrong) = Settings::parse(&values, &earlier);
        if let Some(before) = before {
            self.log_changes(&before.values, &values).await;
        }
        if before.is_none_or(|before| before.in_force.wrong != wrong) {
            wrong.iter().for_each(|wrong| tracing::warn!(setting = wrong.name, "{wrong}"));
        }
        Ok(Read { at: Instant::now(), values, in_force: Arc::new(InForce { settings, wrong }) })
    }

    /// The values as they are set now.
    async fn values(&self) -> Result<BTreeMap<String, String>, Error> {
        let mut values = BTreeMap::new();
        let mut pages = self.client.get_parameters_by_path().path(&self.path).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| Error::of(format!("reading the settings under {}", self.path), error))?;
            for parameter in page.parameters() {
                if let (Some(name), Some(value)) = (parameter.name(), parameter.value()) {
                    let short = name.rsplit('/').next().unwrap_or(name);
                    values.insert(short.to_owned(), value.to_owned());
                }
            }
        }
        Ok(values)
    }

    /// The values that a setting had, newest first.
    async fn earlier(&self, name: &str) -> Result<Vec<String>, Error> {
        Ok(self.history(name).await?.into_iter().filter_map(|version| version.value).collect())
    }

    /// A setting's versions, newest first.
    async fn history(&self, name: &str) -> Result<Vec<ParameterHistory>, Error> {
        let mut versions = Vec::new();
        let path = format!("{}/{name}", self.path);
        let mut pages = self.client.get_parameter_history().name(&path).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Error::of(format!("reading the history of {path}"), error))?;
            versions.extend(page.parameters.unwrap_or_default());
        }
        versions.sort_by_key(|version| Reverse(version.version));
        Ok(versions)
    }

    /// Says which settings have another value than when they were last read, and who changed them when, as
    /// far as Parameter Store still knows.
    async fn log_changes(&self, before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) {
        for name in NAMES {
            let (was, is) = (before.get(name), now.get(name));
            if was == is {
                continue;
            }
            let newest = match self.history(name).await {
                Ok(versions) => versions.into_iter().next(),
                // It was removed, and its history with it.
                Err(error) if error.kind == Kind::NotFound => None,
                Err(error) => {
                    tracing::warn!("who changed the setting {name} is not known: {error}");
                    None
                }
            };
            let by = newest.as_ref().and_then(|version| version.last_modified_user()).unwrap_or("unknown");
            let at =
                newest.as_ref().and_then(|version| version.last_modified_date()).map(ToString::to_string);
            let at = at.unwrap_or_else(|| "unknown".to_owned());
            let cut = |value: Option<&String>| {
                value.map_or_else(|| "not set".to_owned(), |value| value.chars().take(100).collect())
            };
            tracing::info!(setting = name, was = cut(was), is = cut(is), by, at, "a setting was changed");
        }
    }
}
