//! The handshake of Terraform and its plugins (docs/facts/tfplugin6.md, "The plugin handshake").

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

const COOKIE_NAME: &str = "TF_PLUGIN_MAGIC_COOKIE";
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// Why a provider does not serve.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "This program is a Terraform plugin. It is not meant to be run by itself: name it in a Terraform \
         configuration's required_providers, and run `terraform init`."
    )]
    NotTerraform,
    #[error(
        "Terraform offers the plugin protocols {0}, and this provider speaks 6. Use Terraform 1.11 or later."
    )]
    Protocol(String),
    #[error("Terraform gave no client certificate (PLUGIN_CLIENT_CERT). Use Terraform 1.11 or later.")]
    NoCertificate,
    #[error("Terraform's client certificate (PLUGIN_CLIENT_CERT) cannot be read: {0}")]
    Certificate(rustls::pki_types::pem::Error),
    #[error("The provider's own certificate cannot be made: {0}")]
    OwnCertificate(rcgen::Error),
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
    #[error("No socket can be opened in {}: {error}. Set TMPDIR to a folder with a short path that can be written.", dir.display())]
    Socket { dir: PathBuf, error: std::io::Error },
    #[error("The handshake cannot be written to stdout: {0}")]
    Stdout(std::io::Error),
    #[error("Signals cannot be received: {0}")]
    Signal(std::io::Error),
    #[error("The async runtime cannot be started: {0}")]
    Runtime(std::io::Error),
}

/// What Terraform says at the start.
#[derive(Debug)]
pub(super) struct Handshake {
    /// Terraform's certificate; none for a debugger's Terraform.
    pub(super) client_cert: Option<CertificateDer<'static>>,
    pub(super) socket_dir: Option<PathBuf>,
}

impl Handshake {
    pub(super) fn from_env() -> Result<Self, Refusal> {
        Self::from_vars(|name| std::env::var_os(name))
    }

    /// For a Terraform with `TF_REATTACH_PROVIDERS`, which speaks without TLS.
    pub(super) fn debug() -> Self {
        Self { client_cert: None, socket_dir: None }
    }

    fn from_vars(var: impl Fn(&str) -> Option<OsString>) -> Result<Self, Refusal> {
        let text = |name: &str| var(name).and_then(|value| value.into_string().ok());
        if text(COOKIE_NAME).as_deref() != Some(COOKIE) {
            return Err(Refusal::NotTerraform);
        }
        if let Some(versions) = text("PLUGIN_PROTOCOL_VERSIONS")
            && !versions.split(',').any(|version| version == "6")
        {
            return Err(Refusal::Protocol(versions));
        }
        let pem = text("PLUGIN_CLIENT_CERT").ok_or(Refusal::NoCertificate)?;
        let client_cert = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(Refusal::Certificate)?;
        let socket_dir = var("PLUGIN_UNIX_SOCKET_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        Ok(Self { client_cert: Some(client_cert), socket_dir })
    }
}

/// The one line on stdout that tells Terraform where to connect.
pub(super) fn line(socket: &Path, certificate: &CertificateDer<'_>) -> String {
    let certificate = BASE64_STANDARD_NO_PAD.encode(certificate);
    format!("1|6|unix|{}|grpc|{certificate}", socket.display())
}

/// What a developer copies into the terminal of his Terraform.
pub(super) fn reattach(address: &str, socket: &Path) -> String {
    let address = if address.matches('/').count() < 2 {
        format!("registry.terraform.io/{address}")
    } else {
        address.to_owned()
    };
    let providers = json!({
        address: {
            "Protocol": "grpc",
            "ProtocolVersion": 6,
            "Pid": std::process::id(),
            "Test": true,
            "Addr": { "Network": "unix", "String": socket },
        }
    });
    format!("TF_REATTACH_PROVIDERS='{providers}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(vars: &[(&str, &str)]) -> Result<Handshake, Refusal> {
        Handshake::from_vars(|name| {
            vars.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    }

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn without_the_cookie_it_is_not_terraform() {
        assert!(matches!(handshake(&[]), Err(Refusal::NotTerraform)));
        assert!(matches!(handshake(&[(COOKIE_NAME, "x")]), Err(Refusal::NotTerraform)));
        assert!(Refusal::NotTerraform.to_string().contains("Terraform plugin"));
    }

    #[test]
    fn the_certificate_is_required() {
        let without = handshake(&[(COOKIE_NAME, COOKIE), ("PLUGIN_PROTOCOL_VERSIONS", "5,6")]);
        assert!(matches!(without, Err(Refusal::NoCertificate)));
        let broken = handshake(&[(COOKIE_NAME, COOKIE), ("PLUGIN_CLIENT_CERT", "x")]);
        assert!(matches!(broken, Err(Refusal::Certificate(_))));
        let good = handshake(&[(COOKIE_NAME, COOKIE), ("PLUGIN_CLIENT_CERT", &certificate())]);
        assert!(good.unwrap().client_cert.is_some());
    }

    #[test]
    fn protocol_6_must_be_offered() {
        let old = handshake(&[(COOKIE_NAME, COOKIE), ("PLUGIN_PROTOCOL_VERSIONS", "4,5")]);
        assert!(matches!(old, Err(Refusal::Protocol(versions)) if versions == "4,5"));
    }

    #[test]
    fn the_line_has_six_parts() {
        let line = line(Path::new("/tmp/x"), &CertificateDer::from(vec![1]));
        assert_eq!(line, "1|6|unix|/tmp/x|grpc|AQ");
    }

    #[test]
    fn a_debugger_gets_the_whole_address() {
        let line = reattach("a/b", Path::new("/tmp/x"));
        assert!(line.starts_with(r#"TF_REATTACH_PROVIDERS='{"registry.terraform.io/a/b":"#), "{line}");
    }
}
