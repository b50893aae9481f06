//! The agent's tasks at ECS: start one, look at one, stop one.

use aws_config::SdkConfig;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, ContainerOverride, KeyValuePair, LaunchType, NetworkConfiguration,
    Task, TaskOverride,
};
use nightkeep_domain::{next::Sight, operation::Assignment};

use crate::{Error, Kind};

/// Which task is started, and where.
#[derive(Debug, Clone)]
pub struct TaskConfig {
    /// The cluster's name or ARN.
    pub cluster: String,
    /// The agent's task definition: family, or family and revision.
    pub definition: String,
    /// The name of the agent's container in it.
    pub container: String,
    /// The subnets of a task with a network of its own; none on one machine.
    pub subnets: Vec<String>,
    /// Its security groups.
    pub security_groups: Vec<String>,
    /// Whether it runs on Fargate; otherwise on the cluster's own machines.
    pub fargate: bool,
    /// Whether it has a public address, which it needs in a subnet without another way out.
    pub public_address: bool,
}

/// The agent's tasks.
#[derive(Debug, Clone)]
pub struct Tasks {
    client: aws_sdk_ecs::Client,
    config: TaskConfig,
}

impl Tasks {
    /// The tasks that `config` describes.
    pub fn new(shared: &SdkConfig, config: TaskConfig) -> Self {
        Self { client: aws_sdk_ecs::Client::new(shared), config }
    }

    /// Starts the agent for an assignment and returns the task's name. The same token gives the same
    /// task.
    ///
    /// # Errors
    /// If ECS refuses; [`Error::retryable`] says whether to ask again.
    pub async fn run(&self, assignment: Assignment, token: &str) -> Result<String, Error> {
        let doing = || {
            format!("starting the agent’s task {} on cluster {}", self.config.definition, self.config.cluster)
        };
        let variable = |name: &str, value: String| KeyValuePair::builder().name(name).value(value).build();
        let container = ContainerOverride::builder()
            .name(&self.config.container)
            .environment(variable("NIGHTKEEP_OPERATION", assignment.operation.to_string()))
            .environment(variable("NIGHTKEEP_STAGE", assignment.stage.to_string()))
            .environment(variable("NIGHTKEEP_ATTEMPT", assignment.attempt.to_string()))
            .build();
        let mut request = self
            .client
            .run_task()
            .cluster(&self.config.cluster)
            .task_definition(&self.config.definition)
            .count(1)
            .client_token(token)
            .started_by(assignment.operation.to_string())
            .overrides(TaskOverride::builder().container_overrides(container).build())
            .set_network_configuration(self.network().map_err(|why| Error::new(Kind::Denied, doing(), why))?);
        if self.config.fargate {
            request = request.launch_type(LaunchType::Fargate);
        }
        let answer = request.send().await.map_err(|error| Error::of(doing(), error))?;
        match (answer.tasks().first().and_then(Task::task_arn), answer.failures().first()) {
            (Some(task), _) => Ok(task.to_owned()),
            (None, Some(failure)) => {
                let reason = failure.reason().unwrap_or("no reason given");
                let detail = failure.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
                Err(Error::new(Kind::Unavailable, doing(), format!("{reason}{detail}")))
            }
            (None, None) => {
                Err(Error::new(Kind::Unavailable, doing(), "ECS started nothing and said nothing"))
            }
        }
    }

    /// What ECS shows of a task.
    ///
    /// # Errors
    /// If ECS cannot be asked.
    pub async fn look(&self, task: &str) -> Result<Sight, Error> {
        let doing = || format!("looking at the agent’s task {task}");
        let answer = self
            .client
            .describe_tasks()
            .cluster(&self.config.cluster)
            .tasks(task)
            .send()
            .await
            .map_err(|error| Error::of(doing(), error))?;
        if let Some(found) = answer.tasks().first() {
            return Ok(sight(found));
        }
        match answer.failures().first().and_then(|failure| failure.reason()) {
            None | Some("MISSING") => Ok(Sight::Missing),
            Some(reason) => Err(Error::new(Kind::Unavailable, doing(), reason)),
        }
    }

    /// Asks ECS to stop a task. Asking for one that has stopped is not an error.
    ///
    /// # Errors
    /// If ECS cannot be asked.
    pub async fn stop(&self, task: &str, why: &str) -> Result<(), Error> {
        self.client
            .stop_task()
            .cluster(&self.config.cluster)
            .task(task)
            .reason(why)
            .send()
            .await
            .map_err(|error| Error::of(format!("stopping the agent’s task {task}"), error))?;
        Ok(())
    }

    fn network(&self) -> Result<Option<NetworkConfiguration>, aws_sdk_ecs::error::BuildError> {
        if self.config.subnets.is_empty() {
            return Ok(None);
        }
        let public =
            if self.config.public_address { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
        let vpc = AwsVpcConfiguration::builder()
            .set_subnets(Some(self.config.subnets.clone()))
            .set_security_groups(Some(self.config.security_groups.clone()))
            .assign_public_ip(public)
            .build()?;
        Ok(Some(NetworkConfiguration::builder().awsvpc_configuration(vpc).build()))
    }
}

fn sight(task: &Task) -> Sight {
    if task.last_status() != Some("STOPPED") {
        return Sight::Alive;
    }
    let container = task
        .containers()
        .iter()
        .find(|container| container.exit_code().is_some() || container.reason().is_some());
    let reasons = [task.stopped_reason(), container.and_then(|container| container.reason())];
    let why: Vec<&str> = reasons.into_iter().flatten().filter(|reason| !reason.is_empty()).collect();
    Sight::Stopped {
        exit_code: container.and_then(|container| container.exit_code()),
        why: if why.is_empty() { "ECS gave no reason".to_owned() } else { why.join("; ") },
    }
}
