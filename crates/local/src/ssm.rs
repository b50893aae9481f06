//! The SSM endpoint: Parameter Store's calls that Nightkeep and its operators make.
//!
//! It must never give a SecureString's value to who did not ask for decryption, nor acknowledge a
//! parameter that is not on disk.

mod store;

use std::sync::Mutex;

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub use self::store::Store;
use self::store::{Kind, Version};
use crate::endpoint::{Protocol, Refusal, Service};

/// The most parameters in one page, and the page's size unless the caller says otherwise.
const PAGE: usize = 10;

/// The longest value of the standard and of the advanced tier, in bytes.
const LONGEST_STANDARD: usize = 4096;
const LONGEST_ADVANCED: usize = 8192;

/// What stands for a SecureString's value where decryption was not asked for.
const SEALED: &str = "encrypted: ask with decryption to read this value";

/// Parameter Store.
#[derive(Debug)]
pub struct Ssm {
    store: Mutex<Store>,
    region: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutParameter {
    name: String,
    value: String,
    #[serde(rename = "Type")]
    kind: Option<Kind>,
    #[serde(default)]
    overwrite: bool,
    tier: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameter {
    name: String,
    #[serde(default)]
    with_decryption: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameters {
    names: Vec<String>,
    #[serde(default)]
    with_decryption: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParametersByPath {
    path: String,
    #[serde(default)]
    recursive: bool,
    #[serde(default)]
    with_decryption: bool,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteParameter {
    name: String,
}

impl Ssm {
    /// Parameter Store over what `store` holds.
    pub fn new(store: Store, region: impl Into<String>) -> Self {
        Self { store: Mutex::new(store), region: region.into() }
    }

    /// Sets a text that operators see.
    ///
    /// # Errors
    /// If it cannot be written to disk.
    pub fn set(&self, name: &str, value: &str) -> anyhow::Result<()> {
        self.put(name, value, Kind::String)
    }

    /// Sets a secret.
    ///
    /// # Errors
    /// If it cannot be written to disk.
    pub fn set_secret(&self, name: &str, value: &str) -> anyhow::Result<()> {
        self.put(name, value, Kind::SecureString)
    }

    /// The value of a parameter, a secret's too.
    pub fn value(&self, name: &str) -> Option<String> {
        self.lock().get(name).map(|parameter| parameter.now.value.clone())
    }

    fn put(&self, name: &str, value: &str, kind: Kind) -> anyhow::Result<()> {
        let mut store = self.lock();
        if store.get(name).is_some_and(|there| there.now.value == value && there.now.kind == kind) {
            return Ok(());
        }
        store.put(name, value.to_owned(), kind, Timestamp::now()).map(|_| ())
    }

    fn put_parameter(&self, request: PutParameter) -> Result<Value, Refusal> {
        let PutParameter { name, value, kind, overwrite, tier } = request;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
        if name.is_empty() || !name.chars().all(fits) || (name.contains('/') && !name.starts_with('/')) {
            let why =
                "a parameter’s name consists of letters, digits and .-_, and a path of them begins with /";
            return Err(invalid(why));
        }
        let longest =
            if tier.is_none_or(|tier| tier == "Standard") { LONGEST_STANDARD } else { LONGEST_ADVANCED };
        if value.is_empty() || value.len() > longest {
            return Err(invalid(&format!("a parameter’s value has 1 to {longest} bytes in this tier")));
        }
        let mut store = self.lock();
        let kind = match (store.get(&name), kind) {
            (Some(_), _) if !overwrite => {
                let why = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
                return Err(Refusal::new("ParameterAlreadyExists", why));
            }
            (_, Some(kind)) => kind,
            (Some(there), None) => there.now.kind,
            (None, None) => return Err(invalid("A parameter type is required when you create a parameter.")),
        };
        let version = store
            .put(&name, value, kind, Timestamp::now())
            .map_err(|error| Refusal::internal("InternalServerError", &error))?;
        Ok(
            json!({ "Version": version, "Tier": if longest == LONGEST_STANDARD { "Standard" } else { "Advanced" } }),
        )
    }

    fn get_parameter(&self, request: &GetParameter) -> Result<Value, Refusal> {
        let store = self.lock();
        let found = store.get(&request.name).ok_or_else(not_found)?;
        Ok(json!({ "Parameter": self.show(&request.name, &found.now, request.with_decryption) }))
    }

    fn get_parameters(&self, request: &GetParameters) -> Result<Value, Refusal> {
        if request.names.is_empty() || request.names.len() > PAGE {
            return Err(invalid("1 to 10 names can be asked for at once"));
        }
        let store = self.lock();
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        for name in &request.names {
            match store.get(name) {
                Some(parameter) => found.push(self.show(name, &parameter.now, request.with_decryption)),
                None => invalid.push(name),
            }
        }
        Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
    }

    fn get_parameters_by_path(&self, request: &GetParametersByPath) -> Result<Value, Refusal> {
        let page = request.max_results.unwrap_or(PAGE);
        if !request.path.starts_with('/') || !(1..=PAGE).contains(&page) {
            return Err(invalid("the path has to begin with /, and a page has 1 to 10 parameters"));
        }
        let folder = format!("{}/", request.path.trim_end_matches('/'));
        let store = self.lock();
        let below = |name: &str| {
            name.strip_prefix(&folder).is_some_and(|rest| request.recursive || !rest.contains('/'))
        };
        // The token is the last name of the page before: names are in order, whatever came or went since.
        let after = |name: &str| request.next_token.as_deref().is_none_or(|last| name > last);
        let mut found: Vec<_> =
            store.all().filter(|(name, _)| below(name) && after(name)).take(page + 1).collect();
        let next = (found.len() > page).then(|| found[page - 1].0.to_owned());
        found.truncate(page);
        let shown: Vec<Value> = found
            .iter()
            .map(|(name, parameter)| self.show(name, &parameter.now, request.with_decryption))
            .collect();
        let mut answer = json!({ "Parameters": shown });
        if let Some(next) = next {
            answer["NextToken"] = Value::from(next);
        }
        Ok(answer)
    }

    /// A parameter's versions, oldest first. Nothing here has so many that it would take two pages.
    fn get_parameter_history(&self, request: &GetParameter) -> Result<Value, Refusal> {
        let store = self.lock();
        let found = store.get(&request.name).ok_or_else(not_found)?;
        let versions = found.earlier.iter().chain([&found.now]);
        let shown: Vec<Value> =
            versions.map(|version| self.show(&request.name, version, request.with_decryption)).collect();
        Ok(json!({ "Parameters": shown }))
    }

    fn delete_parameter(&self, request: &DeleteParameter) -> Result<Value, Refusal> {
        let gone = self.lock().remove(&request.name);
        match gone.map_err(|error| Refusal::internal("InternalServerError", &error))? {
            true => Ok(json!({})),
            false => Err(not_found()),
        }
    }

    fn show(&self, name: &str, parameter: &Version, decrypted: bool) -> Value {
        let sealed = parameter.kind == Kind::SecureString && !decrypted;
        json!({
            "Name": name,
            "Type": parameter.kind,
            "Value": if sealed { SEALED } else { &parameter.value },
            "Version": parameter.version,
            "LastModifiedDate": parameter.changed_at.as_millisecond() as f64 / 1000.0,
            "LastModifiedUser": "arn:aws:iam::000000000000:root",
            "ARN": format!("arn:aws:ssm:{}:000000000000:parameter/{}", self.region, name.trim_start_matches('/')),
            "DataType": "text",
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Store> {
        // Every change is made to a copy and then put in place: what a panic left is whole.
        self.store.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Service for Ssm {
    const PROTOCOL: Protocol =
        Protocol { service: "ssm", target: "AmazonSSM", media_type: "application/x-amz-json-1.1" };

    fn call(&self, operation: &str, body: &[u8]) -> Result<String, Refusal> {
        let answer = match operation {
            "PutParameter" => self.put_parameter(read(body)?),
            "GetParameter" => self.get_parameter(&read(body)?),
            "GetParameters" => self.get_parameters(&read(body)?),
            "GetParameterHistory" => self.get_parameter_history(&read(body)?),
            "GetParametersByPath" => self.get_parameters_by_path(&read(body)?),
            "DeleteParameter" => self.delete_parameter(&read(body)?),
            other => Err(Refusal::unknown(other)),
        };
        answer.map(|answer| answer.to_string())
    }
}

fn read<Q: DeserializeOwned>(body: &[u8]) -> Result<Q, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

fn invalid(why: &str) -> Refusal {
    Refusal::new("ValidationException", why)
}

fn not_found() -> Refusal {
    Refusal::new("ParameterNotFound", "there is no parameter of this name")
}
