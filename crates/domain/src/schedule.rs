//! The nights: which one's backup is due, which one could not run, when a purge is due.
//!
//! A night is a date in the configured time zone. It is due from its time until its window closes, and it
//! runs once: a date that is remembered is never due again, whatever the clock or the settings say.

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time},
    tz::{AmbiguousOffset, TimeZone},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    cause::Cause,
    failure::Failure,
    identifier::OperationId,
    operation::{Kind, Operation},
    state::State,
};

/// Who the nightly backup and the purge are requested by.
pub const REQUESTED_BY: &str = "Nightkeep";

/// How many nights are remembered. A clock that is set back by less finds no night twice.
pub const REMEMBERED: usize = 14;

/// When backups run by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nightly {
    /// Whether they do.
    pub on: bool,
    /// At which local time.
    pub time: Time,
    /// Where that is the local time.
    pub zone: TimeZone,
    /// How long after its time a night may still begin. Less than a day, so that two nights never meet.
    pub catch_up: SignedDuration,
}

/// What is known of the nights and of the last success.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// When the newest successful backup was finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_at: Option<Timestamp>,
    /// The last nights that were begun or given up, newest last, [`REMEMBERED`] at most.
    #[serde(default)]
    pub nights: Vec<Night>,
    /// The night that waits for the operation in progress to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// The last night after which it was looked for what has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged: Option<Date>,
    /// Whether a failed backup may have left snapshots, or a failed purge records, for the next purge.
    #[serde(default)]
    pub sweep: bool,
}

/// A night of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Night {
    /// The local date.
    pub date: Date,
    /// How it went.
    pub outcome: NightOutcome,
}

/// How a night went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NightOutcome {
    /// Its backup is in progress.
    InProgress,
    /// It succeeded.
    Success,
    /// It failed, or could not begin in time.
    Failed,
    /// Nobody tried: it was switched off, or the scheduler did not run.
    None,
}

/// A night that found an operation in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The night.
    pub date: Date,
    /// The operation that was in progress when it last tried.
    pub operation: OperationId,
    /// What that does.
    pub kind: Kind,
    /// When that had begun.
    pub since: Timestamp,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// The backup of this night begins.
    Night(Date),
    /// An operation is in progress: it is noted that the night waits for it.
    Wait(Waiting),
    /// The window of the night that waited has closed: it gets a record that says so.
    Missed(Waiting, Failure),
    /// It is looked for what has expired, the first time after this night.
    Purge(Date),
}

/// The time in which a night may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    opens: Timestamp,
    closes: Timestamp,
}

impl Nightly {
    /// The window of a night, or none if its date does not exist: a zone that crosses the date line skips
    /// one. A time that the clocks skip is the first moment after; one that comes twice is the first.
    fn window(&self, date: Date) -> Option<Window> {
        if self.zone.to_zoned(date.at(0, 0, 0, 0)).ok()?.date() != date {
            return None;
        }
        let local = self.zone.to_ambiguous_timestamp(date.to_datetime(self.time));
        let opens = match local.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => local.compatible().ok()?,
            AmbiguousOffset::Gap { .. } => {
                let after = local.compatible().ok()?;
                let next = after.checked_add(SignedDuration::from_nanos(1)).ok()?;
                self.zone.preceding(next).next()?.timestamp()
            }
        };
        Some(Window { opens, closes: opens.checked_add(self.catch_up).ok()? })
    }

    /// The nights around a moment, in order, with their windows.
    fn around(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = (Date, Window)> {
        let today = self.zone.to_datetime(now).date();
        [-2, -1, 0, 1, 2]
            .map(|days: i32| today.checked_add(days.days()).ok())
            .into_iter()
            .flatten()
            .filter_map(|date| Some((date, self.window(date)?)))
    }

    /// When the next backup begins by itself, as far as nothing is in the way.
    pub fn next_at(&self, schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
        if !self.on {
            return None;
        }
        self.around(now)
            .filter(|(date, window)| now < window.closes && !schedule.remembers(*date))
            .map(|(_, window)| window.opens.max(now))
            .next()
    }

    /// The last nights whose time has come, oldest first, and how they went.
    pub fn last_nights(&self, schedule: &Schedule, now: Timestamp) -> Vec<Night> {
        let Some(first) = schedule.nights.iter().map(|night| night.date).min() else { return Vec::new() };
        let begun = |date: &Date| self.window(*date).is_some_and(|window| window.opens <= now);
        let today = self.zone.to_datetime(now).date();
        let mut date = today.checked_add(1.day()).unwrap_or(today);
        let mut nights = Vec::new();
        while nights.len() < REMEMBERED && date >= first {
            let known = schedule.nights.iter().find(|night| night.date == date);
            match known {
                Some(night) => nights.push(*night),
                None if begun(&date) => nights.push(Night { date, outcome: NightOutcome::None }),
                None => {}
            }
            let Ok(before) = date.checked_sub(1.day()) else { break };
            date = before;
        }
        nights.reverse();
        nights
    }

    /// The time of day at a moment, for people.
    fn clock(&self, at: Timestamp) -> String {
        let name = self.zone.iana_name().unwrap_or("UTC");
        format!("{} ({name})", at.to_zoned(self.zone.clone()).strftime("%H:%M"))
    }
}

impl Schedule {
    /// Whether the night of this date was begun, or given up.
    pub fn remembers(&self, date: Date) -> bool {
        self.nights.iter().any(|night| night.date == date)
    }

    /// The nights that are remembered once this one went as `outcome` says.
    pub fn with(&self, date: Date, outcome: NightOutcome) -> Vec<Night> {
        let mut nights = self.nights.clone();
        match nights.iter_mut().find(|night| night.date == date) {
            Some(night) => night.outcome = outcome,
            None => nights.push(Night { date, outcome }),
        }
        nights.drain(..nights.len().saturating_sub(REMEMBERED));
        nights
    }

    /// Whether the newest success is older than a day and a half.
    pub fn overdue(&self, now: Timestamp) -> bool {
        const DAY_AND_A_HALF: SignedDuration = SignedDuration::from_hours(36);
        self.last_success_at.is_some_and(|at| now.duration_since(at) > DAY_AND_A_HALF)
    }
}

/// What is due at `now`.
pub fn due(state: &State, nightly: &Nightly, now: Timestamp) -> Due {
    let schedule = &state.schedule;
    let mut pending = false;
    if nightly.on {
        if let Some(missed) = missed(schedule, nightly, now) {
            return missed;
        }
        let open = |(date, window): &(Date, Window)| {
            window.opens <= now && now < window.closes && !schedule.remembers(*date)
        };
        if let Some((date, _)) = nightly.around(now).find(open) {
            match &state.operation {
                None => return Due::Night(date),
                Some(operation) => {
                    let waiting = Waiting::of(date, operation);
                    if schedule.waiting.as_ref() != Some(&waiting) {
                        return Due::Wait(waiting);
                    }
                    pending = true;
                }
            }
        }
    }
    if pending || state.operation.is_some() {
        return Due::Nothing;
    }
    match nightly.around(now).rfind(|(_, window)| window.opens <= now) {
        Some((date, _)) if schedule.purged != Some(date) => Due::Purge(date),
        Some(_) | None => Due::Nothing,
    }
}

/// The night that waited, if its window has closed.
fn missed(schedule: &Schedule, nightly: &Nightly, now: Timestamp) -> Option<Due> {
    let waiting = schedule.waiting.clone().filter(|waiting| !schedule.remembers(waiting.date))?;
    let window = nightly.window(waiting.date)?;
    if now < window.closes {
        return None;
    }
    let cause = Cause::NightMissed {
        in_the_way: waiting.kind,
        since: nightly.clock(waiting.since),
        closed: nightly.clock(window.closes),
    };
    Some(Due::Missed(waiting, cause.failure_of_missed_night()))
}

impl Waiting {
    fn of(date: Date, operation: &Operation) -> Self {
        Self { date, operation: operation.id, kind: operation.kind, since: operation.started_at }
    }
}

#[cfg(test)]
mod tests;
