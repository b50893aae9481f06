//! Whatever the scheduler and the settings do: no date twice, and none left out while its window was open.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date};
use proptest::{collection::vec, prelude::*};

use super::{Console, at};
use crate::{
    operation::Kind,
    schedule::{Nightly, REMEMBERED},
    settings::Settings,
};

/// What may happen between two looks.
#[derive(Debug, Clone)]
enum Event {
    /// Time goes by, and ticks are missing.
    Pass { minutes: i64 },
    /// A tick comes late: with a clock behind by so much.
    Late { minutes: i64 },
    /// The same tick comes again.
    Again,
    /// The clock is set back by so much, and stays so.
    SetBack { minutes: i64 },
    /// A setting is changed.
    Set(&'static str, String),
    /// An operation begins, if none is in progress.
    Begin,
    /// The operation in progress ends.
    End,
}

fn event() -> impl Strategy<Value = Event> {
    let quarter = (0..24_u32, prop::sample::select(vec![0_u32, 15, 30, 45]));
    let zone = prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Pacific/Auckland",
        "Pacific/Honolulu",
    ]);
    prop_oneof![
        6 => (1..2_000_i64).prop_map(|minutes| Event::Pass { minutes }),
        2 => (0..=10_i64).prop_map(|minutes| Event::Late { minutes }),
        2 => Just(Event::Again),
        1 => (1..5_000_i64).prop_map(|minutes| Event::SetBack { minutes }),
        1 => quarter.prop_map(|(hour, minute)| Event::Set("backup-time", format!("{hour:02}:{minute:02}"))),
        1 => zone.prop_map(|zone| Event::Set("time-zone", zone.to_owned())),
        1 => (1..=20_i64).prop_map(|hours| Event::Set("catch-up-hours", hours.to_string())),
        1 => prop::bool::ANY.prop_map(|on| Event::Set("nightly", if on { "on" } else { "off" }.to_owned())),
        1 => Just(Event::Begin),
        2 => Just(Event::End),
    ]
}

/// The dates whose windows are open, found by looking at a clock on the wall every quarter of an hour.
fn open(nightly: &Nightly, now: Timestamp) -> Vec<Date> {
    let quarter = SignedDuration::from_mins(15);
    let today = nightly.zone.to_datetime(now).date();
    let opens = |date: Date| {
        let first = date.to_zoned(nightly.zone.clone()).unwrap();
        if first.date() != date {
            return None;
        }
        let mut moment = first.timestamp();
        while nightly.zone.to_datetime(moment) < date.to_datetime(nightly.time) {
            moment += quarter;
        }
        Some(moment)
    };
    [-2, -1, 0, 1]
        .into_iter()
        .map(|days: i32| today.saturating_add(days.days()))
        .filter(|date| opens(*date).is_some_and(|opens| opens <= now && now < opens + nightly.catch_up))
        .collect()
}

fn live(events: &[Event]) -> Result<(), TestCaseError> {
    let mut settings = Settings::default();
    let mut console = Console::default();
    let mut now = at("2011-11-20T00:00:00Z");
    for event in events {
        let mut seen = now;
        match event {
            Event::Pass { minutes } => {
                now += SignedDuration::from_mins(*minutes);
                seen = now;
            }
            Event::Late { minutes } => seen = now - SignedDuration::from_mins(*minutes),
            Event::Again => {}
            Event::SetBack { minutes } => {
                now -= SignedDuration::from_mins(*minutes);
                seen = now;
            }
            Event::Set(name, value) => settings.set(name, value).unwrap(),
            Event::Begin if console.state.operation.is_none() => console.put_in_the_way(Kind::Restore, now),
            Event::Begin => {}
            Event::End => console.state.operation = None,
        }
        console.tick(&settings.nightly, seen);
        if settings.nightly.on && console.state.operation.is_none() {
            for date in open(&settings.nightly, seen) {
                let done =
                    console.begun.iter().any(|(begun, _)| *begun == date) || console.missed.contains(&date);
                prop_assert!(done, "{date} did not run at {seen} under {:?}", settings.nightly);
            }
        }
    }
    let dates: Vec<Date> =
        console.begun.iter().map(|(date, _)| *date).chain(console.missed.iter().copied()).collect();
    let distinct: BTreeSet<Date> = dates.iter().copied().collect();
    prop_assert_eq!(dates.len(), distinct.len(), "a date twice: {:?}", dates);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s07_no_date_twice_and_none_left_out_whatever_happens(events in vec(event(), 1..120)) {
        live(&events)?;
    }
}

#[test]
fn a_clock_that_was_far_ahead_for_a_while_does_not_stop_the_nights_that_follow() {
    let nightly = Settings::default().nightly;
    let mut console = Console::default();
    let run = |console: &mut Console, first: &str, nights: usize| {
        let first = at(first);
        for night in 0..nights {
            console.tick(&nightly, first + SignedDuration::from_hours(24 * i64::try_from(night).unwrap()));
        }
    };
    run(&mut console, "2036-01-01T02:00:00Z", 2 * REMEMBERED);
    run(&mut console, "2026-01-01T02:00:00Z", 2 * REMEMBERED);
    assert_eq!(console.begun.len(), 4 * REMEMBERED);
}
