//! How the driver's errors are distinguished.

use std::io;
use std::time::Duration;

use mysql_async::{DriverError, Error, IoError, ServerError};
use rustls::CertificateError;

use crate::{Account, Dsn, SourceError, SslMode, TableRef};

/// MySQL's and MariaDB's error codes.
mod code {
    pub(super) const TOO_MANY_CONNECTIONS: [u16; 3] = [1040, 1203, 1226];
    pub(super) const SHUTDOWN: u16 = 1053;
    /// The server ended the connection: MariaDB after KILL, MySQL after `wait_timeout`.
    pub(super) const CONNECTION_ENDED: [u16; 2] = [1927, 4031];
    /// 1401 is MySQL 8's answer to XA RECOVER without `XA_RECOVER_ADMIN`.
    pub(super) const MISSING_PRIVILEGE: [u16; 6] = [1044, 1142, 1143, 1227, 1370, 1401];
    pub(super) const UNKNOWN_TABLE: [u16; 2] = [1049, 1146];
    /// `max_execution_time` of MySQL, `max_statement_time` of MariaDB.
    pub(super) const TIMEOUT: [u16; 2] = [3024, 1969];
    /// `require_secure_transport` is on.
    pub(super) const SECURE_TRANSPORT_REQUIRED: u16 = 3159;
}

/// What a statement reads, for its errors.
pub(crate) struct Reading<'a> {
    pub(crate) what: String,
    pub(crate) privilege: String,
    pub(crate) account: &'a Account,
    pub(crate) limit: Duration,
    pub(crate) address: String,
}

/// Whether the server has no TLS.
pub(crate) fn has_no_tls(error: &Error) -> bool {
    matches!(error, Error::Driver(DriverError::NoClientSslFlagFromServer))
}

/// Sorts an error of the login.
pub(crate) fn connecting(error: &Error, dsn: &Dsn) -> SourceError {
    let address = dsn.address();
    let refused =
        |detail: String| SourceError::Refused { address: dsn.address(), user: dsn.user().to_owned(), detail };
    if let Some((detail, advice)) = tls_failure(error) {
        return SourceError::Tls { address, mode: dsn.ssl_mode(), detail, advice };
    }
    match error {
        Error::Server(said)
            if said.code == code::SHUTDOWN || code::TOO_MANY_CONNECTIONS.contains(&said.code) =>
        {
            SourceError::Unreachable { address, detail: message(said) }
        }
        Error::Server(said) => refused(message(said)),
        Error::Driver(DriverError::UnknownAuthPlugin { name }) => {
            refused(format!("the account uses the unsupported authentication plugin {name}"))
        }
        Error::Driver(DriverError::CleartextPluginDisabled) => {
            refused("the account wants its password as clear text".to_owned())
        }
        Error::Driver(error) => SourceError::Unreachable { address, detail: error.to_string() },
        Error::Io(IoError::Io(error)) => SourceError::Unreachable { address, detail: error.to_string() },
        error => SourceError::Unreachable { address, detail: error.to_string() },
    }
}

/// Sorts an error of a statement.
pub(crate) fn reading(error: &Error, reading: &Reading<'_>) -> SourceError {
    let Reading { what, address, .. } = reading;
    let (what, address) = (what.clone(), address.clone());
    match error {
        Error::Server(said) if code::MISSING_PRIVILEGE.contains(&said.code) => {
            SourceError::MissingPrivilege {
                account: reading.account.clone(),
                what,
                privilege: reading.privilege.clone(),
                message: said.message.clone(),
            }
        }
        Error::Server(said) if code::TIMEOUT.contains(&said.code) => {
            SourceError::Timeout { address, what, limit: reading.limit }
        }
        Error::Server(said) if said.code == code::SHUTDOWN || code::CONNECTION_ENDED.contains(&said.code) => {
            SourceError::ConnectionLost { address, what, detail: message(said) }
        }
        Error::Server(said) => SourceError::Sql { what, code: said.code, message: said.message.clone() },
        Error::Io(IoError::Io(error)) => {
            SourceError::ConnectionLost { address, what, detail: error.to_string() }
        }
        error => SourceError::ConnectionLost { address, what, detail: error.to_string() },
    }
}

/// Names the table in an error of a statement about it alone.
pub(crate) fn of_table(error: SourceError, table: &TableRef, address: &str) -> SourceError {
    match error {
        SourceError::Sql { code, .. } if code::UNKNOWN_TABLE.contains(&code) => {
            SourceError::UnknownTable { address: address.to_owned(), table: table.clone() }
        }
        error => error,
    }
}

fn message(said: &ServerError) -> String {
    format!("{} (code {})", said.message, said.code)
}

/// Returns what failed about TLS, and the advice.
fn tls_failure(error: &Error) -> Option<(String, &'static str)> {
    const OTHER: &str = "Check the server's certificate and its TLS version (1.2 or 1.3), or connect without TLS by \
                         ssl-mode=disabled";
    if has_no_tls(error) {
        return Some((
            "the server offers no TLS".to_owned(),
            "Turn TLS on in the server, or allow an unencrypted connection by ssl-mode=preferred",
        ));
    }
    match error {
        Error::Server(said) if said.code == code::SECURE_TRANSPORT_REQUIRED => {
            Some((message(said), "Write ssl-mode=required, or one of the modes that verify the certificate"))
        }
        Error::Io(IoError::Tls(error)) => Some((error.to_string(), OTHER)),
        Error::Io(IoError::Io(error)) => {
            if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return Some((error.to_string(), certificate_advice(error).unwrap_or(OTHER)));
            }
            let eof = error.kind() == io::ErrorKind::UnexpectedEof && error.to_string().contains("tls");
            eof.then(|| ("the server closed the connection in the handshake".to_owned(), OTHER))
        }
        _ => None,
    }
}

fn certificate_advice(error: &rustls::Error) -> Option<&'static str> {
    let rustls::Error::InvalidCertificate(error) = error else { return None };
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Some(
            "Name the file with the authority that signed the server's certificate by ssl-ca=FILE; Amazon RDS has its \
             own: https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Some(
            "Write a host that the certificate names in the DSN, or ssl-mode=verify-ca, which does not compare the host",
        ),
        // rustls reads a certificate before it asks whether to verify it.
        error if format!("{error:?}").contains("UnsupportedCertVersion") => Some(
            "Give the server an X.509 certificate of version 3 (openssl x509 makes one with -extfile), or connect without \
             TLS by ssl-mode=disabled",
        ),
        _ => None,
    }
}

/// Returns the error of a connection that was not ready in time.
pub(crate) fn too_slow(dsn: &Dsn, limit: Duration) -> SourceError {
    let hint = if dsn.ssl_mode() == SslMode::Disabled { "" } else { ", TLS and login included" };
    SourceError::Unreachable {
        address: dsn.address(),
        detail: format!("no connection within {} s{hint}", limit.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn said(code: u16, message: &str) -> Error {
        Error::Server(ServerError { code, message: message.into(), state: "HY000".into() })
    }

    fn login(error: &Error) -> String {
        connecting(error, &Dsn::parse("mysql://cdc:hunter2@db/?ssl-mode=required").unwrap()).to_string()
    }

    fn read(error: &Error) -> SourceError {
        let account = Account { user: "cdc".into(), host: "%".into() };
        let reading = Reading {
            what: "the number of rows of `shop`.`orders`".into(),
            privilege: "SELECT ON `shop`.`orders`".into(),
            account: &account,
            limit: Duration::from_mins(1),
            address: "db:3306".into(),
        };
        super::reading(error, &reading)
    }

    #[test]
    fn a_login_that_fails_says_why_and_what_to_do() {
        assert_eq!(
            login(&said(1045, "Access denied for user 'cdc'@'10.0.0.7' (using password: YES)")),
            "MySQL at db:3306 does not accept user \"cdc\": Access denied for user 'cdc'@'10.0.0.7' (using password: YES) \
             (code 1045). Correct user and password in the DSN, and check from which hosts the account may connect"
        );
        assert_eq!(
            login(&said(1040, "Too many connections")),
            "MySQL at db:3306 cannot be reached: Too many connections (code 1040). Check that it runs, the host and the \
             port of the DSN, and the network between"
        );
        assert_eq!(
            login(&Error::Driver(DriverError::NoClientSslFlagFromServer)),
            "no TLS connection to MySQL at db:3306 with ssl-mode=required: the server offers no TLS. Turn TLS on in the \
             server, or allow an unencrypted connection by ssl-mode=preferred"
        );
        let insecure =
            "Connections using insecure transport are prohibited while --require_secure_transport=ON.";
        assert!(login(&said(3159, insecure)).ends_with("or one of the modes that verify the certificate"));
    }

    #[test]
    fn a_certificate_that_is_not_accepted_says_what_to_write() {
        let failed = |error: CertificateError| {
            login(
                &io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error)).into(),
            )
        };
        assert!(failed(CertificateError::UnknownIssuer).contains("by ssl-ca=FILE; Amazon RDS has its own"));
        assert!(failed(CertificateError::NotValidForName).contains("or ssl-mode=verify-ca, which"));
        let version =
            CertificateError::Other(rustls::OtherError(Arc::new(io::Error::other("UnsupportedCertVersion"))));
        assert!(failed(version).contains("an X.509 certificate of version 3"));
        assert!(failed(CertificateError::Expired).contains("Check the server's certificate"));
    }

    #[test]
    fn a_missing_privilege_comes_with_its_grant() {
        let error = read(&said(1142, "SELECT command denied to user 'cdc'@'h' for table `shop`.`orders`"));
        assert_eq!(
            error.to_string(),
            "MySQL does not let 'cdc'@'%' read the number of rows of `shop`.`orders`: SELECT command denied to user \
             'cdc'@'h' for table `shop`.`orders`. Let an administrator of MySQL run GRANT SELECT ON \
             `shop`.`orders` TO 'cdc'@'%', then run the command again"
        );
    }

    #[test]
    fn a_statement_that_takes_too_long_names_the_limit() {
        for code in [3024, 1969] {
            assert_eq!(
                read(&said(code, "interrupted")).to_string(),
                "MySQL at db:3306 did not finish reading the number of rows of `shop`.`orders` within 60 s. Run the \
                 command again when the server is less busy"
            );
        }
    }

    #[test]
    fn a_broken_connection_is_told_from_a_refusal() {
        for error in [said(1927, "Connection was killed"), Error::Driver(DriverError::ConnectionClosed)] {
            assert!(read(&error).is_transient(), "{error}");
        }
        let refused = read(&said(1064, "syntax"));
        assert!(!refused.is_transient());
        assert_eq!(
            refused.to_string(),
            "MySQL refused to read the number of rows of `shop`.`orders`: syntax (code 1064)"
        );
    }

    #[test]
    fn an_unknown_table_is_named() {
        let table = TableRef::new("shop", "orders");
        for code in [1146, 1049] {
            assert_eq!(
                of_table(read(&said(code, "no such thing")), &table, "db:3306").to_string(),
                "MySQL at db:3306 has no table `shop`.`orders`. Correct its schema or its name; on most \
                 servers they are case-sensitive"
            );
        }
    }
}
