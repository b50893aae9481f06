//! What an operator can set. Each setting has a default and bounds; a wrong value is named and the
//! default stays in force, so that a slip in a setting never stops a backup.

use std::collections::BTreeMap;

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The application's description, TOML. Empty if there is none yet.
    pub application: String,
    /// What the application tells its users while it is under maintenance.
    pub maintenance_message: String,
    /// Seconds that the agent waits after maintenance went on before it touches data.
    pub settle_seconds: u64,
    /// Seconds that a stage may take before it is stopped.
    pub longest_stage_seconds: u64,
    /// Days that records and what is behind them are kept.
    pub retention_days: u64,
    /// The services that a restart replaces; all of the cluster if it is empty.
    pub services: Vec<String>,
}

/// A setting with a value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the setting “{name}” is “{value}”, but it has to be {expected}; {default} stays in force")]
pub struct WrongSetting {
    /// Its name.
    pub name: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it has to be.
    pub expected: String,
    /// What is in force instead.
    pub default: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            application: String::new(),
            maintenance_message: "We are looking after our data and will be back in a few minutes."
                .to_owned(),
            settle_seconds: 5,
            longest_stage_seconds: 6 * 3600,
            retention_days: 60,
            services: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads settings from their names and values. Names that are not known are ignored: they may
    /// belong to a newer version. Returns what is in force, and what could not be used.
    pub fn parse(values: &BTreeMap<String, String>) -> (Self, Vec<WrongSetting>) {
        let mut settings = Self::default();
        let mut wrong = Vec::new();
        if let Some(text) = values.get("application") {
            settings.application.clone_from(text);
        }
        if let Some(text) = values.get("maintenance-message") {
            settings.maintenance_message = text.chars().take(1000).collect();
        }
        if let Some(text) = values.get("services") {
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            settings.services = names.map(str::to_owned).collect();
        }
        let mut number = |name: &'static str, least: u64, most: u64, factor: u64, into: &mut u64| {
            let Some(value) = values.get(name) else { return };
            match value.trim().parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => *into = number * factor,
                Ok(_) | Err(_) => wrong.push(WrongSetting {
                    name,
                    value: value.chars().take(100).collect(),
                    expected: format!("a whole number from {least} to {most}"),
                    default: (*into / factor).to_string(),
                }),
            }
        };
        number("settle-seconds", 0, 300, 1, &mut settings.settle_seconds);
        number("longest-stage-hours", 1, 48, 3600, &mut settings.longest_stage_seconds);
        number("retention-days", 1, 3650, 1, &mut settings.retention_days);
        (settings, wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_setting_is_named_and_the_default_stays_in_force() {
        let values = BTreeMap::from([
            ("settle-seconds".to_owned(), "soon".to_owned()),
            ("longest-stage-hours".to_owned(), "2".to_owned()),
            ("unknown".to_owned(), "1".to_owned()),
        ]);
        let (settings, wrong) = Settings::parse(&values);
        assert_eq!(settings.settle_seconds, 5);
        assert_eq!(settings.longest_stage_seconds, 7200);
        assert_eq!(wrong.len(), 1);
        assert_eq!(
            wrong[0].to_string(),
            "the setting “settle-seconds” is “soon”, but it has to be a whole number from 0 to 300; 5 stays in force"
        );
    }
}
