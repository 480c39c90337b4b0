//! Intents: what an apply is about to do, from before its first effect until Terraform's state tells of it.

use crate::name::literal;
use crate::sql::own::{FORMAT, INTENTS};

/// A change begins. Its row is the subject's latest one until the state carries its token.
pub const BEGIN: &str = "begin";
/// A writer is still at work.
pub const HEARTBEAT: &str = "heartbeat";
/// A writer does nothing more.
pub const ENDED: &str = "ended";

/// A row of the table of intents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntentRow {
    /// What is changed; empty with [`HEARTBEAT`] and [`ENDED`].
    pub subject: String,
    /// Names the change; a renamed subject has two rows with one token.
    pub token: String,
    /// [`BEGIN`], [`HEARTBEAT`] or [`ENDED`].
    pub event: &'static str,
    /// `create`, `update` or `destroy`.
    pub operation: &'static str,
    /// Fingerprint of what the subject is to become.
    pub description: String,
    /// What has to be finished if the writer does not, in JSON.
    pub detail: String,
    /// The process that makes the change.
    pub writer: String,
}

/// Adds rows with the server's time. An INSERT conflicts with no other statement on the table.
pub fn insert(rows: &[IntentRow]) -> String {
    let values: Vec<_> = rows
        .iter()
        .map(|row| {
            format!(
                "({}, {}, {}, {}, {}, {}, NOW(), {FORMAT}, {})",
                literal(&row.subject),
                literal(&row.token),
                literal(row.event),
                literal(&row.description),
                literal(&row.detail),
                literal(&row.writer),
                literal(row.operation)
            )
        })
        .collect();
    format!(
        r#"INSERT INTO {} ("subject", "token", "event", "description", "detail", "writer", "at", "format", "operation") VALUES {}"#,
        INTENTS.table_name(),
        values.join(", ")
    )
}

/// Removes the rows of changes that Terraform's state tells of, and what writers said of themselves a day ago.
pub fn forget<S: AsRef<str>>(tokens: &[S]) -> String {
    let tokens: Vec<_> = tokens.iter().map(|token| literal(token.as_ref())).collect();
    format!(
        r#"DELETE FROM {} WHERE "token" IN ({}) OR ("token" = '' AND "at" < DATE_SUB(DAY, 1, NOW()))"#,
        INTENTS.table_name(),
        tokens.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;

    #[test]
    fn rows_go_in_together_with_the_servers_time() {
        let row = IntentRow {
            subject: "chain o'clock".into(),
            token: "t".into(),
            event: BEGIN,
            operation: "update",
            description: "d".into(),
            detail: "{}".into(),
            writer: "w".into(),
        };
        let heartbeat = IntentRow { event: HEARTBEAT, writer: "w".into(), ..IntentRow::default() };
        let sql = insert(&[row, heartbeat]);
        assert_eq!(
            sql,
            r#"INSERT INTO "databend_cdc"."intents" ("subject", "token", "event", "description", "detail", "writer", "at", "format", "operation") VALUES ('chain o''clock', 't', 'begin', 'd', '{}', 'w', NOW(), 1, 'update'), ('', '', 'heartbeat', '', '', 'w', NOW(), 1, '')"#
        );
        assert_parses(&sql);
    }

    #[test]
    fn what_the_state_tells_is_forgotten_with_what_old_writers_said() {
        let sql = forget(&["a", "b'"]);
        assert_eq!(
            sql,
            r#"DELETE FROM "databend_cdc"."intents" WHERE "token" IN ('a', 'b''') OR ("token" = '' AND "at" < DATE_SUB(DAY, 1, NOW()))"#
        );
        assert_parses(&sql);
    }
}
