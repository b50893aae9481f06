//! A restart: services that are replaced all at once, and what ECS may show of them.

use jiff::SignedDuration;

use super::{at, saved};
use crate::{
    cause::Cause,
    identifier::{OperationId, RecordId},
    next::{Act, LAG, Seen, Settlement, Sight, Step, deployed, next},
    operation::{Kind, Operation, Rollout, SeenDeployment, SeenService, StageState},
};

fn begun() -> Operation {
    let id = OperationId::new(at(0), [1; 10]);
    let operation =
        Operation::new(id, Kind::Restart, RecordId::new(at(0), [2; 10]), "Maya".to_owned(), at(0));
    saved(next(&operation, &seen(Vec::new()), at(0)))
}

fn seen(services: Vec<SeenService>) -> Seen {
    Seen {
        task: Sight::NotLooked,
        services: Some(Ok(services)),
        longest_stage: SignedDuration::from_secs(3600),
    }
}

fn deployment(id: &str, rollout: Rollout) -> SeenDeployment {
    SeenDeployment { id: id.to_owned(), created_at: None, rollout, running: 1, reason: None }
}

fn service(name: &str, desired: u32, running: u32, deployments: Vec<SeenDeployment>) -> SeenService {
    let events = vec![format!("(service {name}) has begun.")];
    SeenService { name: name.to_owned(), desired, running, deployments, events }
}

fn at_rest() -> Vec<SeenService> {
    vec![
        service("jobs", 0, 0, vec![deployment("old-jobs", Rollout::Completed)]),
        service("web", 2, 2, vec![deployment("old-web", Rollout::Completed)]),
    ]
}

/// A restart whose new deployments ECS has named.
fn asked() -> Operation {
    let planned = saved(next(&begun(), &seen(at_rest()), at(1)));
    let expected = Act::Redeploy { services: vec!["jobs".to_owned(), "web".to_owned()] };
    assert_eq!(next(&planned, &seen(at_rest()), at(1)), Step::Act(expected), "all at once");
    let one = saved(deployed(&planned, &[("web".to_owned(), "new-web".to_owned())], at(1)));
    let expected = Act::Redeploy { services: vec!["jobs".to_owned()] };
    assert_eq!(
        next(&one, &seen(at_rest()), at(1)),
        Step::Act(expected),
        "what is missing is asked for again"
    );
    saved(deployed(&one, &[("jobs".to_owned(), "new-jobs".to_owned())], at(1)))
}

fn new_jobs() -> SeenService {
    service("jobs", 0, 0, vec![deployment("new-jobs", Rollout::Completed)])
}

#[test]
fn r11_it_is_done_when_each_new_deployment_is_alone_and_complete() {
    let both = vec![deployment("new-web", Rollout::InProgress), deployment("old-web", Rollout::Completed)];
    let alone = vec![deployment("new-web", Rollout::Completed)];
    for waiting in [
        service("web", 2, 2, both.clone()),
        service("web", 2, 1, alone.clone()),
        service("web", 2, 2, vec![deployment("new-web", Rollout::InProgress)]),
    ] {
        assert_eq!(next(&asked(), &seen(vec![new_jobs(), waiting]), at(9)), Step::Wait);
    }
    let done = saved(next(&asked(), &seen(vec![new_jobs(), service("web", 2, 2, alone)]), at(9)));
    assert_eq!(done.stages[0].state, StageState::Done);
    assert_eq!(
        next(&done, &seen(Vec::new()), at(9)),
        Step::Settle(Settlement::Success { snapshots: Vec::new() })
    );
}

#[test]
fn without_services_there_is_nothing_to_do() {
    let planned = saved(next(&begun(), &seen(Vec::new()), at(1)));
    assert_eq!(saved(next(&planned, &seen(Vec::new()), at(1))).stages[0].state, StageState::Done);
}

#[test]
fn s08_a_deployment_that_ecs_gives_up_fails_with_its_events() {
    let mut given_up = deployment("new-web", Rollout::Failed);
    given_up.reason = Some("tasks failed to start.".to_owned());
    let web = service("web", 2, 2, vec![given_up, deployment("old-web", Rollout::Completed)]);
    let failed = saved(next(&asked(), &seen(vec![new_jobs(), web]), at(9)));
    let why = "tasks failed to start; its last events: (service web) has begun".to_owned();
    assert_eq!(failed.cause, Some(Cause::ServiceFailed { service: "web".to_owned(), why }));
}

#[test]
fn a_deployment_that_is_not_to_be_seen_yet_is_waited_for_and_one_that_was_replaced_fails() {
    let services = || vec![new_jobs(), service("web", 2, 2, vec![deployment("other", Rollout::Completed)])];
    assert_eq!(next(&asked(), &seen(services()), at(2)), Step::Wait);
    let failed = saved(next(&asked(), &seen(services()), at(2 + LAG.as_secs())));
    assert!(matches!(failed.cause, Some(Cause::ServiceFailed { .. })), "{:?}", failed.cause);
}

#[test]
fn a_service_that_takes_too_long_fails_the_stage() {
    let web = service("web", 2, 1, vec![deployment("new-web", Rollout::InProgress)]);
    let failed = saved(next(&asked(), &seen(vec![new_jobs(), web]), at(4000)));
    assert!(
        matches!(failed.cause, Some(Cause::ServiceNotSteady { limit_seconds: 3600, .. })),
        "{:?}",
        failed.cause
    );
}

#[test]
fn a_later_deployment_of_a_second_wake_up_is_as_good_as_ours() {
    let mut other = deployment("other", Rollout::Completed);
    other.created_at = Some(at(1));
    let services = vec![new_jobs(), service("web", 2, 2, vec![other])];
    assert_eq!(saved(next(&asked(), &seen(services), at(400))).stages[0].state, StageState::Done);
}

#[test]
fn services_that_ecs_will_not_show_fail_the_stage() {
    let seen = |services| Seen { services, ..seen(Vec::new()) };
    let why = "there is no service web".to_owned();
    let failed = saved(next(&begun(), &seen(Some(Err(why.clone()))), at(1)));
    assert_eq!(failed.cause, Some(Cause::ServicesUnknown { why }));
    assert_eq!(next(&begun(), &seen(None), at(1)), Step::Wait);
    assert!(matches!(saved(next(&begun(), &seen(None), at(4000))).cause, Some(Cause::TookTooLong { .. })));
}
