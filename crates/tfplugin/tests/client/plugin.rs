//! The toy provider, started as Terraform starts it, and ways to connect to it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use proto::provider_client::ProviderClient;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

#[allow(clippy::all, clippy::pedantic, dead_code, unreachable_pub, missing_docs, reason = "generated")]
pub(crate) mod proto {
    tonic::include_proto!("tfplugin6");
}

#[allow(clippy::all, clippy::pedantic, dead_code, unreachable_pub, missing_docs, reason = "generated")]
pub(crate) mod plugin_proto {
    tonic::include_proto!("plugin");
}

const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
const LARGE: usize = 256 << 20;

/// A certificate with its key.
pub(crate) struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

pub(crate) fn client_identity() -> Identity {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    // Terraform's is a CA, too.
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    Identity { certificate: params.self_signed(&key).unwrap(), key }
}

pub(crate) struct Plugin {
    process: Child,
    pub(crate) client: Identity,
    pub(crate) socket: PathBuf,
    certificate: CertificateDer<'static>,
    dir: TempDir,
}

impl Plugin {
    /// Starts it and reads the one line of the handshake.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("world")).unwrap();
        let client = client_identity();
        let mut process = Command::new(env!("CARGO_BIN_EXE_terraform-provider-toy"))
            .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_CLIENT_CERT", client.certificate.pem())
            .env("PLUGIN_UNIX_SOCKET_DIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let parts: Vec<_> = line.trim().split('|').collect();
        assert_eq!(parts[..3], ["1", "6", "unix"], "{line}");
        assert_eq!(parts[4], "grpc", "{line}");
        let socket = PathBuf::from(parts[3]);
        assert!(socket.starts_with(dir.path()), "{line}");
        let certificate = CertificateDer::from(BASE64_STANDARD_NO_PAD.decode(parts[5]).unwrap());
        Self { process, client, socket, certificate, dir }
    }

    pub(crate) fn world(&self, name: &str) -> PathBuf {
        self.dir.path().join("world").join(name)
    }

    /// Connects with mTLS, as whom it is told.
    pub(crate) async fn connect(
        &self,
        identity: Option<&Identity>,
    ) -> Result<Channel, tonic::transport::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            Some(identity) => config
                .with_client_auth_cert(
                    vec![identity.certificate.der().clone()],
                    PrivatePkcs8KeyDer::from(identity.key.serialize_der()).into(),
                )
                .unwrap(),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let socket = self.socket.clone();
        let connect = service_fn(move |_| {
            let (connector, socket) = (connector.clone(), socket.clone());
            async move {
                let stream = UnixStream::connect(socket).await?;
                let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
                connector.connect(name, stream).await.map(TokioIo::new)
            }
        });
        Endpoint::from_static("http://localhost").connect_with_connector(connect).await
    }

    /// Insists that no call of this client is answered. TLS 1.3 tells a client only after its handshake.
    pub(crate) async fn refuses(&self, identity: Option<&Identity>) {
        if let Ok(channel) = self.connect(identity).await {
            expect_refusal(channel).await;
        }
    }

    /// Insists that no call without TLS is answered.
    pub(crate) async fn refuses_plain_text(&self) {
        let socket = self.socket.clone();
        let connect = service_fn(move |_| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        if let Ok(channel) = Endpoint::from_static("http://localhost").connect_with_connector(connect).await {
            expect_refusal(channel).await;
        }
    }

    /// A client for which the provider is configured.
    pub(crate) async fn configured_provider(&self) -> ProviderClient<Channel> {
        let mut provider = provider(self.connect(Some(&self.client)).await.unwrap());
        let world = self.dir.path().join("world").display().to_string();
        let configured = provider
            .configure_provider(proto::configure_provider::Request {
                terraform_version: "1.11.4".to_owned(),
                config: Some(object(&[("dir", text(&world))])),
                client_capabilities: None,
            })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(configured.diagnostics, []);
        provider
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < limit, "the provider does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn expect_refusal(channel: Channel) {
    let call = ProviderClient::new(channel).get_provider_schema(proto::get_provider_schema::Request {}).await;
    assert!(call.is_err(), "a stranger got an answer");
}

pub(crate) fn provider(channel: Channel) -> ProviderClient<Channel> {
    ProviderClient::new(channel).max_decoding_message_size(LARGE).max_encoding_message_size(LARGE)
}

/// The msgpack of a text.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let mut out = vec![0xdb];
    out.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    out.extend(text.as_bytes());
    out
}

/// A value with these attributes, each already in msgpack.
pub(crate) fn object(attributes: &[(&str, Vec<u8>)]) -> proto::DynamicValue {
    let mut msgpack = vec![0x80 | u8::try_from(attributes.len()).unwrap()];
    for (name, value) in attributes {
        msgpack.extend(text(name));
        msgpack.extend(value);
    }
    proto::DynamicValue { msgpack, json: Vec::new() }
}
