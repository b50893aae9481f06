//! DynamoDB and S3, each by two implementations that know nothing of one another: the local program's
//! endpoints, and ministack. Where they agree, it is AWS's behaviour and not one author's idea of it.

use std::{
    env,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::{
    config::{Credentials, SharedCredentialsProvider},
    types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use nightkeep_local::{endpoint, s3, signature::Keys, table::Table};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Notify};

use crate::until;

/// The name of the table and of the bucket.
pub const NAME: &str = "contract";

/// DynamoDB with an empty table and S3 with an empty bucket. Dropped, they are gone.
pub struct Endpoints {
    /// Whose they are.
    pub whose: &'static str,
    /// How DynamoDB is reached.
    pub dynamodb: SdkConfig,
    /// How S3 is reached.
    pub s3: aws_sdk_s3::Client,
    process: Option<Child>,
    _folder: TempDir,
}

impl Endpoints {
    /// Both.
    pub async fn all() -> [Self; 2] {
        [Self::local().await, Self::ministack().await]
    }

    async fn local() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let keys = Keys { access_key: "test".to_owned(), secret_key: "test".to_owned() };
        let table =
            Table::open(&folder.path().join("table"), Arc::new(Notify::new())).expect("opening a table");
        table.create(NAME).expect("a table");
        let forever = std::future::pending::<()>;
        let (dynamodb, at) = bind().await;
        tokio::spawn(endpoint::serve(dynamodb, Arc::new(table), keys.clone(), forever()));
        let (objects, objects_at) = bind().await;
        tokio::spawn(s3::serve(
            objects,
            folder.path().join("s3"),
            keys.access_key,
            keys.secret_key,
            forever(),
        ));
        let (dynamodb, s3) = (shared(&format!("http://{at}")), objects_of(&format!("http://{objects_at}")));
        s3.create_bucket().bucket(NAME).send().await.expect("a bucket");
        Self { whose: "the local program", dynamodb, s3, process: None, _folder: folder }
    }

    async fn ministack() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/aws/rehearsal/bin/ministack");
        assert!(program.exists(), "{} is missing: tests/run installs it", program.display());
        let port = bind().await.0.local_addr().expect("a port").port();
        let process = Command::new(program)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starting ministack");
        let url = format!("http://127.0.0.1:{port}");
        until("ministack answers", || async {
            let answer = reqwest::get(format!("{url}/_ministack/health")).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        let (dynamodb, s3) = (shared(&url), objects_of(&url));
        let of = |name: &str, kind: KeyType| {
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key")
        };
        let text = |name: &str| {
            let attribute = AttributeDefinition::builder().attribute_name(name);
            attribute.attribute_type(ScalarAttributeType::S).build().expect("an attribute")
        };
        aws_sdk_dynamodb::Client::new(&dynamodb)
            .create_table()
            .table_name(NAME)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(text("pk"))
            .attribute_definitions(text("sk"))
            .key_schema(of("pk", KeyType::Hash))
            .key_schema(of("sk", KeyType::Range))
            .send()
            .await
            .expect("a table");
        s3.create_bucket().bucket(NAME).send().await.expect("a bucket");
        Self { whose: "ministack", dynamodb, s3, process: Some(process), _folder: folder }
    }
}

impl Drop for Endpoints {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

async fn bind() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("the port");
    (listener, address)
}

fn shared(url: &str) -> SdkConfig {
    let keys = Credentials::new("test", "test", None, None, "contract");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .endpoint_url(url)
        .build()
}

fn objects_of(url: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&shared(url)).force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}
