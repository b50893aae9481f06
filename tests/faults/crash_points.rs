//! Every part of the system, stopped before and after every call that leaves it, in every kind of
//! operation. Not sampled: the calls are counted as they come, until an operation has no further one.
//!
//! Unless there is time for everything, what cannot differ is tried once: where nothing is done outside
//! the calls, before one is after the one before, and after one that only reads is before it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use nightkeep_domain::operation::Kind;
use nightkeep_tests::{
    between::{Call, Moment, Verdict, Who},
    machine::{Machine, Victim},
};

use crate::{
    long,
    prepared::{Endings, KINDS, one_by_one, prepared},
};

#[tokio::test(flavor = "multi_thread")]
async fn s01_s02_s08_the_worker_is_stopped_at_every_call() {
    points(Victim::Worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_s15_the_agent_is_stopped_at_every_call() {
    points(Victim::Agent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_s02_s08_s15_everything_is_stopped_at_every_call() {
    points(Victim::All).await;
}

/// Stops `victim` at each call of each kind of operation, before and after it.
async fn points(victim: Victim) {
    let prepared = Arc::new(prepared().await);
    let mut all = 0;
    for kind in KINDS {
        let endings = Arc::new(Endings::of(&prepared, kind).await);
        // An agent that restores writes to the application's data between its calls.
        let both = long() || victim == Victim::Agent && kind == Kind::Restore;
        let moments = if both { &[Moment::After, Moment::Before][..] } else { &[Moment::After] };
        for &moment in moments {
            let (prepared, endings) = (Arc::clone(&prepared), Arc::clone(&endings));
            let points = one_by_one(move |number| {
                let (prepared, endings) = (Arc::clone(&prepared), Arc::clone(&endings));
                async move { stopped(&prepared, &endings, kind, victim, moment, number).await }
            })
            .await;
            println!("{kind:?}, {victim:?} stopped {moment:?} a call: {points} points");
            all += points;
        }
    }
    println!("figure: {victim} stopped at {all} points, each followed to its end");
    assert!(all > 40, "there are calls to stop at");
}

/// Stops `victim` at its call `number`, and looks at the ending. Whether it came to that call.
async fn stopped(
    prepared: &Machine,
    endings: &Endings,
    kind: Kind,
    victim: Victim,
    moment: Moment,
    number: usize,
) -> bool {
    let mut machine = prepared.copy().await;
    let fired = Arc::new(AtomicBool::new(false));
    machine.stops(victim);
    let counts = move |call: &Call| match victim {
        Victim::Worker => call.who == Who::Worker && (long() || call.changes()),
        Victim::Agent => call.who == Who::Agent,
        Victim::All => long() || call.changes(),
    };
    let (stopping, seen) = (Arc::clone(&fired), AtomicUsize::new(0));
    machine.between().follow(move |call| {
        let here = counts(call) && seen.fetch_add(1, SeqCst) + 1 == number;
        let here = here && !stopping.swap(true, SeqCst);
        if here { Verdict::Stop(moment) } else { Verdict::Pass }
    });
    let where_to = || format!("{kind:?}, {victim:?} stopped {moment:?} its call {number}");
    let begun = machine.begin(kind).await.is_some_and(|status| status.is_success());
    machine.settled().await;
    let ending = machine.ending().await;
    // A request that was not answered may have begun nothing.
    if begun || ending != endings.before {
        endings.expect(&ending, &where_to());
    }
    // It takes longer than all the rest.
    if long() || victim == Victim::Agent && number.is_multiple_of(3) {
        machine.check().await;
    }
    fired.load(SeqCst)
}
