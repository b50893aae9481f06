//! What the tests share: keys, clients, endpoints on free ports, waiting for a condition.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use nightkeep_local::{
    endpoint::{self, Service},
    signature::Keys,
};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

/// How long anything may take before a test fails.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn keys() -> Keys {
    Keys { access_key: "NKEXAMPLE".to_owned(), secret_key: "a secret for tests".to_owned() }
}

/// Serves on a free port for as long as the test runs.
pub(crate) async fn serve<S: Service>(service: Arc<S>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(endpoint::serve(listener, service, keys(), std::future::pending()));
    address
}

/// What a client needs to call `address` with these keys, without trying twice.
pub(crate) fn sdk(address: SocketAddr, keys: &Keys) -> SdkConfig {
    let credentials = Credentials::new(&keys.access_key, &keys.secret_key, None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(format!("http://{address}"))
        .build()
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {LIMIT:?} in vain: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
