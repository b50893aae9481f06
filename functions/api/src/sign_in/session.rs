//! A session: who signed in, what they may do, and until when, all of it in a sealed cookie. Nothing of
//! it is kept here, so every function that has the key can read it.
//!
//! It must never outlive its absolute end, however often it is renewed.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::person::Person;

/// How long the same cookie is used before the answer carries a new one with a later idle end.
const RENEW_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// How long a session lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the sign-in on, whatever happens.
    pub(crate) absolute: SignedDuration,
    /// Without a request.
    pub(crate) idle: SignedDuration,
}

/// A session, as it is sealed into its cookie. The limits were decided when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) person: Person,
    /// When they signed in.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    began_at: Timestamp,
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    ends_at: Timestamp,
    /// When this cookie was made.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    seen_at: Timestamp,
    idle_seconds: u32,
}

impl Session {
    pub(crate) fn begin(person: Person, limits: Limits, now: Timestamp) -> Self {
        Self {
            person,
            began_at: now,
            ends_at: later(now, limits.absolute),
            seen_at: now,
            idle_seconds: limits.idle.as_secs().try_into().unwrap_or(u32::MAX),
        }
    }

    /// Whether it has neither come to its end nor been idle for too long, nor been signed out of: a
    /// browser that has signed out at `ended_at` may still be sent a renewed cookie by an answer that was
    /// under way at that moment.
    pub(crate) fn stands(&self, ended_at: Option<Timestamp>, now: Timestamp) -> bool {
        let idle = SignedDuration::from_secs(self.idle_seconds.into());
        now < self.ends_at
            && now < later(self.seen_at, idle)
            && ended_at.is_none_or(|ended_at| self.began_at.as_second() > ended_at.as_second())
    }

    /// The session for a new cookie, if it is time for one.
    pub(crate) fn renewed(&self, now: Timestamp) -> Option<Self> {
        (now >= later(self.seen_at, RENEW_AFTER)).then(|| Self { seen_at: now, ..self.clone() })
    }

    /// Seconds until its absolute end.
    pub(crate) fn rest(&self, now: Timestamp) -> i64 {
        self.ends_at.duration_since(now).as_secs().max(0)
    }
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::Role;

    const LIMITS: Limits =
        Limits { absolute: SignedDuration::from_hours(8), idle: SignedDuration::from_mins(60) };

    fn at(minute: i64) -> Timestamp {
        "2026-11-24T08:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
    }

    fn session() -> Session {
        let person = Person { id: "1".to_owned(), name: "Maya".to_owned(), role: Some(Role::Operator) };
        Session::begin(person, LIMITS, at(0))
    }

    #[test]
    fn a_session_ends_after_an_hour_without_a_request() {
        assert!(session().stands(None, at(59)));
        assert!(!session().stands(None, at(60)));
    }

    #[test]
    fn a_session_ends_after_eight_hours_however_often_it_is_renewed() {
        let mut session = session();
        for minute in 1..480 {
            assert!(session.stands(None, at(minute)), "minute {minute}");
            session = session.renewed(at(minute)).unwrap();
        }
        assert!(!session.stands(None, at(480)));
    }

    #[test]
    fn a_session_is_renewed_once_a_minute_at_most() {
        let just_before = at(1) - SignedDuration::from_secs(1);
        assert_eq!(session().renewed(just_before), None);
        assert!(session().renewed(at(1)).is_some());
    }

    #[test]
    fn a_session_that_was_signed_out_of_stays_so_even_if_a_late_answer_renews_it() {
        let renewed = session().renewed(at(5)).unwrap();
        assert!(!renewed.stands(Some(at(4)), at(5)));
        assert!(renewed.stands(Some(at(-1)), at(5)), "an earlier sign-out says nothing about it");
    }
}
