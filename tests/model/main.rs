//! A model of everything around the rule `nightkeep_domain::next`: the table, ECS and what it shows, two
//! workers, the agents, the clock. The rule itself is the real one. Every order of events is tried,
//! exhaustively within the bounds that each test states and prints.
//!
//! Not in the model: two ledger transactions that meet (the contracts prove that one wins), and what an
//! agent does to data (the stories do).

mod ecs;
mod stored;
mod world;

use std::{collections::BTreeSet, time::Instant};

use nightkeep_domain::operation::{Kind, StageName};
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::{
    ecs::Agent,
    world::{Event, Status, World},
};

/// What is explored.
#[derive(Debug, Clone)]
struct System {
    /// The kind of operation.
    kind: Kind,
    /// How many are begun, one after the other: what the first has left meets the second.
    operations: u8,
    /// How many invocations of the worker there are at once.
    workers: usize,
    /// How often the clock goes on.
    ticks: u8,
    /// How often ECS refuses, an answer is lost, or somebody else deploys.
    faults: u8,
    /// What is broken, to see that it is found.
    broken: Option<Broken>,
}

/// A rule that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// Who saves does not look whether the operation is still the one that was read.
    Versions,
    /// ECS starts another task for the same token.
    Tokens,
    /// An agent goes to work without a claim.
    Claims,
    /// What ECS shows may lag behind for ever.
    Lag,
    /// Nobody turns maintenance on.
    Maintenance,
    /// A restore goes on although its safety backup has failed.
    SafetyBackup,
    /// Nobody writes a record's ending.
    Records,
    /// Nobody notices that a task has ended.
    Ends,
}

const ONE_AT_WORK: &str = "at most one agent is at work, and for the operation in progress";
const NO_RECORD_HANGS: &str = "no record is in progress without an operation";
const UNDER_MAINTENANCE: &str = "the application is under maintenance while its data is read or written";
const AS_BEFORE: &str = "maintenance is off afterwards unless the data is in doubt";
const SAFETY_FIRST: &str = "a restore begins after its safety backup has succeeded";
const ENDS: &str = "every operation comes to an end";

impl Model for System {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![World::at_rest(self)]
    }

    fn actions(&self, world: &World, events: &mut Vec<Event>) {
        world.events(self, events);
    }

    fn next_state(&self, world: &World, event: Event) -> Option<World> {
        Some(world.after(self, &event)).filter(|after| after != world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_AT_WORK, |_: &Self, world: &World| {
                let mut at_work = world.tasks.iter().map(|(_, task)| task).filter(|task| task.is_at_work());
                at_work.next().is_none_or(|task| world.holds(task)) && at_work.next().is_none()
            }),
            Property::always(NO_RECORD_HANGS, |_: &Self, world: &World| {
                world.operation.is_some()
                    || (world.record != Status::InProgress && world.safety_backup != Status::InProgress)
            }),
            Property::always(UNDER_MAINTENANCE, |system: &Self, world: &World| {
                let working = world.tasks.iter().any(|(_, task)| task.is_at_work());
                !working || !system.kind.needs_maintenance() || world.maintenance
            }),
            Property::always(AS_BEFORE, |_: &Self, world: &World| {
                world.operation.is_some() || world.maintenance == world.stuck
            }),
            Property::always(SAFETY_FIRST, |_: &Self, world: &World| {
                world.tasks.iter().all(|(_, task)| {
                    task.agent == Agent::Ended
                        || world.stage_of(task) != Some(StageName::Restore)
                        || world.safety_backup == Status::Success
                })
            }),
            Property::always(ENDS, |system: &Self, world: &World| world.comes_to_an_end(system)),
        ]
    }
}

/// Operations one after the other, workers at once, ticks of the clock, faults.
type Bounds = (u8, usize, u8, u8);

impl System {
    fn of(kind: Kind, (operations, workers, ticks, faults): Bounds) -> Self {
        Self { kind, operations, workers, ticks, faults, broken: None }
    }
}

/// Explores all of it, which has to hold everywhere. With `NIGHTKEEP_LONG` set also within bounds that
/// take minutes and gigabytes.
fn holds(kind: Kind, short: &[Bounds], long: &[Bounds]) {
    let long = if std::env::var_os("NIGHTKEEP_LONG").is_some() { long } else { &[] };
    for &bounds in [short, long].concat().iter() {
        let began = Instant::now();
        let checker = System::of(kind, bounds).checker().threads(2).spawn_bfs().join();
        let (operations, workers, ticks, faults) = bounds;
        println!(
            "figure: {kind:?} with operations {operations}, workers {workers}, ticks {ticks}, faults {faults}: {} states in {:.1?}",
            checker.unique_state_count(),
            began.elapsed()
        );
        checker.assert_properties();
    }
}

#[test]
fn of_a_backup() {
    let short = [(1, 1, 2, 1), (1, 2, 0, 0), (2, 1, 0, 0)];
    holds(Kind::Backup, &short, &[(1, 1, 3, 2), (1, 2, 1, 0), (1, 2, 0, 1), (2, 1, 1, 1), (2, 2, 0, 0)]);
}

#[test]
fn of_a_restart() {
    holds(Kind::Restart, &[(1, 1, 2, 2), (1, 2, 1, 1), (2, 1, 1, 1)], &[(1, 2, 2, 2), (2, 2, 1, 1)]);
}

#[test]
fn of_a_source_archive() {
    holds(Kind::SourceArchive, &[(1, 1, 1, 1)], &[(1, 2, 0, 1), (1, 2, 1, 0)]);
}

#[test]
fn of_a_purge() {
    holds(Kind::Purge, &[(1, 1, 1, 1)], &[(1, 2, 0, 1), (1, 2, 1, 0)]);
}

#[test]
fn of_a_restore() {
    holds(Kind::Restore, &[(1, 1, 0, 0)], &[(1, 1, 0, 1), (1, 1, 1, 0)]);
}

#[test]
fn what_is_broken_is_found() {
    for (broken, kind, bounds, found) in [
        (Broken::Versions, Kind::Backup, (1, 2, 0, 0), ONE_AT_WORK),
        (Broken::Tokens, Kind::Backup, (1, 1, 0, 1), ONE_AT_WORK),
        (Broken::Claims, Kind::Backup, (2, 1, 0, 2), ONE_AT_WORK),
        (Broken::Lag, Kind::Backup, (1, 1, 2, 0), ONE_AT_WORK),
        (Broken::Maintenance, Kind::Backup, (1, 1, 0, 0), UNDER_MAINTENANCE),
        (Broken::SafetyBackup, Kind::Restore, (1, 1, 0, 0), SAFETY_FIRST),
        (Broken::Records, Kind::Backup, (1, 1, 0, 0), NO_RECORD_HANGS),
        (Broken::Ends, Kind::Backup, (1, 1, 0, 0), ENDS),
    ] {
        let system = System { broken: Some(broken), ..System::of(kind, bounds) };
        let enough = HasDiscoveries::AnyOf(BTreeSet::from([found]));
        let checker = system.checker().threads(2).finish_when(enough).spawn_bfs().join();
        let discoveries = checker.discoveries();
        let Some(path) = discoveries.get(found) else {
            panic!("{broken:?} is not found by “{found}”, but by {:?}", discoveries.keys());
        };
        println!("{broken:?} breaks “{found}”: {:?}", path.clone().into_actions());
    }
}
