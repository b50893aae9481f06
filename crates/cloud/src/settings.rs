//! The settings in SSM Parameter Store, all under one path.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_ssm::types::ParameterType;
use nightkeep_domain::settings::Settings;

use crate::{Error, Kind};

/// Reads the settings. Secrets live under the same path in a folder of their own, which this never
/// reads.
#[derive(Debug, Clone)]
pub struct SettingsStore {
    client: aws_sdk_ssm::Client,
    path: String,
}

impl SettingsStore {
    /// The settings under `path`, such as `/nightkeep`.
    pub fn new(shared: &SdkConfig, path: impl Into<String>) -> Self {
        Self { client: aws_sdk_ssm::Client::new(shared), path: path.into() }
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

    /// What is in force. Values that cannot be used are logged and replaced by their defaults.
    ///
    /// # Errors
    /// If the parameters cannot be read.
    pub async fn load(&self) -> Result<Settings, Error> {
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
        let (settings, wrong) = Settings::parse(&values);
        for wrong in wrong {
            tracing::warn!(setting = wrong.name, "{wrong}");
        }
        Ok(settings)
    }
}
