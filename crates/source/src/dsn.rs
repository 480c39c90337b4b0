//! The MySQL DSN: read from `MYSQL_DSN` or a file, and checked here, so that a mistake in it is explained without any
//! part of the password. It has no way in from the command line, where other users of the machine could read it.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::tls::{SslMode, Tls};
use crate::{SourceError, tls};

/// The environment variable that holds the DSN.
const VARIABLE: &str = "MYSQL_DSN";

const PORT: u16 = 3306;

/// Schemes that a message may repeat. Anything else before a colon could be a part of a password.
const OTHER_SCHEMES: [&str; 9] =
    ["http", "https", "jdbc", "mariadb", "mysql+pymysql", "mysqlx", "postgres", "postgresql", "databend"];

const ENCODE: &str =
    "percent-encode the password: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23 and % is %25";

/// Where MySQL is, the user to log in as, and how the connection is encrypted. Never prints the password.
///
/// `mysql://USER:PASSWORD@HOST:PORT/?ssl-mode=MODE&ssl-ca=FILE`: the port defaults to 3306, the mode to
/// [`SslMode::Preferred`], or to [`SslMode::VerifyCa`] with `ssl-ca`. A schema after the `/` is ignored, since every
/// statement names its own.
#[derive(Clone)]
pub struct Dsn {
    user: String,
    password: SecretString,
    host: String,
    port: u16,
    tls: Tls,
}

impl Dsn {
    /// Reads the DSN from `file`, or without one from `MYSQL_DSN`. Returns `None` where neither is given; an empty
    /// variable counts as not set.
    pub fn find(file: Option<&Path>) -> Result<Option<Self>, SourceError> {
        match file {
            Some(path) => Self::from_file(path).map(Some),
            None => Self::from_env(),
        }
    }

    fn from_env() -> Result<Option<Self>, SourceError> {
        match std::env::var(VARIABLE) {
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(wrong(VARIABLE, "it is not UTF-8".into())),
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => Self::parse_from(VARIABLE, &text).map(Some),
        }
    }

    /// Reads the DSN from a file that holds nothing else.
    pub fn from_file(path: &Path) -> Result<Self, SourceError> {
        let place = path.display().to_string();
        // The error of a file that is not UTF-8 names no content.
        let text = std::fs::read_to_string(path)
            .map_err(|error| SourceError::File { path: place.clone(), detail: error.to_string() })?;
        Self::parse_from(&place, &text)
    }

    /// Checks a DSN such as `mysql://user:password@host:3306/?ssl-mode=verify-ca&ssl-ca=rds.pem`, for the provider's
    /// `mysql_dsn`. The runbook uses [`Self::find`].
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        Self::parse_from("", text)
    }

    fn parse_from(place: &str, text: &str) -> Result<Self, SourceError> {
        parts(text.trim()).map_err(|problem| wrong(place, problem))
    }

    /// Returns `host:port`, for messages.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Returns the user, for messages.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Returns how the connection is encrypted.
    pub fn ssl_mode(&self) -> SslMode {
        self.tls.mode
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Returns the password: for the driver alone.
    pub(crate) fn secret(&self) -> &str {
        self.password.expose_secret()
    }
}

impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mysql://{}@{}/?ssl-mode={}", self.user, self.address(), self.tls.mode)
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dsn({self})")
    }
}

fn wrong(place: &str, problem: String) -> SourceError {
    let place = if place.is_empty() { String::new() } else { format!(" in {place}") };
    SourceError::Dsn { place, problem }
}

/// Reads the parts of a DSN. The error is the problem alone, and repeats nothing that could be a part of the password.
fn parts(text: &str) -> Result<Dsn, String> {
    if text.is_empty() {
        return Err("it is empty".into());
    }
    let Some(rest) = text.strip_prefix("mysql://") else {
        return Err(match text.split_once(':') {
            Some((scheme, _)) if OTHER_SCHEMES.contains(&scheme) => {
                format!("the scheme is \"{scheme}\", not mysql")
            }
            _ => "it does not start with mysql://".into(),
        });
    };
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "it has a space or a control character, which is written %20 or alike; {ENCODE}"
        ));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    // Everything up to the last @ is the login. One that comes later belongs to a password that ends too early.
    if after.contains('@') {
        return Err(format!(
            "an @ follows the first /, ? or #, so it is unclear where the password ends; {ENCODE} (in a parameter too, @ \
             is %40)"
        ));
    }
    let Some((login, address)) = authority.rsplit_once('@') else {
        return Err("the user is missing".into());
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let user =
        decoded(user).ok_or("the user has a % that starts no encoded UTF-8 character; write % as %25")?;
    let password = decoded(password).map(SecretString::from).ok_or_else(|| {
        format!("the password has a % that is not followed by two hexadecimal digits; {ENCODE}")
    })?;
    if user.is_empty() {
        return Err("the user is missing".into());
    }
    let (host, port) = host_and_port(address)?;
    let (path, query) = after.split_once('?').unwrap_or((after, ""));
    if path.contains('#') || query.contains('#') {
        return Err("it has a #; write it as %23".into());
    }
    Ok(Dsn { user, password, host, port, tls: parameters(query)? })
}

fn host_and_port(address: &str) -> Result<(String, u16), String> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("the host has a [ without a ]")?;
            (host, port.strip_prefix(':').unwrap_or(port))
        }
        None => address.split_once(':').unwrap_or((address, "")),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if host.is_empty() {
        return Err("the host is missing".into());
    }
    if address.starts_with('[') {
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err("the host in brackets is not an IPv6 address".into());
        }
    } else if !host.chars().all(allowed) {
        return Err(format!("the host has characters that no host name has; {ENCODE}"));
    }
    let port = match port {
        "" => PORT,
        port => {
            port.parse().ok().filter(|port| *port != 0).ok_or("the port is not a number from 1 to 65535")?
        }
    };
    Ok((host.to_owned(), port))
}

fn parameters(query: &str) -> Result<Tls, String> {
    let (mut mode, mut ca) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name).unwrap_or_default(), decoded(value).unwrap_or_default());
        let twice = match tls::plain(&name).as_str() {
            "ssl-mode" => mode.replace(SslMode::parse(&value)?).is_some(),
            "ssl-ca" if value.is_empty() => return Err("ssl-ca has no file".into()),
            "ssl-ca" => ca.replace(PathBuf::from(value)).is_some(),
            _ => return Err(tls::unknown("parameter", &name, &["ssl-mode", "ssl-ca"])),
        };
        if twice {
            return Err("a parameter is given twice".into());
        }
    }
    Tls::new(mode, ca)
}

/// Returns the text without its percent-encoding, if that is well-formed UTF-8.
fn decoded(text: &str) -> Option<String> {
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problem(text: &str) -> String {
        match Dsn::parse(text) {
            Err(SourceError::Dsn { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_parts_are_read() {
        let dsn = Dsn::parse("mysql://cdc:p%40ss%2Fw%3ard@db.example:3307/shop?ssl-mode=required\n").unwrap();
        assert_eq!((dsn.user(), dsn.secret()), ("cdc", "p@ss/w:rd"));
        assert_eq!((dsn.address().as_str(), dsn.ssl_mode()), ("db.example:3307", SslMode::Required));
        for (text, address, secret) in [
            ("mysql://root@db", "db:3306", ""),
            ("mysql://root:@db/", "db:3306", ""),
            ("mysql://root:a:b@c@[::1]:3307/", "[::1]:3307", "a:b@c"),
            ("mysql://root:x@10.0.0.1?ssl-mode=disabled", "10.0.0.1:3306", "x"),
            (r"mysql://root:a\b@db/", "db:3306", r"a\b"),
        ] {
            let dsn = Dsn::parse(text).unwrap();
            assert_eq!((dsn.address().as_str(), dsn.secret()), (address, secret), "{text}");
        }
    }

    #[test]
    fn tls_is_preferred_and_verified_with_a_certificate() {
        let mode = |parameters: &str| Dsn::parse(&format!("mysql://u@h/{parameters}")).unwrap().tls().clone();
        assert_eq!(mode(""), Tls { mode: SslMode::Preferred, ca: None });
        assert_eq!(mode("?ssl_mode=VERIFY_IDENTITY"), Tls { mode: SslMode::VerifyIdentity, ca: None });
        let ca = Some(PathBuf::from("/etc/rds bundle.pem"));
        assert_eq!(mode("?ssl-ca=/etc/rds%20bundle.pem"), Tls { mode: SslMode::VerifyCa, ca: ca.clone() });
        assert_eq!(
            mode("?ssl-mode=verify-identity&ssl-ca=/etc/rds%20bundle.pem"),
            Tls { mode: SslMode::VerifyIdentity, ca }
        );
    }

    /// A DSN for each mistake, and what is said of it.
    const MISTAKES: &[(&str, &str)] = &[
        ("", "it is empty"),
        ("localhost:3306", "it does not start with mysql://"),
        ("root:secret@host", "it does not start with mysql://"),
        ("mariadb://a@b/", "the scheme is \"mariadb\", not mysql"),
        ("mysql://", "the user is missing"),
        ("mysql://db:3306/", "the user is missing"),
        ("mysql://:p@db/", "the user is missing"),
        ("mysql://u:p@", "the host is missing"),
        ("mysql://u:p@:3306/", "the host is missing"),
        ("mysql://u:p@db:33o6/", "the port is not a number from 1 to 65535"),
        ("mysql://u:p@db:0/", "the port is not a number from 1 to 65535"),
        ("mysql://u:p@[::1", "the host has a [ without a ]"),
        ("mysql://u:p@[db]/", "the host in brackets is not an IPv6 address"),
        ("mysql://u:p@db/?sslmode=required", "the parameter \"sslmode\" is unknown; did you mean ssl-mode?"),
        ("mysql://u:p@db/?charset=x", "a parameter is unknown; write ssl-mode or ssl-ca"),
        (
            "mysql://u:p@db/?ssl-mode=verify_cert",
            "the ssl-mode \"verify_cert\" is unknown; did you mean verify-ca?",
        ),
        (
            "mysql://u:p@db/?ssl-mode=on",
            "a ssl-mode is unknown; write disabled, preferred, required, verify-ca or verify-identity",
        ),
        ("mysql://u:p@db/?ssl-ca", "ssl-ca has no file"),
        ("mysql://u:p@db/?ssl-mode=required&ssl_mode=disabled", "a parameter is given twice"),
        (
            "mysql://u:p@db/?ssl-mode=required&ssl-ca=f",
            "ssl-mode=required does not use ssl-ca; write ssl-mode=verify-ca or verify-identity, or leave ssl-ca out",
        ),
    ];

    #[test]
    fn each_mistake_is_explained() {
        for (text, said) in MISTAKES {
            assert_eq!(problem(text), *said, "{text}");
        }
    }

    #[test]
    fn a_password_that_must_be_percent_encoded_is_explained() {
        for text in [
            "mysql://root:12/34@h:3306/",
            "mysql://root:p@ss/w#rd?@h/",
            "mysql://u:a#b@h",
            "mysql://u:a?b@h",
            "mysql://u:100%@h",
            "mysql://u:a b@h",
            "mysql://u:%ff@h",
        ] {
            assert!(problem(text).contains("percent-encode the password: @ is %40"), "{text}");
        }
    }

    #[test]
    fn the_whole_message_says_where_the_dsn_is_and_what_to_write() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "mysql://root:hunter2@/\n").unwrap();
        let error = Dsn::find(Some(file.path())).unwrap_err().to_string();
        let path = file.path().display();
        assert_eq!(
            error,
            format!(
                "the MySQL DSN in {path} is wrong: the host is missing. Write it as \
                 mysql://USER:PASSWORD@HOST:PORT/?ssl-mode=MODE"
            )
        );
        let missing = Dsn::from_file(Path::new("/no/such/dsn")).unwrap_err().to_string();
        assert!(
            missing.starts_with("the file /no/such/dsn cannot be used for the connection to MySQL: "),
            "{missing}"
        );
    }

    #[test]
    fn the_password_is_never_printed() {
        let dsn = Dsn::parse("mysql://me:hunter2@db.example/").unwrap();
        assert_eq!(format!("{dsn:?}"), "Dsn(mysql://me@db.example:3306/?ssl-mode=preferred)");
        assert_eq!(dsn.to_string(), "mysql://me@db.example:3306/?ssl-mode=preferred");
    }

    /// What is printed about a DSN, whichever way it goes.
    fn printed(text: &str) -> String {
        match Dsn::parse(text) {
            Ok(dsn) => format!("{dsn:?} {dsn} {} {}", dsn.address(), dsn.user()),
            Err(error) => format!("{error} {error:?}"),
        }
    }

    /// What the messages themselves consist of.
    fn fixed() -> String {
        let mistakes = MISTAKES.iter().map(|(text, _)| *text);
        let harmless = mistakes.chain(["mysql://a:/@", "mysql://a:% @", "mysql://user:x@example.test:3306"]);
        harmless.map(printed).collect::<Vec<_>>().join(" ")
    }

    proptest! {
        #[test]
        fn no_piece_of_an_unescaped_password_is_printed(
            // No letters that the messages themselves have.
            password in "[0-9A-Z@:/?#%&=+ \\[\\]\\\\.;!$-]{4,24}",
            scheme in prop_oneof![Just("mysql://"), Just("mysql:"), Just("mariadb://"), Just("")],
            rest in prop_oneof![Just(":3306/db?ssl-mode=required"), Just(""), Just("/db"), Just("/?ssl-mode=no")],
        ) {
            let printed = printed(&format!("{scheme}user:{password}@example.test{rest}"));
            let fixed = fixed();
            let chars: Vec<char> = password.chars().collect();
            for piece in chars.windows(4).map(|piece| piece.iter().collect::<String>()) {
                prop_assert!(
                    !printed.contains(&piece) || fixed.contains(&piece),
                    "{piece:?} of {password:?} is in {printed}"
                );
            }
        }

        #[test]
        fn every_encoded_password_is_read_back(password in any::<String>()) {
            let encoded = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC);
            let dsn = Dsn::parse(&format!("mysql://u:{encoded}@h/")).unwrap();
            prop_assert_eq!(dsn.secret(), password);
        }
    }
}
