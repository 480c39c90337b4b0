//! The Databend DSN: checked here, so that what is wrong is said in words, and without the password.

use std::fmt;

use url::Url;

use crate::WarehouseError;

/// Schemes that the driver takes over HTTP.
const SCHEMES: [&str; 3] = ["databend", "databend+http", "databend+https"];

/// Where Databend is and who we are there. Never prints its password.
#[derive(Clone)]
pub struct Dsn {
    url: Url,
}

impl Dsn {
    /// Checks a DSN such as `databend://user:password@host:8000/default?warehouse=small`.
    pub fn parse(text: &str) -> Result<Self, WarehouseError> {
        let wrong = |problem: String| Err(WarehouseError::Dsn { problem });
        let text = text.trim();
        if text.is_empty() {
            return wrong("it is empty".into());
        }
        let mut url = match Url::parse(text) {
            Ok(url) => url,
            // The error names a rule, never the text that broke it.
            Err(error) => return wrong(format!("it is not a URL ({error})")),
        };
        if !SCHEMES.contains(&url.scheme()) {
            return wrong(format!("the scheme is \"{}\", not databend", url.scheme()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return wrong("the host is missing".into());
        }
        for (key, value) in url.query_pairs() {
            if key == "sslmode" && !matches!(value.as_ref(), "disable" | "require" | "enable") {
                return wrong(format!("sslmode is \"{value}\"; it takes disable, require or enable"));
            }
        }
        send_once(&mut url);
        Ok(Self { url })
    }

    /// `host:port`, for messages.
    pub fn address(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The user, for messages.
    pub fn user(&self) -> &str {
        if self.url.username().is_empty() { "root" } else { self.url.username() }
    }

    /// Everything, password included: for the driver alone.
    pub(crate) fn secret(&self) -> &str {
        self.url.as_str()
    }
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
        write!(f, "Dsn({}@{})", self.user(), self.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        match Dsn::parse(text) {
            Err(WarehouseError::Dsn { problem }) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_words() {
        assert_eq!(problem(""), "it is empty");
        assert_eq!(problem("localhost:8000"), "the scheme is \"localhost\", not databend");
        assert_eq!(problem("mysql://a@b/c"), "the scheme is \"mysql\", not databend");
        assert_eq!(problem("databend://"), "the host is missing");
        assert_eq!(problem("databend://h:x/"), "it is not a URL (invalid port number)");
        assert_eq!(
            problem("databend://h/?sslmode=no"),
            "sslmode is \"no\"; it takes disable, require or enable"
        );
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
}
