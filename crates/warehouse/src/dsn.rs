//! The Databend DSN: checked here, so that a mistake in it is explained without any part of the password.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::WarehouseError;

/// Schemes that the driver takes over HTTP.
const SCHEMES: [&str; 3] = ["databend", "databend+http", "databend+https"];

/// Other schemes that a message may repeat. Anything else before a colon could be a part of a password.
const KNOWN_SCHEMES: [&str; 8] =
    ["http", "https", "mysql", "postgres", "postgresql", "clickhouse", "databend+flight", "databend+grpc"];

/// How a DSN ends after [`send_once`].
const ONCE: &str = "retry_count=1";
/// How often the driver sends a request that may be sent again: with its ten seconds between, for a minute and a half.
const SENT_AGAIN: u32 = 10;

const ENCODE: &str =
    "percent-encode the password: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23 and % is %25";

/// Where Databend is and the user to log in as. Never prints its password.
#[derive(Clone)]
pub struct Dsn {
    url: SecretString,
    /// The password as written and as meant, to remove it from the driver's messages.
    password: [SecretString; 2],
    user: String,
    address: String,
}

impl Dsn {
    /// Checks a DSN such as `databend://user:password@host:8000/default?warehouse=small`.
    pub fn parse(text: &str) -> Result<Self, WarehouseError> {
        let wrong = |problem: String| Err(WarehouseError::Dsn { problem });
        let text = text.trim();
        if text.is_empty() {
            return wrong("it is empty".into());
        }
        let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| SCHEMES.contains(scheme))
        else {
            return wrong(match text.split_once(':') {
                Some((scheme, _)) if KNOWN_SCHEMES.contains(&scheme) => {
                    format!("the scheme is \"{scheme}\", not databend")
                }
                _ => "it does not start with databend://".into(),
            });
        };
        check_encoding(rest).map_err(|problem| WarehouseError::Dsn { problem })?;
        let mut url = match Url::parse(text) {
            Ok(url) => url,
            // The error names a rule, never the text that broke it.
            Err(error) => return wrong(format!("it is not a URL ({error})")),
        };
        if url.host_str().is_none_or(str::is_empty) {
            return wrong(format!("the host after {scheme}:// is missing"));
        }
        for (key, value) in url.query_pairs() {
            if key == "sslmode" && !matches!(value.as_ref(), "disable" | "require" | "enable") {
                return wrong("sslmode takes disable, require or enable".into());
            }
        }
        send_once(&mut url);
        Ok(Self::new(&url))
    }

    fn new(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        let written = url.password().unwrap_or_default();
        let meant = percent_encoding::percent_decode_str(written).decode_utf8_lossy();
        Self {
            user: if url.username().is_empty() { "root".into() } else { url.username().into() },
            address: url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            password: [SecretString::from(written), SecretString::from(meant.as_ref())],
            url: SecretString::from(url.as_str()),
        }
    }

    /// `host:port`, for messages.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// The user, for messages.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The whole DSN with its password: for the driver alone.
    pub(crate) fn secret(&self) -> &str {
        self.url.expose_secret()
    }

    /// The same, for sessions on which the driver sends a request again when its answer is lost.
    pub(crate) fn secret_to_send_again(&self) -> SecretString {
        let again = format!("retry_count={SENT_AGAIN}");
        // It is the last parameter: see `send_once`.
        let once = self.secret();
        SecretString::from(format!("{}{again}", once.strip_suffix(ONCE).unwrap_or(once)))
    }

    /// `message` without the password. The driver may repeat parts of the DSN.
    pub(crate) fn redact(&self, message: &str) -> String {
        let mut text = message.replace(self.secret(), "the DSN");
        for password in &self.password {
            let password = password.expose_secret();
            if !password.is_empty() {
                text = text.replace(password, "******");
            }
        }
        text
    }
}

/// Refuses a password with characters that end it too early for a URL: what follows would be taken for host, port and
/// path, and would be printed as such.
fn check_encoding(rest: &str) -> Result<(), String> {
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    if after.contains('@') {
        return Err(format!(
            "an @ follows the first /, ? or #, so where the password ends is unclear; {ENCODE} (in a parameter too, @ is %40)"
        ));
    }
    let Some((login, _)) = authority.rsplit_once('@') else { return Ok(()) };
    let password = login.split_once(':').map_or("", |(_, password)| password);
    let escaped = |escape: &str| escape.len() >= 2 && escape.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    if password.split('%').skip(1).any(|escape| !escaped(escape)) {
        return Err(format!("the password has a % that is not followed by two hexadecimal digits; {ENCODE}"));
    }
    if password.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "the password has a space or control character, which is written %20 or alike; {ENCODE}"
        ));
    }
    Ok(())
}

/// Keeps the driver from sending a statement again when its answer is lost (by default it does so three times, with
/// the same query id): whether a repetition is harmless depends on the statement, and is decided in this crate.
fn send_once(url: &mut Url) {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| key != "retry_count")
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair("retry_count", "1");
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dsn({}@{})", self.user, self.address)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problem(text: &str) -> String {
        match Dsn::parse(text) {
            Err(WarehouseError::Dsn { problem }) => problem,
            other => panic!("{other:?}"),
        }
    }

    /// A DSN for each mistake, and what is said of it.
    const MISTAKES: &[(&str, &str)] = &[
        ("", "it is empty"),
        ("localhost:8000", "it does not start with databend://"),
        ("root:secret@host", "it does not start with databend://"),
        ("mysql://a@b/c", "the scheme is \"mysql\", not databend"),
        ("databend://", "the host after databend:// is missing"),
        ("databend://h:x/", "it is not a URL (invalid port number)"),
        ("databend://h/?sslmode=no", "sslmode takes disable, require or enable"),
    ];

    #[test]
    fn each_mistake_is_explained() {
        for (dsn, said) in MISTAKES {
            assert_eq!(problem(dsn), *said, "{dsn}");
        }
    }

    #[test]
    fn a_password_that_must_be_percent_encoded_is_explained() {
        for dsn in [
            "databend://root:12/34@h:8000/d",
            "databend://root:p@ss/w#rd?@h/d",
            "databend://u:a#b@h",
            "databend://u:a?b@h",
        ] {
            assert!(problem(dsn).contains("percent-encode the password: @ is %40"), "{dsn}");
        }
        assert!(problem("databend://u:100%@h").contains("percent-encode the password"));
        assert!(problem("databend://u:a b@h").contains("percent-encode the password"));
        // These are clear: the last @ ends the password, and the first colon starts it.
        for (dsn, secret) in [
            ("databend://user:pa:ss@host", "databend://user:pa%3Ass@host?retry_count=1"),
            ("databend://user:p@ss@host", "databend://user:p%40ss@host?retry_count=1"),
        ] {
            assert_eq!(Dsn::parse(dsn).unwrap().secret(), secret);
        }
    }

    #[test]
    fn the_drivers_messages_lose_the_password() {
        let dsn = Dsn::parse("databend://me:p%40ssword@db:8000/x").unwrap();
        let said = format!("bad {} with p@ssword or p%40ssword", dsn.secret());
        assert_eq!(dsn.redact(&said), "bad the DSN with ****** or ******");
    }

    #[test]
    fn the_whole_message_says_what_to_write() {
        let error = Dsn::parse("mysql://root:hunter2@db/x").unwrap_err().to_string();
        assert_eq!(
            error,
            "the Databend DSN is wrong: the scheme is \"mysql\", not databend. Write it as \
             databend://USER:PASSWORD@HOST:PORT/DATABASE?warehouse=NAME (add &sslmode=disable for plain http), in \
             DATABEND_DSN or in the provider's dsn"
        );
    }

    #[test]
    fn the_password_is_never_printed() {
        let dsn = Dsn::parse("databend://me:hunter2@db.example:8000/x").unwrap();
        assert_eq!(format!("{dsn:?}"), "Dsn(me@db.example:8000)");
        assert_eq!(dsn.address(), "db.example:8000");
    }

    #[test]
    fn the_driver_sends_each_statement_once() {
        let dsn = Dsn::parse("databend://me:p%40w@db:8000/x?retry_count=9&sslmode=disable").unwrap();
        assert_eq!(dsn.secret(), "databend://me:p%40w@db:8000/x?sslmode=disable&retry_count=1");
    }

    #[test]
    fn a_request_that_may_be_sent_again_is_sent_for_a_while() {
        let dsn = Dsn::parse("databend://me:p%40w@db:8000/x?retry_count=1&sslmode=disable").unwrap();
        let again = dsn.secret_to_send_again();
        assert_eq!(again.expose_secret(), "databend://me:p%40w@db:8000/x?sslmode=disable&retry_count=10");
    }

    /// Every piece of four characters.
    fn pieces(password: &str) -> Vec<String> {
        let chars: Vec<char> = password.chars().collect();
        chars.windows(4).map(|piece| piece.iter().collect()).collect()
    }

    /// What is printed about a DSN, whichever way it goes.
    fn printed(dsn: &str) -> String {
        match Dsn::parse(dsn) {
            Ok(dsn) => {
                let denied = WarehouseError::Authentication {
                    address: dsn.address(),
                    user: dsn.user().to_owned(),
                    detail: dsn.redact(&format!("refused {}", dsn.secret())),
                };
                format!("{dsn:?} {} {} {denied} {denied:?}", dsn.address(), dsn.user())
            }
            Err(error) => format!("{error} {error:?}"),
        }
    }

    proptest! {
        #[test]
        fn no_piece_of_an_unescaped_password_is_printed(
            // No letters that the messages themselves have.
            password in "[0-9A-Z@:/?#%&=+ \\[\\]\\\\.;!$-]{4,24}",
            scheme in prop_oneof![Just("databend://"), Just("databend+http://"), Just("mysql://"), Just("")],
            rest in prop_oneof![Just(":8000/db?warehouse=w"), Just(""), Just("/db"), Just("/?sslmode=no")],
        ) {
            let printed = printed(&format!("{scheme}user:{password}@example.test{rest}"));
            let fixed = printed_without_password();
            for piece in pieces(&password) {
                prop_assert!(
                    !printed.contains(&piece) || fixed.contains(&piece),
                    "{piece:?} of {password:?} is in {printed}"
                );
            }
        }
    }

    /// What the messages themselves consist of.
    fn printed_without_password() -> String {
        let mistakes = MISTAKES.iter().map(|(dsn, _)| *dsn);
        let harmless = mistakes.chain(["databend://a:/@", "databend://a:%@h", "databend://a: @h"]);
        let known = "databend://user:x@example.test:8000";
        harmless.chain([known]).map(printed).collect::<Vec<_>>().join(" ")
    }
}
