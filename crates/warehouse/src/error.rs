//! What can go wrong with Databend, and how the driver's errors are told apart.

use databend_driver::Error as DriverError;

use crate::redact;

/// Databend error codes that the project knows by name (docs/facts/databend.md, "Error codes").
pub mod code {
    /// A database that is not there.
    pub const UNKNOWN_DATABASE: u16 = 1003;
    /// A table that is not there.
    pub const UNKNOWN_TABLE: u16 = 1025;
    /// The user's roles lack a privilege.
    pub const PERMISSION_DENIED: u16 = 1063;
    /// The column to add exists.
    pub const COLUMN_ALREADY_EXISTS: u16 = 1108;
    /// Tasks do not exist on this Databend: it has no cloud control.
    pub const NO_CLOUD_CONTROL: u16 = 1702;
    /// The table changed under the statement.
    pub const TABLE_VERSION_MISMATCHED: u16 = 2009;
    /// A stage that is not there.
    pub const UNKNOWN_STAGE: u16 = 2501;
    /// A database that is there already.
    pub const DATABASE_ALREADY_EXISTS: u16 = 2301;
    /// A table that is there already.
    pub const TABLE_ALREADY_EXISTS: u16 = 2302;
    /// A file that is not there.
    pub const STORAGE_NOT_FOUND: u16 = 3001;
    /// Two writers changed the same rows; shows at COMMIT.
    pub const CONFLICT: u16 = 4001;

    /// What COPY of a file alone answers when the file is at fault: no Parquet, data that cannot be decoded, a type or value
    /// that its column cannot take, a column that it lacks or has twice, and the engine's panic about it.
    pub(super) const OF_A_FILE: [u16; 7] = [1001, 1006, 1010, 1046, 1065, 1104, 1303];
}

/// An error of Databend or on the way to it. Never holds a secret, so it may be shown and logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WarehouseError {
    /// The DSN cannot be used.
    #[error(
        "the Databend DSN is wrong: {problem}. Write it as \
         databend://USER:PASSWORD@HOST:PORT/DATABASE?warehouse=NAME (add &sslmode=disable for plain http), in \
         DATABEND_DSN or in the provider's dsn"
    )]
    Dsn {
        /// What is wrong with it.
        problem: String,
    },
    /// The statement was not sent, or surely not taken: nothing happened.
    #[error(
        "Databend at {address} cannot be reached: {detail}. Check that it runs, the host, port and sslmode of the DSN, \
         and the network between"
    )]
    Unreachable {
        /// host:port.
        address: String,
        /// What the network said.
        detail: String,
    },
    /// The warehouse is suspended or starting: nothing happened.
    #[error(
        "the warehouse of Databend at {address} does not answer yet: {detail}. It may be resuming; check that it exists, and \
         that the DSN's user may use it"
    )]
    Starting {
        /// host:port.
        address: String,
        /// What the server said.
        detail: String,
    },
    /// The user is not let in.
    #[error(
        "Databend at {address} does not accept the credentials of user \"{user}\": {detail}. Correct user and password \
         in the DSN"
    )]
    Authentication {
        /// host:port.
        address: String,
        /// The DSN's user.
        user: String,
        /// What the server said.
        detail: String,
    },
    /// The server answered: no.
    #[error("Databend refused {statement}: {message} (code {code})")]
    Sql {
        /// Databend's error code.
        code: u16,
        /// What the server said, without secrets.
        message: String,
        /// The beginning of the statement.
        statement: String,
    },
    /// The server answered: you may not. Its message names the privilege and the object.
    #[error(
        "Databend refused {statement}: {message} (code 1063). Grant it to the default role of the DSN's user and run the \
         command again; the guide \"The user in Databend\" (docs/guides/databend-user.md) has every statement that the \
         role needs"
    )]
    Denied {
        /// What the server said, without secrets.
        message: String,
        /// The beginning of the statement.
        statement: String,
    },
    /// No answer came, or one that says nothing about the statement: it may have been done or not.
    #[error("Databend gave no answer to {statement}, so it is unknown whether it was done: {detail}")]
    OutcomeUnknown {
        /// The beginning of the statement.
        statement: String,
        /// What came instead of an answer.
        detail: String,
    },
    /// An answer came that is not what was asked for.
    #[error("Databend answered {statement} in an unexpected form: {detail}")]
    Decode {
        /// The beginning of the statement, or what was read.
        statement: String,
        /// What was expected and what came.
        detail: String,
    },
}

impl WarehouseError {
    /// The server's error code, if it answered with one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Sql { code, .. } => Some(*code),
            Self::Denied { .. } => Some(code::PERMISSION_DENIED),
            _ => None,
        }
    }

    /// Whether the statement may have been done or not: the caller has to look.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. })
    }

    /// Whether another writer was faster. The transaction or statement did nothing and may be tried again.
    pub fn is_conflict(&self) -> bool {
        matches!(self.code(), Some(code::CONFLICT | code::TABLE_VERSION_MISMATCHED))
    }

    /// Whether a database or table does not exist.
    pub fn is_unknown_object(&self) -> bool {
        matches!(self.code(), Some(code::UNKNOWN_DATABASE | code::UNKNOWN_TABLE))
    }

    /// Whether COPY of a single file may have failed because of what is in the file. Trouble with storage, privileges and
    /// Databend itself has other codes.
    pub fn may_be_of_a_file(&self) -> bool {
        matches!(self, Self::Sql { code, .. } if code::OF_A_FILE.contains(code))
    }

    /// Whether a file that a statement names is not there.
    pub fn is_missing_file(&self) -> bool {
        self.code() == Some(code::STORAGE_NOT_FOUND)
    }

    /// Whether what was to be made is there already.
    pub fn is_already_there(&self) -> bool {
        matches!(self.code(), Some(code::DATABASE_ALREADY_EXISTS | code::TABLE_ALREADY_EXISTS))
    }

    /// Whether the column to add exists: COPY adds the columns of a file.
    pub fn has_the_column(&self) -> bool {
        self.code() == Some(code::COLUMN_ALREADY_EXISTS)
    }

    /// Whether nothing happened and trying again may help.
    pub fn is_surely_not_done(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Starting { .. })
    }

    /// The same error about a statement that Databend had taken, or had not. After that, whatever comes in place of an
    /// answer says nothing about the statement.
    pub(crate) fn of_a_statement(self, is_taken: bool, statement: &str) -> Self {
        match self {
            Self::Unreachable { detail, .. }
            | Self::Starting { detail, .. }
            | Self::Authentication { detail, .. }
                if is_taken =>
            {
                Self::OutcomeUnknown { statement: statement.to_owned(), detail }
            }
            error => error,
        }
    }

    /// Sorts an error of the driver about `sql`.
    pub(crate) fn from_driver(error: &DriverError, sql: &str, address: &str, user: &str) -> Self {
        let statement = redact::name_of(sql);
        match error {
            DriverError::Api(api) => Self::from_api(api, sql, address, user),
            DriverError::Parsing(detail) | DriverError::InvalidResponse(detail) => {
                Self::Decode { statement, detail: redact::message(sql, detail) }
            }
            DriverError::Convert(_) | DriverError::Arrow(_) => {
                Self::Decode { statement, detail: redact::message(sql, &error.to_string()) }
            }
            DriverError::BadArgument(problem) => Self::Dsn { problem: problem.clone() },
            DriverError::Protocol(detail) | DriverError::Transport(detail) | DriverError::IO(detail) => {
                Self::OutcomeUnknown { statement, detail: redact::message(sql, detail) }
            }
        }
    }

    pub(crate) fn refused(code: u16, message: String, statement: String) -> Self {
        match code {
            code::PERMISSION_DENIED => Self::Denied { message, statement },
            _ => Self::Sql { code, message, statement },
        }
    }

    fn from_api(error: &databend_client::Error, sql: &str, address: &str, user: &str) -> Self {
        use databend_client::Error as Api;
        let statement = redact::name_of(sql);
        let unreachable =
            |detail: &str| Self::Unreachable { address: address.to_owned(), detail: cause(detail) };
        let starting = |detail: &str| Self::Starting {
            address: address.to_owned(),
            detail: redact::message(sql, detail),
        };
        let unknown = |detail: &str| Self::OutcomeUnknown {
            statement: statement.clone(),
            detail: redact::message(sql, detail),
        };
        match error {
            Api::WithContext { inner, .. } => Self::from_api(inner, sql, address, user),
            Api::QueryFailed(said) => Self::refused(
                said.code,
                redact::message(sql, &with_detail(&said.message, said.detail.as_deref())),
                statement,
            ),
            Api::AuthFailure(said) => Self::Authentication {
                address: address.to_owned(),
                user: user.to_owned(),
                detail: said.message.clone(),
            },
            Api::Logic(_, said) if is_provisioning(&said.message) => starting(&said.message),
            Api::Response { msg, .. } if is_provisioning(msg) => starting(PROVISIONING),
            // Refused before the statement was looked at.
            Api::Logic(status, said) if status.is_client_error() => Self::refused(
                said.code,
                redact::message(sql, &with_detail(&said.message, said.detail.as_deref())),
                statement,
            ),
            Api::Response { status, msg } if status.as_u16() == 401 || status.as_u16() == 403 => {
                Self::Authentication {
                    address: address.to_owned(),
                    user: user.to_owned(),
                    detail: redact::message(sql, msg),
                }
            }
            Api::Response { status, msg } if status.is_client_error() => {
                unreachable(&format!("HTTP {status} {}", redact::message(sql, msg)))
            }
            Api::Response { status, msg } if status.as_u16() == 503 => {
                starting(&format!("HTTP {status} {msg}"))
            }
            Api::Logic(status, said) if status.as_u16() == 503 => {
                starting(&format!("HTTP {status} {}", said.message))
            }
            // The connection was not made, so nothing was sent. The driver keeps only the text of this.
            Api::Request(detail) if detail.contains("(Connect)") => unreachable(detail),
            Api::BadArgument(problem) => Self::Dsn { problem: problem.clone() },
            Api::Logic(status, said) => unknown(&format!("HTTP {status} {}", said.message)),
            Api::Response { status, msg } => unknown(&format!("HTTP {status} {msg}")),
            Api::Request(detail) | Api::Decode(detail) | Api::IO(detail) | Api::QueryNotFound(detail) => {
                unknown(detail)
            }
        }
    }
}

/// What Databend Cloud answers while a warehouse resumes, without a code of its own (docs/facts/databend.md,
/// "Warehouses").
const PROVISIONING: &str = "ProvisionWarehouseTimeout";

fn is_provisioning(message: &str) -> bool {
    message.contains(PROVISIONING)
}

/// The last link of the driver's chain of causes, which is the one that says something.
fn cause(detail: &str) -> String {
    detail.rsplit(" -> ").next().unwrap_or(detail).to_owned()
}

fn with_detail(message: &str, detail: Option<&str>) -> String {
    match detail {
        Some(detail) if !detail.is_empty() => format!("{message} ({detail})"),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use databend_client::Error as Api;

    use super::*;

    fn sort(error: Api) -> WarehouseError {
        WarehouseError::from_driver(
            &DriverError::Api(error.with_context("query/start")),
            r#"INSERT INTO "ods"."orders" SELECT 1"#,
            "db:8000",
            "me",
        )
    }

    #[test]
    fn a_refused_connection_is_surely_not_done() {
        let error = sort(Api::Request(
            "reqwest::Error: error sending request, source_chain=client error (Connect) -> tcp connect error"
                .into(),
        ));
        assert!(error.is_surely_not_done(), "{error}");
        assert_eq!(
            error.to_string(),
            "Databend at db:8000 cannot be reached: tcp connect error. Check that it runs, the host, port and sslmode of \
             the DSN, and the network between"
        );
    }

    #[test]
    fn a_connection_that_broke_after_sending_is_neither_success_nor_failure() {
        let error = sort(Api::Request(
            "reqwest::Error: error sending request, source_chain=client error (SendRequest) -> connection closed".into(),
        ));
        assert!(error.is_outcome_unknown(), "{error}");
        assert!(!error.is_surely_not_done());
        assert!(
            error.to_string().starts_with(
                "Databend gave no answer to INSERT INTO \"ods\".\"orders\", so it is unknown whether it was done: "
            ),
            "{error}"
        );
    }

    #[test]
    fn a_warehouse_that_resumes_is_told_from_a_server_that_is_gone() {
        let refused = |status: u16, message: &str| {
            let status = status.try_into().unwrap();
            sort(Api::Response { status, msg: message.into() })
        };
        for error in [
            refused(503, "upstream connect error"),
            refused(400, r#"{"kind":"ProvisionWarehouseTimeout","message":"timed out"}"#),
        ] {
            assert!(matches!(error, WarehouseError::Starting { .. }), "{error}");
            assert!(error.is_surely_not_done());
        }
        assert!(matches!(refused(404, "no such page"), WarehouseError::Unreachable { .. }));
    }

    #[test]
    fn nothing_but_an_answer_says_how_a_statement_ended_that_was_taken() {
        let at_a_poll = || sort(Api::Response { status: 503.try_into().unwrap(), msg: "restarting".into() });
        assert!(at_a_poll().of_a_statement(true, "COPY INTO").is_outcome_unknown());
        assert!(at_a_poll().of_a_statement(false, "COPY INTO").is_surely_not_done());
        let refused = WarehouseError::refused(4001, String::new(), "COPY INTO".into());
        assert!(refused.of_a_statement(true, "COPY INTO").is_conflict());
    }

    #[test]
    fn half_an_answer_or_a_lost_query_is_unknown_too() {
        assert!(sort(Api::Decode("EOF while parsing".into())).is_outcome_unknown());
        assert!(sort(Api::QueryNotFound("gone".into())).is_outcome_unknown());
    }

    #[test]
    fn a_missing_privilege_comes_with_its_way_out() {
        let error = WarehouseError::refused(
            1063,
            "privilege [Super] is required on *.*".into(),
            "CREATE STAGE s".into(),
        );
        assert_eq!(error.code(), Some(code::PERMISSION_DENIED));
        let text = error.to_string();
        assert!(
            text.starts_with(
                "Databend refused CREATE STAGE s: privilege [Super] is required on *.* (code 1063)."
            ),
            "{text}"
        );
        assert!(text.contains("docs/guides/databend-user.md"), "{text}");
    }

    #[test]
    fn conflicts_are_known_by_their_code() {
        let error = |code| WarehouseError::Sql { code, message: String::new(), statement: "COMMIT".into() };
        assert!(error(code::CONFLICT).is_conflict());
        assert!(error(code::TABLE_VERSION_MISMATCHED).is_conflict());
        assert!(!error(1005).is_conflict());
        assert_eq!(error(1005).to_string(), "Databend refused COMMIT:  (code 1005)");
    }

    #[test]
    fn trouble_with_storage_is_not_a_files() {
        let error = |code| WarehouseError::refused(code, String::new(), "COPY INTO raw.t".into());
        assert!(error(1046).may_be_of_a_file() && error(1010).may_be_of_a_file());
        for other in [code::STORAGE_NOT_FOUND, code::PERMISSION_DENIED, code::CONFLICT, 3002, 3901] {
            assert!(!error(other).may_be_of_a_file(), "{other}");
        }
        assert!(error(code::STORAGE_NOT_FOUND).is_missing_file() && !error(1046).is_missing_file());
    }
}
