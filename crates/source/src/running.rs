//! How many statements the server runs at this moment.

use crate::look::Look;
use crate::row::{Row, single};
use crate::{Server, Source, SourceError};

impl Source {
    /// Returns how many threads of the server do not sleep, this session's among them: the status variable
    /// `Threads_running`, which everybody may read.
    pub async fn threads_running(&self) -> Result<u64, SourceError> {
        self.look(&ThreadsRunning).await
    }
}

struct ThreadsRunning;

impl Look for ThreadsRunning {
    type Answer = u64;

    fn what(&self) -> String {
        "how many statements it runs".to_owned()
    }

    fn privilege(&self) -> String {
        "USAGE ON *.*".to_owned()
    }

    fn sql(&self, _server: &Server) -> String {
        "SHOW GLOBAL STATUS WHERE variable_name = 'Threads_running'".to_owned()
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<u64, String> {
        single(rows)?.parse("value")
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, _state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        Ok(vec![Row::of(&[("variable_name", Some("Threads_running")), ("value", Some("1"))])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[test]
    fn it_is_the_value_of_the_variable() {
        let row = Row::of(&[("variable_name", Some("Threads_running")), ("value", Some("12"))]);
        assert_eq!(ThreadsRunning.read(&[row], &Scripted::server()), Ok(12));
    }
}
