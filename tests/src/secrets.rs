//! A console's secrets, exchanged as an administrator would with the AWS command line.

use aws_sdk_ssm::types::ParameterType;

use crate::console::Console;

impl Console {
    /// A secret.
    pub async fn secret(&self, name: &str) -> String {
        let (client, folder) = self.parameters();
        let name = format!("{folder}/secrets/{name}");
        let found = client.get_parameter().name(name).with_decryption(true).send().await.expect("a secret");
        found.parameter.and_then(|parameter| parameter.value).expect("its value")
    }

    /// Puts a secret in place of the one of this name, if there is one.
    pub async fn keep_secret(&self, name: &str, value: &str) {
        let (client, folder) = self.parameters();
        let put = client.put_parameter().name(format!("{folder}/secrets/{name}")).value(value);
        put.r#type(ParameterType::SecureString).overwrite(true).send().await.expect("keeping a secret");
    }

    /// Deletes a secret.
    pub async fn forget_secret(&self, name: &str) {
        let (client, folder) = self.parameters();
        let name = format!("{folder}/secrets/{name}");
        client.delete_parameter().name(name).send().await.expect("deleting a secret");
    }
}
