//! Every fault that networks and AWS have, at every call of the functions and of the agent: one at a time,
//! at every call at once, and at random.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use nightkeep_domain::operation::Kind;
use nightkeep_tests::{
    between::{Call, Fault, Verdict, Who},
    machine::Machine,
};

use crate::{
    long,
    prepared::{AT_ONCE, Endings, KINDS, prepared},
};

#[tokio::test(flavor = "multi_thread")]
async fn s23_each_call_meets_a_fault() {
    let prepared = Arc::new(prepared().await);
    // Each call meets each fault if there is time, and one of them if there is not.
    let turns = if long() { Fault::ALL.len() } else { 1 };
    let mut all = 0;
    for (position, kind) in KINDS.into_iter().enumerate() {
        let endings = Arc::new(Endings::of(&prepared, kind).await);
        for turn in 0..turns {
            let fault = move |number: usize| Fault::ALL[(number + position + turn) % Fault::ALL.len()];
            let next = Arc::new(AtomicUsize::new(1));
            let disturbing = (0..AT_ONCE).map(|_| {
                let (prepared, endings, next) = (Arc::clone(&prepared), Arc::clone(&endings), Arc::clone(&next));
                tokio::spawn(async move {
                    loop {
                        let number = next.fetch_add(1, SeqCst);
                        if !disturbed(&prepared, &endings, kind, number, fault(number)).await {
                            return number - 1;
                        }
                    }
                })
            });
            let mut calls = usize::MAX;
            for one in disturbing.collect::<Vec<_>>() {
                calls = calls.min(one.await.unwrap());
            }
            println!("{kind:?}: {calls} calls, each met by a fault");
            all += calls;
        }
    }
    println!("{all} faults, one at a time");
}

/// Has the call `number` meet a fault, and looks at the ending. Whether it came to that call.
async fn disturbed(
    prepared: &Machine,
    endings: &Endings,
    kind: Kind,
    number: usize,
    fault: Fault,
) -> bool {
    let mut machine = prepared.copy().await;
    let fired = Arc::new(AtomicBool::new(false));
    let meeting = Arc::clone(&fired);
    machine.between().follow(move |call| {
        let here = call.of_all == number && !meeting.swap(true, SeqCst);
        if here { Verdict::Meet(fault) } else { Verdict::Pass }
    });
    let begun = machine.begin(kind).await;
    let met = machine.between().calls().into_iter().find(|call| call.of_all == number);
    let at_first = fired.load(SeqCst);
    machine.settled().await;
    let ending = machine.ending().await;
    let met = met.or_else(|| machine.between().calls().into_iter().find(|call| call.of_all == number));
    let told = format!("{kind:?}: call {number}, {met:?}, met {fault:?}; begun: {begun:?}\n{}", machine.log());
    if at_first {
        // The api says what has happened: begun, or not.
        let answered = begun.is_some_and(|status| status.is_success());
        assert_eq!(answered, ending != endings.before, "{told}");
        assert!(answered || begun.is_none_or(|status| status.is_server_error()), "{told}");
        if !answered {
            return true;
        }
    }
    if fault.passes() {
        assert_eq!(ending, endings.good, "{told}");
    } else {
        endings.expect_or_failed(&ending, &told);
    }
    fired.load(SeqCst)
}

/// A rule by which every call of these meets the fault when it is made for the first time, and passes when
/// it is made again.
fn every_other(fault: Fault, whose: fn(Who) -> bool) -> impl Fn(&Call) -> Verdict + Send + Sync {
    let met = AtomicUsize::new(0);
    move |call| {
        let here = whose(call.who) && met.fetch_add(1, SeqCst).is_multiple_of(2);
        if here { Verdict::Meet(fault) } else { Verdict::Pass }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_second_call_meets_the_same_fault() {
    let prepared = Arc::new(prepared().await);
    for kind in KINDS {
        let endings = Endings::of(&prepared, kind).await;
        for fault in Fault::ALL {
            let mut machine = prepared.copy().await;
            machine.begin(kind).await.unwrap();
            machine.between().follow(every_other(fault, |who| who != Who::Api));
            machine.settled().await;
            let met = machine.between().calls().len().div_ceil(2);
            machine.between().rest();
            let ending = machine.ending().await;
            let told = format!("{kind:?}: every second call met {fault:?}\n{}", machine.log());
            endings.expect_or_failed(&ending, &told);
            println!("{kind:?}: {met} times {fault:?}, {}", if ending == endings.good { "as ever" } else { "FAILED" });
        }
    }
}
