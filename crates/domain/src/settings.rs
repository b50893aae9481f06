//! What an operator can set. Each setting has a default and bounds; a wrong value is named and the last
//! good one stays in force, so that a slip in a setting never stops a backup.

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::{
    SignedDuration,
    civil::Time,
    tz::{TimeZone, TimeZoneDatabase},
};

use crate::{application::Application, retention::Retention, schedule::Nightly};

/// The time zones' rules, built in.
static TIME_ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The longest maintenance message, in characters.
const LONGEST_MESSAGE: usize = 1000;

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The application's description, TOML. Empty if there is none yet.
    pub application: String,
    /// When backups run by themselves.
    pub nightly: Nightly,
    /// How long records and what is behind them are kept.
    pub retention: Retention,
    /// What the application tells its users while it is under maintenance.
    pub maintenance_message: String,
    /// Seconds that the agent waits after maintenance went on before it touches data.
    pub settle_seconds: u64,
    /// Hours that a stage may take before it is stopped.
    pub longest_stage_hours: u64,
    /// The services that a restart replaces; all of the cluster if it is empty.
    pub services: Vec<String>,
    /// Hours that a session lasts from its sign-in on.
    pub session_hours: u64,
    /// Minutes that a session lasts without a request.
    pub session_idle_minutes: u64,
}

/// A setting with a value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the setting “{name}” is “{value}”, but it has to be {expected}; “{in_force}” stays in force")]
pub struct WrongSetting {
    /// Its name.
    pub name: &'static str,
    /// What it was set to, its first 100 characters.
    pub value: String,
    /// What it has to be.
    pub expected: String,
    /// What is in force instead, its first 100 characters.
    pub in_force: String,
}

/// The names of all settings.
pub const NAMES: [&str; 13] = [
    "application",
    "backup-time",
    "time-zone",
    "nightly",
    "catch-up-hours",
    "retention-days",
    "keep-newest",
    "maintenance-message",
    "settle-seconds",
    "longest-stage-hours",
    "services",
    "session-hours",
    "session-idle-minutes",
];

impl Default for Settings {
    fn default() -> Self {
        Self {
            application: String::new(),
            nightly: Nightly {
                on: true,
                time: Time::constant(2, 0, 0, 0),
                zone: TimeZone::UTC,
                catch_up: SignedDuration::from_hours(4),
            },
            retention: Retention { days: 60, keep_newest: 0 },
            maintenance_message: "We are looking after our data and will be back in a few minutes."
                .to_owned(),
            settle_seconds: 5,
            longest_stage_hours: 6,
            services: Vec::new(),
            session_hours: 8,
            session_idle_minutes: 60,
        }
    }
}

impl Settings {
    /// Reads settings from their names and values. `earlier` holds, for a name whose value cannot be used,
    /// the values that it had before, newest first: the first that can be used stays in force, else the
    /// default. Names that are not known are ignored: they may belong to a newer version.
    ///
    /// Returns what is in force, and what could not be used.
    pub fn parse(
        values: &BTreeMap<String, String>,
        earlier: &BTreeMap<String, Vec<String>>,
    ) -> (Self, Vec<WrongSetting>) {
        let mut settings = Self::default();
        let mut wrong = Vec::new();
        for name in NAMES {
            let Some(value) = values.get(name) else { continue };
            let Err(expected) = settings.set(name, value) else { continue };
            let mut before = earlier.get(name).into_iter().flatten();
            // If none of them fits, the default is left as it is.
            before.any(|value| settings.set(name, value).is_ok());
            let in_force = cut(&settings.text(name));
            wrong.push(WrongSetting { name, value: cut(value), expected, in_force });
        }
        (settings, wrong)
    }

    /// Sets one setting, or says what its value has to be.
    ///
    /// # Errors
    /// What the value has to be, if it is something else or nothing has this name.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let value = value.trim();
        match name {
            "application" => {
                Application::parse(value)
                    .map_err(|error| format!("a description of the application: {error}"))?;
                value.clone_into(&mut self.application);
            }
            "backup-time" => self.nightly.time = time_of_day(value)?,
            "time-zone" => {
                self.nightly.zone = TIME_ZONES.get(value).map_err(|_| {
                    "the name of a time zone such as UTC, Europe/Berlin or America/New_York".to_owned()
                })?;
            }
            "nightly" => {
                self.nightly.on = match value {
                    "on" => true,
                    "off" => false,
                    _ => return Err("on or off".to_owned()),
                };
            }
            "catch-up-hours" => {
                let hours = whole_number(value, 1, 20)?;
                self.nightly.catch_up = SignedDuration::from_hours(i64::try_from(hours).unwrap_or(20));
            }
            "retention-days" => self.retention.days = whole_number(value, 1, 3650)?,
            "keep-newest" => self.retention.keep_newest = whole_number(value, 0, 1000)?,
            "maintenance-message" => {
                if value.is_empty() || value.chars().count() > LONGEST_MESSAGE {
                    return Err(format!("a text of 1 to {LONGEST_MESSAGE} characters"));
                }
                value.clone_into(&mut self.maintenance_message);
            }
            "settle-seconds" => self.settle_seconds = whole_number(value, 0, 300)?,
            "longest-stage-hours" => self.longest_stage_hours = whole_number(value, 1, 48)?,
            "services" => {
                let names = value.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "all");
                self.services = names.map(str::to_owned).collect();
            }
            "session-hours" => self.session_hours = whole_number(value, 1, 24)?,
            "session-idle-minutes" => self.session_idle_minutes = whole_number(value, 5, 480)?,
            _ => return Err(format!("one of {}", NAMES.join(", "))),
        }
        Ok(())
    }

    /// A setting as it would be written.
    pub fn text(&self, name: &str) -> String {
        let Nightly { on, time, zone, catch_up } = &self.nightly;
        match name {
            "application" => self.application.clone(),
            "backup-time" => time.strftime("%H:%M").to_string(),
            "time-zone" => zone.iana_name().unwrap_or("UTC").to_owned(),
            "nightly" => if *on { "on" } else { "off" }.to_owned(),
            "catch-up-hours" => catch_up.as_hours().to_string(),
            "retention-days" => self.retention.days.to_string(),
            "keep-newest" => self.retention.keep_newest.to_string(),
            "maintenance-message" => self.maintenance_message.clone(),
            "settle-seconds" => self.settle_seconds.to_string(),
            "longest-stage-hours" => self.longest_stage_hours.to_string(),
            "services" if self.services.is_empty() => "all".to_owned(),
            "services" => self.services.join(", "),
            "session-hours" => self.session_hours.to_string(),
            "session-idle-minutes" => self.session_idle_minutes.to_string(),
            _ => String::new(),
        }
    }
}

fn whole_number(value: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("a whole number from {least} to {most}"))
}

/// Hours and minutes, as on a 24-hour clock.
fn time_of_day(value: &str) -> Result<Time, String> {
    let read = || {
        let (hour, minute) = value.split_once(':')?;
        let digits = |text: &str| text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(hour) || !digits(minute) || minute.len() != 2 {
            return None;
        }
        Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
    };
    read().ok_or_else(|| "a time of day from 00:00 to 23:59".to_owned())
}

fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever somebody types: it is taken, or it is refused, said why, and nothing has changed.
        #[test]
        fn any_value_is_taken_or_refused(name in proptest::sample::select(&NAMES[..]), value in "\\PC{0,40}|[0-9:/_A-Za-z -]{0,20}|-?[0-9]{1,30}") {
            let mut settings = Settings::default();
            match settings.set(name, &value) {
                Ok(()) => {
                    let mut again = settings.clone();
                    prop_assert_eq!(again.set(name, &value), Ok(()));
                    prop_assert_eq!(again, settings);
                }
                Err(expected) => {
                    prop_assert!(!expected.is_empty());
                    prop_assert_eq!(settings, Settings::default());
                }
            }
        }
    }

    fn parsed(name: &str, value: &str, earlier: &[&str]) -> (Settings, Vec<WrongSetting>) {
        let values = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let earlier = earlier.iter().copied().map(str::to_owned).collect();
        Settings::parse(&values, &BTreeMap::from([(name.to_owned(), earlier)]))
    }

    #[test]
    fn a_wrong_setting_is_named_and_the_default_stays_in_force() {
        let (settings, wrong) = parsed("settle-seconds", "soon", &[]);
        assert_eq!(settings, Settings::default());
        assert_eq!(
            wrong[0].to_string(),
            "the setting “settle-seconds” is “soon”, but it has to be a whole number from 0 to 300; “5” stays in force"
        );
    }

    #[test]
    fn the_last_good_value_stays_in_force_rather_than_the_default() {
        let (settings, wrong) = parsed("retention-days", "-1", &["a year", "365", "30"]);
        assert_eq!(settings.retention.days, 365);
        assert_eq!((wrong[0].value.as_str(), wrong[0].in_force.as_str()), ("-1", "365"));
    }

    #[test]
    fn every_setting_has_a_default_that_fits_and_bounds() {
        let cases: [(&str, &[&str], &[&str]); 12] = [
            (
                "backup-time",
                &["00:00", "2:30", "23:59"],
                &["24:00", "12:60", "2", "2:3", "+2:30", "02:30:00", ""],
            ),
            (
                "time-zone",
                &["UTC", "Europe/Berlin", "Australia/Lord_Howe"],
                &["Berlin", "+02:00", "CEST2", ""],
            ),
            ("nightly", &["on", "off"], &["yes", "On", ""]),
            ("catch-up-hours", &["1", "20"], &["0", "21", "4.5"]),
            ("retention-days", &["1", "3650"], &["0", "3651", "-1", "sixty"]),
            ("keep-newest", &["0", "1000"], &["-1", "1001"]),
            ("maintenance-message", &["Back soon."], &["", &"x".repeat(1001)]),
            ("settle-seconds", &["0", "300"], &["301", "5s"]),
            ("longest-stage-hours", &["1", "48"], &["0", "49"]),
            ("services", &["all", "web", "web, api"], &[]),
            ("session-hours", &["1", "24"], &["0", "25"]),
            ("session-idle-minutes", &["5", "480"], &["4", "481"]),
        ];
        for (name, good, bad) in cases {
            assert!(NAMES.contains(&name));
            let default = Settings::default().text(name);
            assert_eq!(parsed(name, &default, &[]), (Settings::default(), vec![]), "{name}");
            for value in good {
                let (settings, wrong) = parsed(name, value, &[]);
                assert_eq!(wrong, vec![], "{name} {value}");
                assert_eq!(settings.text(name).trim_start_matches('0'), value.trim_start_matches('0'));
            }
            for value in bad {
                let (settings, wrong) = parsed(name, value, &[]);
                assert_eq!(settings, Settings::default());
                assert_eq!(wrong[0].name, name, "{value}");
            }
        }
    }

    #[test]
    fn a_name_of_a_newer_version_is_ignored() {
        assert_eq!(parsed("of-tomorrow", "1", &[]), (Settings::default(), vec![]));
    }
}
