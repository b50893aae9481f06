//! An S3 endpoint over a folder that vanishes, and how it is asked.

use std::{
    fmt::Debug,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

pub(crate) const BUCKET: &str = "archive";
pub(crate) const ACCESS_KEY: &str = "local";
pub(crate) const SECRET_KEY: &str = "a secret only this test knows";

/// An endpoint over a folder that vanishes, with one bucket.
pub(crate) struct Endpoint {
    pub(crate) folder: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Endpoint {
    pub(crate) async fn start() -> Self {
        let endpoint = Self::open(tempfile::tempdir().unwrap()).await;
        endpoint.client.create_bucket().bucket(BUCKET).send().await.unwrap();
        endpoint
    }

    pub(crate) async fn open(folder: TempDir) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (access_key, secret_key) = (ACCESS_KEY.to_owned(), SECRET_KEY.to_owned());
        let shutdown = async {
            let _ = stopped.await;
        };
        let root = folder.path().join("store");
        let serving =
            tokio::spawn(nightkeep_local::s3::serve(listener, root, access_key, secret_key, shutdown));
        let client = client(address, ACCESS_KEY, SECRET_KEY);
        Self { folder, address, client, stop, serving }
    }

    /// Stops the endpoint and starts another one over the same folder.
    pub(crate) async fn reopen(self) -> Self {
        self.stop.send(()).unwrap();
        // Its idle connections go with the client, so that the endpoint need not wait for them.
        drop(self.client);
        self.serving.await.unwrap().unwrap();
        Self::open(self.folder).await
    }

    pub(crate) async fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        let body = ByteStream::from(body.into());
        self.client.put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
    }

    pub(crate) async fn get(&self, key: &str) -> Vec<u8> {
        let object = self.client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        object.body.collect().await.unwrap().to_vec()
    }

    /// Every file of the store, from its root on.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { collect(&path, files) } else { files.push(path) }
            }
        }
        let mut files = Vec::new();
        collect(self.folder.path(), &mut files);
        files
    }

    /// Writes a request to a socket as it is. The first line names method and target; the body may
    /// be another one than the headers say.
    pub(crate) async fn send(&self, request: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut head = format!("{request} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(&[head.as_bytes(), b"\r\n", body].concat()).await.unwrap();
        socket
    }

    /// The whole answer to a request that is written as it is.
    pub(crate) async fn answer(&self, request: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let mut answer = Vec::new();
        self.send(request, headers, body).await.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) async fn until_files_are(&self, count: usize) {
        let wait = async {
            while self.files().len() != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
    }
}

pub(crate) fn client(address: SocketAddr, access_key: &str, secret_key: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(format!("http://{address}"))
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
        .force_path_style(true)
        // An answer that is wrong only the first time is wrong.
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// The status and the S3 code of a request that must fail.
pub(crate) fn failure<T: Debug, E: ProvideErrorMetadata + Debug>(
    result: Result<T, SdkError<E>>,
) -> (u16, String) {
    let error = result.unwrap_err();
    let status = error.raw_response().map(|response| response.status().as_u16());
    (status.unwrap(), error.code().unwrap_or_default().to_owned())
}

pub(crate) fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
