//! What a look is: one SELECT, and the reading of its answer.

use std::time::Duration;

use crate::row::Row;
use crate::{Options, Server, SourceError};

/// The limit for a look that reads no rows of a table.
const QUICK: Duration = Duration::from_mins(1);

/// One question to the source. It changes nothing there, so it may be repeated.
pub(crate) trait Look: Sync {
    /// What the answer says.
    type Answer;

    /// Returns what is read, for messages: "the number of rows of `` `shop`.`orders` ``".
    fn what(&self) -> String;

    /// Returns the privilege that it needs, as GRANT takes it: ``SELECT ON `shop`.`orders` ``.
    fn privilege(&self) -> String;

    /// Returns the statement.
    fn sql(&self, server: &Server) -> String;

    /// Reads the answer. The error says what is unexpected about it.
    fn read(&self, rows: &[Row], server: &Server) -> Result<Self::Answer, String>;

    /// Returns how long to wait for the answer. One that reads a whole table has all of `statement_timeout`.
    fn limit(&self, options: &Options) -> Duration {
        options.statement_timeout.min(QUICK)
    }

    /// Returns a better error than the one that the code alone tells.
    fn explain(&self, error: SourceError, _address: &str) -> SourceError {
        error
    }

    /// Returns the rows that the scripted source answers with.
    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError>;
}
