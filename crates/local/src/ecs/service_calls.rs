//! The calls about services: requests are read, answers and refusals are worded as ECS does.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ecs, invalid, short};
use crate::endpoint::Refusal;

/// How many services one call describes at most.
const DESCRIBED_AT_ONCE: usize = 10;

/// How many services a page lists unless told otherwise, and at most.
const LISTED: usize = 10;
const MOST_LISTED: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListServices {
    cluster: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DescribeServices {
    cluster: Option<String>,
    services: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateService {
    cluster: Option<String>,
    service: String,
    desired_count: Option<u32>,
    #[serde(default)]
    force_new_deployment: bool,
}

impl Ecs {
    pub(super) fn list_services(&self, request: &ListServices) -> Result<Value, Refusal> {
        self.check_cluster(request.cluster.as_deref())?;
        let limit = request.max_results.unwrap_or(LISTED);
        if !(1..=MOST_LISTED).contains(&limit) {
            return Err(invalid("maxResults has to be between 1 and 100"));
        }
        // A token is the last name of the page before.
        let after = request.next_token.as_deref();
        let mut rest = self.services.arns();
        rest.retain(|arn| after.is_none_or(|after| short(arn) > after));
        let more = rest.len() > limit;
        rest.truncate(limit);
        let next = rest.last().filter(|_| more).map(|arn| short(arn).to_owned());
        let mut answer = json!({ "serviceArns": rest });
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        Ok(answer)
    }

    pub(super) fn describe_services(&self, request: &DescribeServices) -> Result<Value, Refusal> {
        self.check_cluster(request.cluster.as_deref())?;
        match request.services.len() {
            0 => return Err(invalid("Services cannot be empty.")),
            1..=DESCRIBED_AT_ONCE => {}
            _ => return Err(invalid("Services cannot have more than 10 elements.")),
        }
        let (mut services, mut failures) = (Vec::new(), Vec::new());
        for name in &request.services {
            match self.services.show(short(name)) {
                Some(service) => services.push(service),
                None => failures.push(json!({ "arn": self.services.arn(short(name)), "reason": "MISSING" })),
            }
        }
        Ok(json!({ "services": services, "failures": failures }))
    }

    pub(super) fn update_service(&self, request: &UpdateService) -> Result<Value, Refusal> {
        self.check_cluster(request.cluster.as_deref())?;
        let name = short(&request.service);
        if request.desired_count.is_some_and(|desired| desired > 1) && self.services.alone(name) {
            return Err(invalid("a service with a port can have one task only on this machine"));
        }
        let updated = self.services.update(name, request.desired_count, request.force_new_deployment);
        match updated.map_err(|error| Refusal::internal("ServerException", &error))? {
            Some(service) => Ok(json!({ "service": service })),
            None => Err(Refusal::new("ServiceNotFoundException", "Service not found.")),
        }
    }
}
