//! The stage Redeploy: every service gets a new deployment, all at once, and is waited for until that
//! deployment is alone and has all its tasks. How many tasks a service should have is never changed.

use jiff::Timestamp;

use super::{Act, LAG, PATIENCE, Seen, Step, end_stage, fail, save, took_too_long};
use crate::{
    cause::Cause,
    operation::{Operation, Redeployment, Rollout, SeenService, Stage, StageState, Turnover},
};

/// How one service goes.
enum Progress {
    Done,
    Waiting,
    Failed(Cause),
}

pub(super) fn next(
    operation: &Operation,
    position: usize,
    stage: &Stage,
    seen: &Seen,
    now: Timestamp,
) -> Step {
    let late = stage.started_at.is_some_and(|began| now.duration_since(began) > seen.longest_stage);
    let services = match &seen.services {
        Some(Ok(services)) => services,
        Some(Err(why)) => {
            let cause = Cause::ServicesUnknown { why: why.clone() };
            return save(operation, |operation| fail(operation, position, cause, now));
        }
        None if late => {
            return save(operation, |operation| fail(operation, position, took_too_long(seen), now));
        }
        None => return Step::Wait,
    };
    let Some(redeployment) = &operation.redeployment else {
        let turnover = |service: &SeenService| Turnover { service: service.name.clone(), deployment: None };
        let services = services.iter().map(turnover).collect();
        return save(operation, |operation| {
            operation.redeployment = Some(Redeployment { decided_at: now, asked_at: now, services });
        });
    };
    let unasked: Vec<String> = redeployment
        .services
        .iter()
        .filter(|turnover| turnover.deployment.is_none())
        .map(|turnover| turnover.service.clone())
        .collect();
    if let Some(service) = unasked.first() {
        if now.duration_since(redeployment.decided_at) <= PATIENCE {
            return Step::Act(Act::Redeploy { services: unasked });
        }
        let why = format!("ECS did not take the request within {} minutes", PATIENCE.as_mins());
        let cause = Cause::ServiceFailed { service: service.clone(), why };
        return save(operation, |operation| fail(operation, position, cause, now));
    }
    let mut waiting = false;
    for turnover in &redeployment.services {
        match progress(turnover, services, redeployment, now) {
            Progress::Done => {}
            Progress::Waiting if late => {
                let limit_seconds = seen.longest_stage.as_secs().unsigned_abs();
                let service = services.iter().find(|service| service.name == turnover.service);
                let cause = Cause::ServiceNotSteady {
                    service: turnover.service.clone(),
                    limit_seconds,
                    events: service.map(words).unwrap_or_default(),
                };
                return save(operation, |operation| fail(operation, position, cause, now));
            }
            Progress::Waiting => waiting = true,
            Progress::Failed(cause) => {
                return save(operation, |operation| fail(operation, position, cause, now));
            }
        }
    }
    if waiting {
        return Step::Wait;
    }
    save(operation, |operation| {
        operation.redeployment = None;
        end_stage(operation, position, StageState::Done, now);
    })
}

/// What to store after [`Act::Redeploy`] was done for some services and ECS named their deployments.
pub fn deployed(operation: &Operation, deployments: &[(String, String)], now: Timestamp) -> Step {
    save(operation, |operation| {
        if let Some(redeployment) = &mut operation.redeployment {
            redeployment.asked_at = now;
        }
        for turnover in operation.redeployment.iter_mut().flat_map(|redeployment| &mut redeployment.services)
        {
            if let Some((_, id)) = deployments.iter().find(|(service, _)| *service == turnover.service) {
                turnover.deployment = Some(id.clone());
            }
        }
    })
}

fn progress(
    turnover: &Turnover,
    services: &[SeenService],
    redeployment: &Redeployment,
    now: Timestamp,
) -> Progress {
    let failed =
        |why: String| Progress::Failed(Cause::ServiceFailed { service: turnover.service.clone(), why });
    let Some(service) = services.iter().find(|service| service.name == turnover.service) else {
        return failed("it is no longer there".to_owned());
    };
    let ours =
        service.deployments.iter().find(|deployment| Some(&deployment.id) == turnover.deployment.as_ref());
    // Two wake-ups at once may both have asked: the later deployment took the place of the one whose id
    // was stored, and is as new.
    let as_new = || {
        service.deployments.iter().find(|deployment| {
            deployment.created_at.is_some_and(|created_at| created_at >= redeployment.decided_at)
        })
    };
    match ours.or_else(as_new) {
        Some(ours) if ours.rollout == Rollout::Failed => {
            let reason = ours.reason.clone().unwrap_or_else(|| "ECS gave its deployment up".to_owned());
            failed(with_events(&reason, service))
        }
        Some(ours)
            if service.deployments.len() == 1
                && ours.rollout == Rollout::Completed
                && service.running == service.desired =>
        {
            Progress::Done
        }
        Some(_) => Progress::Waiting,
        // What ECS shows lags behind what it did.
        None if now.duration_since(redeployment.asked_at) <= LAG => Progress::Waiting,
        None => failed(with_events("another deployment has taken the place of this one", service)),
    }
}

fn with_events(reason: &str, service: &SeenService) -> String {
    let reason = reason.trim_end_matches('.');
    match words(service).as_str() {
        "" => reason.to_owned(),
        events => format!("{reason}; its last events: {events}"),
    }
}

fn words(service: &SeenService) -> String {
    let events: Vec<&str> = service.events.iter().take(3).map(|event| event.trim_end_matches('.')).collect();
    events.join("; ")
}
