//! Every fault that networks and AWS have, at every call of the functions and of the agent: one at a time,
//! at every call at once, and at random.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use nightkeep_domain::{operation::Kind, record::Status};
use nightkeep_tests::{
    between::{Call, Fault, Verdict, Who},
    chance::Chance,
    machine::Machine,
};

use crate::{
    long,
    prepared::{AT_ONCE, Endings, KINDS, one_by_one, prepared},
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
            let (prepared, endings) = (Arc::clone(&prepared), Arc::clone(&endings));
            let calls = one_by_one(move |number| {
                let (prepared, endings) = (Arc::clone(&prepared), Arc::clone(&endings));
                async move { disturbed(&prepared, &endings, kind, number, fault(number)).await }
            })
            .await;
            println!("{kind:?}: {calls} calls, each met by a fault");
            all += calls;
        }
    }
    println!("figure: {all} faults, each at one call of one operation");
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_nothing_points_to_a_pack_that_is_still_on_its_way() {
    /// How long a pack takes to arrive.
    const ON_ITS_WAY: Duration = Duration::from_millis(700);
    let mut machine = prepared().await.copy().await;
    machine.write_book("of packs");
    let sent = Arc::new(Mutex::new(Vec::new()));
    let (sending, too_early) = (Arc::clone(&sent), Arc::new(Mutex::new(Vec::new())));
    let pointing = Arc::clone(&too_early);
    machine.between().follow(move |call| {
        if call.name.starts_with("PUT ") && call.name.contains("/data/") {
            sending.lock().unwrap().push(Instant::now());
            return Verdict::Late(ON_ITS_WAY);
        }
        let on_their_way = sending.lock().unwrap().iter().filter(|sent| sent.elapsed() < ON_ITS_WAY).count();
        if call.name.starts_with("PUT ") && on_their_way > 0 {
            pointing.lock().unwrap().push(call.name.clone());
        }
        Verdict::Pass
    });
    machine.begin(Kind::Backup).await;
    machine.settled().await;
    assert!(!sent.lock().unwrap().is_empty(), "no pack was written");
    let written = machine
        .between()
        .calls()
        .into_iter()
        .any(|call| call.name.contains("PUT /nightkeep/repository/snapshots/"));
    assert!(written, "nothing pointed to it in the end: {}", machine.log());
    assert_eq!(*too_early.lock().unwrap(), Vec::<String>::new(), "{}", machine.log());
}

/// Has the call `number` meet a fault, and looks at the ending. Whether it came to that call.
async fn disturbed(prepared: &Machine, endings: &Endings, kind: Kind, number: usize, fault: Fault) -> bool {
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
    let told =
        format!("{kind:?}: call {number}, {met:?}, met {fault:?}; begun: {begun:?}\n{}", machine.log());
    if at_first {
        // The api says what has happened: begun, or not.
        let answered = begun.is_some_and(|status| status.is_success());
        assert_eq!(answered, ending != endings.before, "{told}");
        assert!(answered || begun.is_none_or(|status| status.is_server_error()), "{told}");
        if !answered {
            return true;
        }
    }
    // A function’s next call has new credentials.
    if fault.passes() || met.is_some_and(|call| call.who != Who::Agent) {
        assert_eq!(ending, endings.good, "{told}");
    } else {
        endings.expect_or_failed(&ending, &told);
    }
    fired.load(SeqCst)
}

/// How many operations are disturbed at random.
const ROUNDS: u64 = 30;

/// One call of so many meets a fault.
const ONE_IN: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn faults_at_random() {
    let chance = Chance::seeded();
    let prepared = Arc::new(prepared().await);
    let mut of_kinds = Vec::new();
    for kind in KINDS {
        of_kinds.push((kind, Endings::of(&prepared, kind).await));
    }
    let of_kinds = Arc::new(of_kinds);
    let rounds = if long() { 10 * ROUNDS } else { ROUNDS };
    let next = Arc::new(AtomicUsize::new(0));
    let disturbing = (0..AT_ONCE).map(|_| {
        let (prepared, of_kinds, next) = (Arc::clone(&prepared), Arc::clone(&of_kinds), Arc::clone(&next));
        tokio::spawn(async move {
            let (mut met, mut failed) = (0, 0);
            loop {
                let round = next.fetch_add(1, SeqCst);
                if round as u64 >= rounds {
                    return (met, failed);
                }
                let (kind, endings) = &of_kinds[round % of_kinds.len()];
                let mut machine = prepared.copy().await;
                machine.begin(*kind).await.unwrap();
                let fault = move |call: &Call| {
                    let place = [round as u64, call.of_all as u64];
                    let fault = chance.one_of(&Fault::ALL, &[place[0], place[1], 0]);
                    (chance.below(ONE_IN, &place) == 0).then_some(*fault)
                };
                machine.between().follow(move |call| fault(call).map_or(Verdict::Pass, Verdict::Meet));
                machine.settled().await;
                let calls = machine.between().calls();
                let met_now: Vec<String> = calls
                    .iter()
                    .filter_map(|call| fault(call).map(|fault| format!("{call:?} met {fault:?}")))
                    .collect();
                machine.between().rest();
                let ending = machine.ending().await;
                let told =
                    format!("{chance:?}, round {round}, {kind:?}\n{}\n{}", met_now.join("\n"), machine.log());
                endings.expect_or_failed(&ending, &told);
                met += met_now.len();
                failed += usize::from(ending != endings.good);
                // What was left of a failure does not stop what comes after.
                machine.begin(Kind::Backup).await.unwrap();
                machine.settled().await;
                assert_eq!(machine.ending().await.records[0].status, Status::Success, "{told}");
                machine.check().await;
            }
        })
    });
    let (mut met, mut failed) = (0, 0);
    for one in disturbing.collect::<Vec<_>>() {
        let (of_one, failed_of_one) = one.await.unwrap();
        (met, failed) = (met + of_one, failed + failed_of_one);
    }
    println!("figure: {rounds} operations, {met} faults at random, {failed} operations failed and said why");
}
