//! The nights: as tables, minute by minute through years, and as properties of anything that may happen.

mod anything;
mod years;

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{Due, NightOutcome, Nightly, due};
use crate::{
    identifier::{OperationId, RecordId},
    operation::{Kind, Operation},
    settings::Settings,
    state::State,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn nightly(time: &str, zone: &str) -> Nightly {
    let mut settings = Settings::default();
    settings.set("backup-time", time).unwrap();
    settings.set("time-zone", zone).unwrap();
    settings.nightly
}

/// A console whose operations end at once, unless one is put in the way.
#[derive(Default)]
struct Console {
    state: State,
    begun: Vec<(Date, Timestamp)>,
    missed: Vec<Date>,
    purged: Vec<Date>,
}

impl Console {
    /// What the scheduler does in a tick, without a table.
    fn tick(&mut self, nightly: &Nightly, now: Timestamp) {
        let schedule = |state: &mut State, date, outcome| {
            state.schedule.nights = state.schedule.with(date, outcome);
            state.schedule.waiting = None;
        };
        loop {
            match due(&self.state, nightly, now) {
                Due::Nothing => return,
                Due::Night(date) => {
                    self.begun.push((date, now));
                    schedule(&mut self.state, date, NightOutcome::Success);
                }
                Due::Wait(waiting) => self.state.schedule.waiting = Some(waiting),
                Due::Missed(waiting, _) => {
                    self.missed.push(waiting.date);
                    schedule(&mut self.state, waiting.date, NightOutcome::Failed);
                }
                Due::Purge(date) => {
                    self.purged.push(date);
                    self.state.schedule.purged = Some(date);
                }
            }
        }
    }

    fn put_in_the_way(&mut self, kind: Kind, since: Timestamp) {
        let id = OperationId::new(since, [1; 10]);
        let record = RecordId::new(since, [2; 10]);
        self.state.operation = Some(Operation::new(id, kind, record, "Maya".to_owned(), since));
    }
}

#[test]
fn r1_a_night_is_due_from_its_time_and_only_once() {
    let nightly = nightly("02:00", "UTC");
    let mut console = Console::default();
    console.tick(&nightly, at("2026-11-23T06:00:00Z"));
    assert_eq!(console.begun, [], "the window of before has closed");
    for now in
        ["2026-11-24T01:59:59Z", "2026-11-24T02:00:00Z", "2026-11-24T02:00:00Z", "2026-11-24T02:01:00Z"]
    {
        console.tick(&nightly, at(now));
    }
    assert_eq!(console.begun, [(day("2026-11-24"), at("2026-11-24T02:00:00Z"))]);
}

#[test]
fn s07_a_scheduler_that_was_down_runs_the_night_if_its_window_is_still_open() {
    let nightly = nightly("23:59", "UTC");
    let mut console = Console::default();
    console.tick(&nightly, at("2026-11-25T03:58:59Z"));
    assert_eq!(console.begun, [(day("2026-11-24"), at("2026-11-25T03:58:59Z"))]);
    console.tick(&nightly, at("2026-11-26T03:59:00Z"));
    assert_eq!(console.begun.len(), 1, "four hours later it has closed");
    let nights: Vec<_> = nightly
        .last_nights(&console.state.schedule, at("2026-11-26T12:00:00Z"))
        .into_iter()
        .map(|night| (night.date, night.outcome))
        .collect();
    let expected = [(day("2026-11-24"), NightOutcome::Success), (day("2026-11-25"), NightOutcome::None)];
    assert_eq!(nights, expected, "and the page shows that none ran");
}

#[test]
fn s04_a_night_waits_for_the_operation_in_progress_and_then_runs() {
    let nightly = nightly("02:00", "UTC");
    let mut console = Console::default();
    console.put_in_the_way(Kind::Restore, at("2026-11-24T01:30:00Z"));
    console.tick(&nightly, at("2026-11-24T02:00:00Z"));
    assert_eq!(console.begun, []);
    assert_eq!(console.state.schedule.waiting.as_ref().unwrap().kind, Kind::Restore);
    console.state.operation = None;
    console.tick(&nightly, at("2026-11-24T05:59:00Z"));
    assert_eq!(console.begun.len(), 1);
    console.tick(&nightly, at("2026-11-24T06:01:00Z"));
    assert_eq!(console.missed, []);
}

#[test]
fn s04_a_night_whose_window_closes_while_it_waits_is_given_up_with_the_reason() {
    let nightly = nightly("02:00", "Europe/Berlin");
    let mut console = Console::default();
    console.put_in_the_way(Kind::Restore, at("2026-11-24T00:30:00Z"));
    console.tick(&nightly, at("2026-11-24T01:00:00Z"));
    let Due::Missed(waiting, failure) = due(&console.state, &nightly, at("2026-11-24T05:00:00Z")) else {
        panic!("it was to be given up");
    };
    assert_eq!(waiting.date, day("2026-11-24"));
    assert_eq!(failure.code, "night_missed");
    assert_eq!(
        failure.happened,
        "Last night’s backup did not run: a restore that had begun at 01:30 (Europe/Berlin) was in the way when \
         its window closed at 06:00 (Europe/Berlin)."
    );
    console.tick(&nightly, at("2026-11-24T05:00:00Z"));
    console.tick(&nightly, at("2026-11-24T05:01:00Z"));
    assert_eq!(console.missed, [day("2026-11-24")], "once");
}

#[test]
fn a_purge_comes_after_the_nights_backup_and_once_a_day() {
    let on = nightly("02:00", "UTC");
    let mut console = Console::default();
    console.put_in_the_way(Kind::Restart, at("2026-11-24T01:59:00Z"));
    console.tick(&on, at("2026-11-24T02:00:00Z"));
    assert_eq!(console.purged, [], "not while something is in progress");
    console.state.operation = None;
    for minute in 1..1440 {
        console.tick(&on, at("2026-11-24T02:00:00Z") + SignedDuration::from_mins(minute));
    }
    assert_eq!(console.purged, [day("2026-11-24")]);
    let off = Nightly { on: false, ..on };
    for minute in 0..1440 {
        console.tick(&off, at("2026-11-25T02:00:00Z") + SignedDuration::from_mins(minute));
    }
    assert_eq!((console.begun.len(), console.purged.len()), (1, 2), "without nights too");
}

#[test]
fn the_next_run_is_the_next_night_that_has_not_run() {
    let nightly = nightly("02:30", "Europe/Berlin");
    let mut console = Console::default();
    let next = |console: &Console, now| nightly.next_at(&console.state.schedule, at(now));
    assert_eq!(next(&console, "2026-10-24T12:00:00Z"), Some(at("2026-10-25T00:30:00Z")));
    console.tick(&nightly, at("2026-10-25T00:30:00Z"));
    assert_eq!(next(&console, "2026-10-25T00:30:30Z"), Some(at("2026-10-26T01:30:00Z")));
    assert_eq!(
        Nightly { on: false, ..nightly }.next_at(&console.state.schedule, at("2026-10-25T12:00:00Z")),
        None
    );
}

#[test]
fn s17_the_skipped_time_is_the_first_moment_after_and_the_doubled_one_is_the_first() {
    let cases = [
        ("Europe/Berlin", "02:30", "2026-03-29", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "02:30", "2026-10-25", "2026-10-25T00:30:00Z"),
        ("America/New_York", "02:30", "2026-03-08", "2026-03-08T07:00:00Z"),
        ("America/New_York", "01:30", "2026-11-01", "2026-11-01T05:30:00Z"),
        ("Australia/Lord_Howe", "02:15", "2026-10-04", "2026-10-03T15:30:00Z"),
        ("Australia/Lord_Howe", "01:45", "2026-04-05", "2026-04-04T14:45:00Z"),
        ("Africa/Cairo", "00:00", "2026-04-24", "2026-04-23T22:00:00Z"),
    ];
    for (zone, time, date, opens) in cases {
        let window = nightly(time, zone).window(day(date)).unwrap();
        assert_eq!(window.opens, at(opens), "{zone} {time} {date}");
    }
    assert_eq!(nightly("02:30", "Pacific/Apia").window(day("2011-12-30")), None, "this day never was");
}
