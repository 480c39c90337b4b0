//! The modes of TLS, against a server that speaks no more of MySQL's protocol than a login needs. It refuses every login,
//! and says in its refusal whether the login came over TLS.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;

const PROTOCOL_41: u32 = 0x200;
const SSL: u32 = 0x800;
const SECURE_CONNECTION: u32 = 0x8000;
const PLUGIN_AUTH: u32 = 0x8_0000;

/// An authority, and a server's certificate that it signed for some names.
struct Certificates {
    authority: tempfile::NamedTempFile,
    acceptor: TlsAcceptor,
}

impl Certificates {
    fn for_names(names: &[&str]) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(authority.path(), params.self_signed(&authority_key).unwrap().pem()).unwrap();

        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &Issuer::new(params, authority_key))
            .unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        Self { authority, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    fn authority(&self) -> &Path {
        self.authority.path()
    }
}

/// Starts the server and returns its port.
async fn server(tls: Option<TlsAcceptor>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that gives up in the handshake is expected.
            let _ = serve(stream, tls.clone()).await;
        }
    });
    port
}

async fn serve(mut stream: TcpStream, tls: Option<TlsAcceptor>) -> std::io::Result<()> {
    let ssl = if tls.is_some() { SSL } else { 0 };
    write(&mut stream, 0, &greeting(PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH | ssl)).await?;
    match tls {
        None => {
            read(&mut stream).await?;
            write(&mut stream, 2, &refusal("in the clear")).await
        }
        Some(tls) => {
            let request = read(&mut stream).await?;
            if request.len() > 32 {
                return write(&mut stream, 2, &refusal("in the clear")).await;
            }
            let mut stream = tls.accept(stream).await?;
            read(&mut stream).await?;
            write(&mut stream, 3, &refusal("over TLS")).await
        }
    }
}

fn greeting(capabilities: u32) -> Vec<u8> {
    let [low_0, low_1, high_0, high_1] = capabilities.to_le_bytes();
    let mut packet = b"\x0a8.0.35\0\x01\0\0\0abcdefgh\0".to_vec();
    packet.extend([low_0, low_1, 45, 2, 0, high_0, high_1, 21]);
    packet.extend([0; 10]);
    packet.extend(b"ijklmnopqrst\0mysql_native_password\0");
    packet
}

fn refusal(message: &str) -> Vec<u8> {
    let mut packet = vec![0xff];
    packet.extend(1045_u16.to_le_bytes());
    packet.extend(b"#28000");
    packet.extend(message.as_bytes());
    packet
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), sequence: u8, packet: &[u8]) -> std::io::Result<()> {
    let mut bytes = u32::try_from(packet.len()).unwrap().to_le_bytes().to_vec();
    bytes[3] = sequence;
    bytes.extend(packet);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let [a, b, c, _] = header;
    let mut packet = vec![0; u32::from_le_bytes([a, b, c, 0]) as usize];
    stream.read_exact(&mut packet).await?;
    Ok(packet)
}

/// Logs in with a mode, and returns the error.
async fn login(port: u16, host: &str, parameters: &str) -> SourceError {
    let dsn = Dsn::parse(&format!("mysql://cdc:hunter2@{host}:{port}/{parameters}")).unwrap();
    Session::open(&Target::Driver(dsn), &Options::default()).await.err().unwrap()
}

fn detail(error: &SourceError) -> &str {
    match error {
        SourceError::Refused { detail, .. } | SourceError::Tls { detail, .. } => detail,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn tls_is_used_where_the_server_offers_it() {
    let certificates = Certificates::for_names(&["db.example"]);
    let port = server(Some(certificates.acceptor)).await;
    for (parameters, said) in [
        ("", "over TLS (code 1045)"),
        ("?ssl-mode=preferred", "over TLS (code 1045)"),
        ("?ssl-mode=required", "over TLS (code 1045)"),
        ("?ssl-mode=disabled", "in the clear (code 1045)"),
    ] {
        assert_eq!(detail(&login(port, "127.0.0.1", parameters).await), said, "{parameters}");
    }
}

#[tokio::test]
async fn without_tls_only_preferred_and_disabled_continue() {
    let port = server(None).await;
    for parameters in ["", "?ssl-mode=preferred", "?ssl-mode=disabled"] {
        assert_eq!(detail(&login(port, "127.0.0.1", parameters).await), "in the clear (code 1045)");
    }
    for mode in ["required", "verify-ca", "verify-identity"] {
        let error = login(port, "127.0.0.1", &format!("?ssl-mode={mode}")).await;
        assert_eq!(
            error.to_string(),
            format!(
                "no TLS connection to MySQL at 127.0.0.1:{port} with ssl-mode={mode}: the server offers no TLS. Turn TLS \
                 on in the server, or allow an unencrypted connection by ssl-mode=preferred"
            )
        );
    }
}

#[tokio::test]
async fn verify_ca_compares_no_name_and_verify_identity_does() {
    // The second has no name at all, as certificates have that were made by hand.
    for names in [&["db.example", "localhost"][..], &[]] {
        let certificates = Certificates::for_names(names);
        let port = server(Some(certificates.acceptor.clone())).await;
        let ca = certificates.authority().display();
        for host in ["127.0.0.1", "localhost"] {
            let error = login(port, host, &format!("?ssl-ca={ca}")).await;
            assert_eq!(detail(&error), "over TLS (code 1045)");
            let error = login(port, host, &format!("?ssl-mode=verify-identity&ssl-ca={ca}")).await;
            if host == "localhost" && !names.is_empty() {
                assert_eq!(detail(&error), "over TLS (code 1045)");
            } else {
                let text = error.to_string();
                assert!(text.contains("certificate not valid for name"), "{text}");
                assert!(text.ends_with("or ssl-mode=verify-ca, which does not compare the host"), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn verify_ca_refuses_another_authority() {
    let certificates = Certificates::for_names(&["localhost"]);
    let other = Certificates::for_names(&["localhost"]);
    let port = server(Some(certificates.acceptor)).await;
    let ca = other.authority().display();
    for parameters in [
        format!("?ssl-ca={ca}"),
        format!("?ssl-mode=verify-identity&ssl-ca={ca}"),
        "?ssl-mode=verify-ca".to_owned(),
    ] {
        let text = login(port, "localhost", &parameters).await.to_string();
        assert!(text.contains("ssl-ca=FILE; Amazon RDS has its own"), "{text}");
    }
}

#[tokio::test]
async fn a_file_without_a_certificate_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display();
    let text = login(1, "localhost", &format!("?ssl-ca={path}")).await.to_string();
    assert_eq!(
        text,
        format!("the file {path} cannot be used for the connection to MySQL: it has no PEM certificate")
    );
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dsn = Dsn::parse(&format!("mysql://cdc:hunter2@127.0.0.1:{port}/")).unwrap();
    let options = Options { connect_timeout: Duration::from_millis(100), ..Options::default() };
    let error = Session::open(&Target::Driver(dsn), &options).await.err().unwrap();
    assert!(error.is_transient(), "{error}");
    drop(listener);
    let error = login(port, "127.0.0.1", "").await;
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
}
