//! The connections of all clients.
//!
//! Left to itself the SDK reads and parses the machine's root certificates for every client twice: once
//! at its making, only to see whether that works, and once at its first call. Here that is done once.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_smithy_http_client::{
    ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};

/// A client of HTTP that all clients of AWS share. Those that wait as long as each other share their
/// connections too.
///
/// What connects within `usual` is made at once: while a function starts it has a whole processor,
/// afterwards only what goes with its memory.
pub(crate) fn client(usual: Duration) -> SharedHttpClient {
    let usual = HttpConnectorSettings::builder().connect_timeout(usual).build();
    let first = connector(&usual);
    let made = Mutex::new(vec![(usual, first)]);
    http_client_fn(move |wanted, _| {
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = made.iter().find(|(settings, _)| same(settings, wanted)) {
            return found.clone();
        }
        let new = connector(wanted);
        made.push((wanted.clone(), new.clone()));
        new
    })
}

fn same(one: &HttpConnectorSettings, other: &HttpConnectorSettings) -> bool {
    one.connect_timeout() == other.connect_timeout() && one.read_timeout() == other.read_timeout()
}

/// Like the SDK's own: TLS by rustls, the machine's root certificates, and a proxy if the environment
/// names one.
fn connector(settings: &HttpConnectorSettings) -> SharedHttpConnector {
    let mut builder = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    builder.set_connector_settings(Some(settings.clone()));
    builder.set_sleep_impl(default_async_sleep());
    builder.set_proxy_config(Some(ProxyConfig::from_env()));
    SharedHttpConnector::new(builder.build())
}
