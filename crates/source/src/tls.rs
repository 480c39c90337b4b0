//! How a connection is encrypted, in the words of MySQL's own clients.

use std::fmt;
use std::path::PathBuf;

use mysql_async::SslOpts;

use crate::SourceError;

/// The `ssl-mode` of a DSN: what MySQL's clients call `--ssl-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// No TLS.
    Disabled,
    /// TLS where the server offers it, else no encryption. A handshake that fails is an error. The default.
    Preferred,
    /// TLS; any certificate is accepted.
    Required,
    /// TLS; the certificate must be signed by an authority of `ssl-ca` (without it, by a public one).
    VerifyCa,
    /// Like [`Self::VerifyCa`], and the certificate must name the DSN's host.
    VerifyIdentity,
}

impl SslMode {
    const ALL: [Self; 5] =
        [Self::Disabled, Self::Preferred, Self::Required, Self::VerifyCa, Self::VerifyIdentity];

    fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Preferred => "preferred",
            Self::Required => "required",
            Self::VerifyCa => "verify-ca",
            Self::VerifyIdentity => "verify-identity",
        }
    }

    /// Reads a mode, also in the spelling `VERIFY_CA`. The error says what to write.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|mode| mode.name() == plain(text));
        found.ok_or_else(|| unknown("ssl-mode", text, &Self::ALL.map(Self::name)))
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns a name of the DSN in the one spelling that is compared: MySQL's clients and its drivers disagree about case
/// and about `-` and `_`.
pub(crate) fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Explains an unknown word of the DSN. Repeats it only where it is close to a known one: anything else could be a part
/// of a password.
pub(crate) fn unknown(kind: &str, word: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&plain(word), name), *name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match (near, known) {
        (Some((_, name)), _) => format!("the {kind} \"{word}\" is unknown; did you mean {name}?"),
        (None, [rest @ .., last]) => {
            format!("a {kind} is unknown; write {} or {last}", rest.join(", "))
        }
        (None, []) => format!("a {kind} is unknown"),
    }
}

/// The TLS part of a DSN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) mode: SslMode,
    /// The file with the authorities to trust, in PEM.
    pub(crate) ca: Option<PathBuf>,
}

/// The name that stands for the host where it is not compared. `mysql_async` is told to skip the comparison, but up to
/// 0.37.1 it recognizes a mismatch by the text `NotValidForName`, which rustls no longer prints
/// (<https://github.com/blackbeam/mysql_async/issues/404>). rustls does print the name that it expected.
const UNCOMPARED_HOST: &str = "NotValidForName";

impl Tls {
    /// As with MySQL's clients, `ssl-ca` alone means `verify-ca`.
    pub(crate) fn new(mode: Option<SslMode>, ca: Option<PathBuf>) -> Result<Self, String> {
        let default = if ca.is_some() { SslMode::VerifyCa } else { SslMode::Preferred };
        let mode = mode.unwrap_or(default);
        if ca.is_some() && !matches!(mode, SslMode::VerifyCa | SslMode::VerifyIdentity) {
            return Err(format!(
                "ssl-mode={mode} does not use ssl-ca; write ssl-mode=verify-ca or verify-identity, or leave ssl-ca out"
            ));
        }
        Ok(Self { mode, ca })
    }

    /// Returns the driver's options, `None` without TLS. Reads the file of `ssl-ca`.
    pub(crate) fn options(&self) -> Result<Option<SslOpts>, SourceError> {
        let options = SslOpts::default();
        let options = match self.mode {
            SslMode::Disabled => return Ok(None),
            SslMode::Preferred | SslMode::Required => options.with_danger_accept_invalid_certs(true),
            SslMode::VerifyCa => options
                .with_danger_skip_domain_validation(true)
                .with_danger_tls_hostname_override(Some(UNCOMPARED_HOST)),
            SslMode::VerifyIdentity => options,
        };
        let Some(path) = &self.ca else { return Ok(Some(options)) };
        let wrong = |detail: String| SourceError::File { path: path.display().to_string(), detail };
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
            return Err(wrong("it has no PEM certificate".to_owned()));
        }
        Ok(Some(options.with_root_certs(vec![pem.into()]).with_disable_built_in_roots(true)))
    }
}

/// Chooses the crypto provider of this process, where nothing has chosen one. With two of them in a program (ring for
/// Databend's driver, aws-lc-rs for the AWS SDK) rustls does not choose by itself and panics. The others name theirs.
pub(crate) fn use_ring() {
    // An error means that a choice was made.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
