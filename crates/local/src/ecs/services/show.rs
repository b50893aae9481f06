//! A service as `DescribeServices` has it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    kept::{Deployment, Event},
    rules::{Phase, Service},
};
use crate::ecs::cluster::Config;

pub(super) fn show(service: &Service, config: &Config) -> Value {
    let kept = &service.kept;
    let primary = deployment(service, &kept.primary, "PRIMARY", config);
    let others = kept.others.iter().map(|other| deployment(service, other, "ACTIVE", config));
    let deployments: Vec<Value> = std::iter::once(primary).chain(others).collect();
    let sum =
        |count: &str| deployments.iter().filter_map(|deployment| deployment[count].as_u64()).sum::<u64>();
    let (least, most) = if kept.described.port.is_some() { (0, 100) } else { (100, 200) };
    json!({
        "serviceArn": arn(config, &kept.name),
        "serviceName": kept.name,
        "clusterArn": config.arn(&format!("cluster/{}", config.cluster)),
        "status": "ACTIVE",
        "launchType": "EXTERNAL",
        "schedulingStrategy": "REPLICA",
        "desiredCount": kept.desired,
        "runningCount": sum("runningCount"),
        "pendingCount": sum("pendingCount"),
        "taskDefinition": definition(config, &kept.name, kept.revision),
        "deploymentConfiguration": {
            "minimumHealthyPercent": least,
            "maximumPercent": most,
            "deploymentCircuitBreaker": { "enable": true, "rollback": false },
        },
        "createdAt": seconds(kept.created_at),
        "deployments": deployments,
        "events": kept.events.iter().map(event).collect::<Vec<_>>(),
    })
}

/// The ARN of a service.
pub(super) fn arn(config: &Config, name: &str) -> String {
    config.arn(&format!("service/{}/{name}", config.cluster))
}

/// A task counts as running once it is well, and no more once it was told to end.
fn deployment(service: &Service, deployment: &Deployment, status: &str, config: &Config) -> Value {
    let Deployment { id, revision, rollout, reason, failed_tasks, created_at, updated_at } = deployment;
    json!({
        "id": id,
        "status": status,
        "taskDefinition": definition(config, &service.kept.name, *revision),
        "launchType": "EXTERNAL",
        "desiredCount": if status == "PRIMARY" { service.kept.desired } else { 0 },
        "runningCount": service.count(id, Phase::Healthy),
        "pendingCount": service.count(id, Phase::Starting),
        "failedTasks": failed_tasks,
        "rolloutState": rollout,
        "rolloutStateReason": reason,
        "createdAt": seconds(*created_at),
        "updatedAt": seconds(*updated_at),
    })
}

fn event(event: &Event) -> Value {
    json!({ "id": event.id, "createdAt": seconds(event.at), "message": event.message })
}

fn definition(config: &Config, name: &str, revision: u32) -> String {
    config.arn(&format!("task-definition/{name}:{revision}"))
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}
