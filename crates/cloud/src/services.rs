//! The application's services at ECS: look at all of them, and give them new deployments.

use aws_config::SdkConfig;
use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, Service};
use nightkeep_domain::operation::{Rollout, SeenDeployment, SeenService};

use crate::{Error, Kind};

/// How many services one call describes at most.
const AT_ONCE: usize = 10;

/// The services of a cluster.
#[derive(Debug, Clone)]
pub struct Services {
    client: aws_sdk_ecs::Client,
    cluster: String,
}

impl Services {
    /// The services of the cluster of this name or ARN.
    pub fn new(shared: &SdkConfig, cluster: impl Into<String>) -> Self {
        Self { client: aws_sdk_ecs::Client::new(shared), cluster: cluster.into() }
    }

    /// What ECS shows of the services of these names, or of all of the cluster.
    ///
    /// # Errors
    /// If ECS cannot be asked, or does not know one of the names.
    pub async fn look(&self, names: &[String]) -> Result<Vec<SeenService>, Error> {
        let doing = format!("looking at the services of cluster {}", self.cluster);
        let names = if names.is_empty() { self.all(&doing).await? } else { names.to_vec() };
        let mut seen = Vec::new();
        for some in names.chunks(AT_ONCE) {
            let answer = self
                .client
                .describe_services()
                .cluster(&self.cluster)
                .set_services(Some(some.to_vec()))
                .send()
                .await
                .map_err(|error| Error::of(doing.clone(), error))?;
            let active = answer.services().iter().filter(|service| service.status() != Some("INACTIVE"));
            seen.extend(active.map(seen_service));
        }
        let known = |name: &&String| seen.iter().any(|service: &SeenService| service.is_named(name));
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            return Err(Error::new(Kind::NotFound, doing, format!("there is no service {unknown}")));
        }
        seen.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(seen)
    }

    async fn all(&self, doing: &str) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let mut pages = self.client.list_services().cluster(&self.cluster).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Error::of(doing, error))?;
            found.extend(page.service_arns().iter().cloned());
        }
        Ok(found)
    }

    /// Gives a service a new deployment of the same task definition, and returns its id. How many tasks
    /// it should have stays as it is.
    ///
    /// # Errors
    /// If ECS refuses or cannot be asked.
    pub async fn redeploy(&self, service: &str) -> Result<String, Error> {
        let doing = format!("redeploying the service {service}");
        let answer = self
            .client
            .update_service()
            .cluster(&self.cluster)
            .service(service)
            .force_new_deployment(true)
            .send()
            .await
            .map_err(|error| Error::of(doing.clone(), error))?;
        let deployments = answer.service().map(Service::deployments).unwrap_or_default();
        let primary = deployments.iter().find(|deployment| deployment.status() == Some("PRIMARY"));
        let id = primary.and_then(Deployment::id).map(str::to_owned);
        id.ok_or_else(|| Error::new(Kind::Unavailable, doing, "ECS named no deployment"))
    }
}

fn seen_service(service: &Service) -> SeenService {
    let count = |number: i32| u32::try_from(number).unwrap_or_default();
    SeenService {
        name: service.service_name().unwrap_or_default().to_owned(),
        desired: count(service.desired_count()),
        running: count(service.running_count()),
        deployments: service.deployments().iter().map(seen_deployment).collect(),
        events: service
            .events()
            .iter()
            .filter_map(|event| event.message().map(str::to_owned))
            .take(5)
            .collect(),
    }
}

fn seen_deployment(deployment: &Deployment) -> SeenDeployment {
    SeenDeployment {
        id: deployment.id().unwrap_or_default().to_owned(),
        created_at: deployment
            .created_at()
            .and_then(|at| jiff::Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()),
        rollout: match deployment.rollout_state() {
            Some(DeploymentRolloutState::Failed) => Rollout::Failed,
            Some(DeploymentRolloutState::InProgress) => Rollout::InProgress,
            // A deployment without a state has no circuit breaker: its counts tell.
            Some(_) | None => Rollout::Completed,
        },
        running: u32::try_from(deployment.running_count()).unwrap_or_default(),
        reason: deployment.rollout_state_reason().map(str::to_owned),
    }
}
