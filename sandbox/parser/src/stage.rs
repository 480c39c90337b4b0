//! Which secrets stages and connections are created with. The server shows masks of them.

use std::collections::BTreeMap;

use databend_common_ast::ast::{CreateConnectionStmt, CreateStageStmt};
use serde::Serialize;

use crate::sites::normalized;

#[derive(Debug, Serialize)]
pub(crate) struct ConnectionOptions {
    name: String,
    /// What `CONNECTION = (…)` says; names in lower case.
    connection: BTreeMap<String, String>,
}

impl ConnectionOptions {
    pub(crate) fn of_stage(stmt: &CreateStageStmt) -> Self {
        let connection = stmt.location.as_ref().map(|place| in_lower_case(&place.connection.conns));
        Self { name: stmt.stage_name.clone(), connection: connection.unwrap_or_default() }
    }

    pub(crate) fn of_connection(stmt: &CreateConnectionStmt) -> Self {
        Self { name: normalized(&stmt.name), connection: in_lower_case(&stmt.storage_params) }
    }
}

fn in_lower_case(options: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    options.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::statement::describe;

    fn fields(sql: &str) -> Value {
        serde_json::to_value(describe(sql).unwrap()).unwrap()
    }

    #[test]
    fn a_stage_and_a_connection_have_their_options() {
        let stage = fields(
            "CREATE STAGE s URL = 's3://b/x/' CONNECTION = (REGION = 'eu-west-1' EXTERNAL_ID = 'secret-abc')",
        );
        assert_eq!((&stage["kind"], &stage["name"]), (&json!("create_stage"), &json!("s")));
        assert_eq!(stage["connection"], json!({"region": "eu-west-1", "external_id": "secret-abc"}));
        assert_eq!(fields("CREATE STAGE s")["connection"], json!({}));
        let connection = fields("CREATE CONNECTION C STORAGE_TYPE = 's3' EXTERNAL_ID = 'x'");
        assert_eq!(
            (&connection["name"], &connection["connection"]["external_id"]),
            (&json!("c"), &json!("x"))
        );
    }
}
