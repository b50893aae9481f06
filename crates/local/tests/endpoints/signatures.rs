//! Who does not have the keys is refused, at each endpoint.

use std::sync::Arc;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use nightkeep_local::{
    signature::Keys,
    ssm::{self, Ssm},
    table::Table,
};

use crate::{
    ecs::Machine,
    support::{keys, sdk, serve},
};

/// Keys that are wrong in one way each, and how AWS refuses them.
fn wrong() -> [(Keys, &'static str); 2] {
    [
        (Keys { access_key: "NKOTHER".to_owned(), ..keys() }, "UnrecognizedClientException"),
        (Keys { secret_key: "another secret".to_owned(), ..keys() }, "InvalidSignatureException"),
    ]
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &str {
    error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default()
}

#[tokio::test]
async fn wrong_keys_are_refused_by_dynamodb_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let table = Table::open(&folder.path().join("table"), Arc::default()).unwrap();
    table.create("nightkeep").unwrap();
    let address = serve(Arc::new(table)).await;
    let put = async |keys: &Keys| {
        let client = aws_sdk_dynamodb::Client::new(&sdk(address, keys));
        let text = |value: &str| aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
        client.put_item().table_name("nightkeep").item("pk", text("a")).item("sk", text("b")).send().await
    };
    for (keys, expected) in wrong() {
        assert_eq!(code(&put(&keys).await.unwrap_err()), expected);
    }
    let client = aws_sdk_dynamodb::Client::new(&sdk(address, &keys()));
    assert_eq!(client.scan().table_name("nightkeep").send().await.unwrap().count(), 0);
    put(&keys()).await.unwrap();
    assert_eq!(client.scan().table_name("nightkeep").send().await.unwrap().count(), 1);
}

#[tokio::test]
async fn wrong_keys_are_refused_by_ecs() {
    let machine = Machine::new("exit 0");
    let address = machine.start().await;
    for (keys, expected) in wrong() {
        let client = aws_sdk_ecs::Client::new(&sdk(address, &keys));
        assert_eq!(code(&client.list_tasks().cluster("nightkeep").send().await.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn wrong_keys_are_refused_by_ssm() {
    let folder = tempfile::tempdir().unwrap();
    let store = ssm::Store::open(&folder.path().join("ssm.json")).unwrap();
    let address = serve(Arc::new(Ssm::new(store, "us-east-1"))).await;
    for (keys, expected) in wrong() {
        let client = aws_sdk_ssm::Client::new(&sdk(address, &keys));
        assert_eq!(code(&client.get_parameter().name("/a").send().await.unwrap_err()), expected);
    }
}
