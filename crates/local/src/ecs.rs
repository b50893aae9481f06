//! The ECS endpoint: the calls that Nightkeep makes of Elastic Container Service, where a task is a
//! process of this machine instead of a container.
//!
//! This file and `service_calls` read requests and word answers and refusals as ECS does; what a task of
//! the agent is and how it lives is in `cluster`, the application's services are in `services`. It must never answer what is not so: that a task has stopped is what allows the
//! worker to end an operation.

mod cluster;
mod leftovers;
mod life;
mod process;
mod service_calls;
mod services;
mod shelf;
mod task;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub use self::{
    cluster::{Cluster, Config},
    process::TaskCommand,
    services::{Pace, Services},
};
use self::{
    cluster::{Order, Started},
    task::Task,
};
use crate::endpoint::{Protocol, Refusal, Service};

/// The most characters of a client token.
const LONGEST_TOKEN: usize = 64;

/// The endpoint over a cluster and its services.
pub struct Ecs {
    cluster: Cluster,
    services: Services,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunTask {
    cluster: Option<String>,
    task_definition: String,
    count: Option<u32>,
    client_token: Option<String>,
    started_by: Option<String>,
    #[serde(default)]
    overrides: Overrides,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Overrides {
    #[serde(default)]
    container_overrides: Vec<ContainerOverride>,
}

#[derive(Debug, Deserialize)]
struct ContainerOverride {
    name: Option<String>,
    #[serde(default)]
    environment: Vec<Variable>,
}

#[derive(Debug, Deserialize)]
struct Variable {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Debug, Deserialize)]
struct DescribeTasks {
    cluster: Option<String>,
    tasks: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct StopTask {
    cluster: Option<String>,
    task: String,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListTasks {
    cluster: Option<String>,
    started_by: Option<String>,
    desired_status: Option<String>,
}

impl Ecs {
    /// The endpoint of `cluster` and its services.
    pub fn new(cluster: Cluster, services: Services) -> Self {
        Self { cluster, services }
    }

    fn run_task(&self, request: RunTask, whole: Value) -> Result<Value, Refusal> {
        self.check_cluster(request.cluster.as_deref())?;
        let config = self.cluster.config();
        let family = request.task_definition.rsplit('/').next().unwrap_or_default();
        if family.split(':').next() != Some(&config.definition) {
            return Err(client("TaskDefinition not found."));
        }
        if request.count.is_some_and(|count| count != 1) {
            return Err(invalid("one task at a time can be started on this machine"));
        }
        let fits = |token: &str| {
            (1..=LONGEST_TOKEN).contains(&token.len()) && token.bytes().all(|b| (33..=126).contains(&b))
        };
        if request.client_token.as_deref().is_some_and(|token| !fits(token)) {
            return Err(invalid("a client token has 1 to 64 ASCII characters in the range of 33-126"));
        }
        let mut environment = Vec::new();
        for container in request.overrides.container_overrides {
            if container.name.as_deref() != Some(&config.container) {
                let name = container.name.unwrap_or_default();
                return Err(invalid(&format!(
                    "Override for container named {name} is not a container in the TaskDefinition."
                )));
            }
            environment
                .extend(container.environment.into_iter().map(|variable| (variable.name, variable.value)));
        }
        let order = Order {
            token: request.client_token,
            started_by: request.started_by,
            environment,
            request: whole,
        };
        match self.cluster.run(order).map_err(|error| Refusal::internal("ServerException", &error))? {
            Started::Task(task) => Ok(json!({ "tasks": [self.show(&task)], "failures": [] })),
            Started::TokenInUse(task) => {
                let arn = self.cluster.config().task_arn(&task.id);
                let message = "The provided clientToken is already in use with other parameters.";
                let body = json!({ "__type": "ConflictException", "message": message, "resourceIds": [arn] });
                Err(Refusal { body: body.to_string(), ..client(message) })
            }
        }
    }

    fn describe_tasks(&self, request: &DescribeTasks) -> Result<Value, Refusal> {
        self.check_cluster(request.cluster.as_deref())?;
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for name in &request.tasks {
            match self.find(name) {
                Some(task) => tasks.push(self.show(&task)),
                None => {
                    let arn = self.cluster.config().task_arn(short(name));
                    failures.push(json!({ "arn": arn, "reason": "MISSING" }));
                }
            }
        }
        Ok(json!({ "tasks": tasks, "failures": failures }))
    }

    fn stop_task(&self, request: &StopTask) -> Result<Value, Refusal> {
        self.check_cluster(request.cluster.as_deref())?;
        let reason = request.reason.as_deref().unwrap_or("Task stopped by user");
        match self.cluster.stop(short(&request.task), reason) {
            Some(task) => Ok(json!({ "task": self.show(&task) })),
            None => Err(invalid("The referenced task was not found.")),
        }
    }

    fn list_tasks(&self, request: &ListTasks) -> Result<Value, Refusal> {
        self.check_cluster(request.cluster.as_deref())?;
        let desired = request.desired_status.as_deref().unwrap_or("RUNNING");
        let wanted = |task: &Task| {
            task.desired() == desired
                && (request.started_by.is_none() || request.started_by == task.started_by)
        };
        let tasks = self.cluster.tasks();
        let arns =
            tasks.iter().filter(|task| wanted(task)).map(|task| self.cluster.config().task_arn(&task.id));
        Ok(json!({ "taskArns": arns.collect::<Vec<_>>() }))
    }

    fn find(&self, name: &str) -> Option<Task> {
        let id = short(name);
        self.cluster.tasks().into_iter().find(|task| task.id == id)
    }

    fn show(&self, task: &Task) -> Value {
        task.show(self.cluster.config())
    }

    fn check_cluster(&self, name: Option<&str>) -> Result<(), Refusal> {
        match name {
            Some(name) if short(name) == self.cluster.config().cluster => Ok(()),
            Some(_) | None => Err(Refusal::new("ClusterNotFoundException", "Cluster not found.")),
        }
    }
}

impl Service for Ecs {
    const PROTOCOL: Protocol = Protocol {
        service: "ecs",
        target: "AmazonEC2ContainerServiceV20141113",
        media_type: "application/x-amz-json-1.1",
    };

    fn call(&self, operation: &str, body: &[u8]) -> Result<String, Refusal> {
        let answer = match operation {
            "RunTask" => self.run_task(read(body)?, read(body)?),
            "DescribeTasks" => self.describe_tasks(&read(body)?),
            "StopTask" => self.stop_task(&read(body)?),
            "ListTasks" => self.list_tasks(&read(body)?),
            "ListServices" => self.list_services(&read(body)?),
            "DescribeServices" => self.describe_services(&read(body)?),
            "UpdateService" => self.update_service(&read(body)?),
            other => Err(Refusal::unknown(other)),
        };
        answer.map(|answer| answer.to_string())
    }
}

fn read<Q: DeserializeOwned>(body: &[u8]) -> Result<Q, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

/// The last part of an ARN, or the name itself.
fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn invalid(why: &str) -> Refusal {
    Refusal::new("InvalidParameterException", why)
}

fn client(why: &str) -> Refusal {
    Refusal::new("ClientException", why)
}
