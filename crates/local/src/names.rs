//! What the local system's parts are called, and the environment by which others find them: the tasks
//! of the agent, the file `env`, and with it any AWS client and plain restic.

use std::{net::SocketAddr, path::Path};

use crate::{folder::Folder, signature::Keys};

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const TABLE: &str = "nightkeep";
pub(crate) const BUCKET: &str = "nightkeep";
pub(crate) const CLUSTER: &str = "nightkeep";
pub(crate) const TASK_DEFINITION: &str = "nightkeep-agent";
pub(crate) const CONTAINER: &str = "agent";
pub(crate) const PARAMETERS: &str = "/nightkeep";
pub(crate) const SESSION_KEY_PARAMETER: &str = "/nightkeep/secrets/session-key";
pub(crate) const PASSWORD_PARAMETER: &str = "/nightkeep/secrets/repository-password";

/// The variable by which a service learns where to ask for the maintenance flag.
pub(crate) const MAINTENANCE_URL: &str = "NIGHTKEEP_MAINTENANCE_URL";

/// Where the four endpoints listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) dynamodb: SocketAddr,
    pub(crate) s3: SocketAddr,
    pub(crate) ecs: SocketAddr,
    pub(crate) ssm: SocketAddr,
}

/// The variables by which a client of the local system finds everything.
pub(crate) fn environment(folder: &Folder, keys: &Keys, addresses: Addresses) -> Vec<(String, String)> {
    let url = |address: SocketAddr| format!("http://{address}");
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let variables = [
        ("AWS_ENDPOINT_URL_DYNAMODB", url(addresses.dynamodb)),
        ("AWS_ENDPOINT_URL_S3", url(addresses.s3)),
        ("AWS_ENDPOINT_URL_ECS", url(addresses.ecs)),
        ("AWS_ENDPOINT_URL_SSM", url(addresses.ssm)),
        ("AWS_ACCESS_KEY_ID", keys.access_key.clone()),
        ("AWS_SECRET_ACCESS_KEY", keys.secret_key.clone()),
        ("AWS_REGION", REGION.to_owned()),
        ("NIGHTKEEP_TABLE", TABLE.to_owned()),
        ("NIGHTKEEP_BUCKET", BUCKET.to_owned()),
        ("NIGHTKEEP_PARAMETERS", PARAMETERS.to_owned()),
        ("NIGHTKEEP_CLUSTER", CLUSTER.to_owned()),
        ("NIGHTKEEP_SERVICES_CLUSTER", CLUSTER.to_owned()),
        ("NIGHTKEEP_TASK_DEFINITION", TASK_DEFINITION.to_owned()),
        ("NIGHTKEEP_CONTAINER", CONTAINER.to_owned()),
        ("RESTIC_REPOSITORY", format!("s3:{}/{BUCKET}/repository", url(addresses.s3))),
        ("RESTIC_PASSWORD_FILE", path(&folder.repository_password())),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Variables as lines that a shell can read, each value quoted.
pub(crate) fn shell(variables: &[(String, String)]) -> String {
    let line =
        |(name, value): &(String, String)| format!("export {name}='{}'\n", value.replace('\'', r"'\''"));
    variables.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_each_value_as_it_was() {
        let value = "it's $HOME `and` \"more\" \\ * ü";
        let script = format!("{}printf %s \"$A\"", shell(&[("A".to_owned(), value.to_owned())]));
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
    }
}
