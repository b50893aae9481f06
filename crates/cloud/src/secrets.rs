//! The secrets in SSM Parameter Store, SecureStrings in a folder of their own beside the settings.
//!
//! It reads those that it is asked for by name and no others, so that a function can be allowed those
//! alone. It must never log a value.

use std::collections::BTreeMap;

use aws_config::SdkConfig;

use crate::Error;

/// Reads secrets.
#[derive(Debug, Clone)]
pub struct Secrets {
    client: aws_sdk_ssm::Client,
    path: String,
}

impl Secrets {
    /// The secrets beside the settings under `path`, such as `/nightkeep`.
    pub fn new(shared: &SdkConfig, path: impl Into<String>) -> Self {
        Self { client: aws_sdk_ssm::Client::new(shared), path: path.into() }
    }

    /// The secrets of these names, decrypted, by one request; those that are not there are not in it.
    /// At most ten names.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn read(&self, names: &[&str]) -> Result<BTreeMap<String, String>, Error> {
        let doing = format!("reading the secrets {} under {}", names.join(", "), self.folder());
        let answer = self
            .client
            .get_parameters()
            .set_names(Some(names.iter().map(|name| self.place(name)).collect()))
            .with_decryption(true)
            .send()
            .await
            .map_err(|error| Error::of(doing, error))?;
        let found = answer.parameters.unwrap_or_default().into_iter();
        let short = |name: String| name.rsplit('/').next().unwrap_or(&name).to_owned();
        Ok(found.filter_map(|parameter| Some((short(parameter.name?), parameter.value?))).collect())
    }

    /// Where the secret of this name is.
    pub fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.folder())
    }

    fn folder(&self) -> String {
        format!("{}/secrets", self.path)
    }
}
