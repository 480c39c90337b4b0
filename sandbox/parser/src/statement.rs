//! What kind of statement a text is, with the fields that the sandbox needs of it.

use std::collections::BTreeMap;

use databend_common_ast::ast::{
    CreateOption, CreateStreamStmt, Identifier, ShowLimit, Statement, TimeTravelPoint,
};
use databend_common_ast::parser::statement::statement_body;
use databend_common_ast::parser::token::{Token, TokenKind};
use databend_common_ast::parser::{Dialect, ParseMode, run_parser, tokenize_sql};
use serde::Serialize;

use crate::access::{self, Demand};
use crate::account::{self, AlterUser, CreateUser};
use crate::hints;
use crate::sites::{self, Sites, normalized};
use crate::stage::ConnectionOptions;
use crate::task::{self, AlterTask, CreateTask};

/// One statement, described.
#[derive(Debug, Serialize)]
pub(crate) struct Described {
    /// Whether it may stand inside BEGIN … COMMIT; everything else commits what is open first.
    pub(crate) allowed_in_transaction: bool,
    #[serde(flatten)]
    pub(crate) kind: Kind,
    #[serde(flatten)]
    pub(crate) sites: Sites,
    pub(crate) demands: Vec<Demand>,
    /// Settings that the statement brings for itself.
    pub(crate) hints: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Kind {
    Begin,
    Commit,
    Rollback,
    /// SET and UNSET: the session's settings may differ afterwards.
    Set {
        /// What they are set to; None where only the engine can tell.
        settings: Option<BTreeMap<String, String>>,
    },
    UseDatabase {
        database: String,
    },
    CreateStream(CreateStream),
    DropStream {
        if_exists: bool,
        database: Option<String>,
        name: String,
    },
    ShowStreams {
        full: bool,
        database: Option<String>,
        filter: Option<String>,
    },
    DescribeStream {
        database: Option<String>,
        name: String,
    },
    CreateTask(CreateTask),
    AlterTask(AlterTask),
    DropTask {
        if_exists: bool,
        name: String,
    },
    ExecuteTask {
        name: String,
    },
    DescribeTask {
        name: String,
    },
    ShowTasks {
        filter: Option<String>,
    },
    /// Changes rows: consumes the streams that it reads.
    Write {
        verb: &'static str,
    },
    /// CREATE TABLE … AS: writes rows, but is no part of a transaction.
    CreateTableAs,
    CreateView {
        database: Option<String>,
        name: String,
    },
    DropDatabase {
        database: String,
    },
    DescribeTable {
        database: Option<String>,
        name: String,
    },
    CreateStage(ConnectionOptions),
    CreateConnection(ConnectionOptions),
    CreateUser(CreateUser),
    AlterUser(AlterUser),
    DropUser {
        name: String,
    },
    SetRole {
        is_default: bool,
        role: String,
    },
    /// None: all of the user's.
    SetSecondaryRoles {
        roles: Option<Vec<String>>,
    },
    ShowGrants {
        of_self: bool,
    },
    UseWarehouse {
        name: String,
    },
    ShowWarehouses,
    Kill {
        id: String,
    },
    Query,
    Explain,
    /// Any other SHOW and the like: changes nothing.
    Show,
    Other,
}

#[derive(Debug, Serialize)]
pub(crate) struct CreateStream {
    mode: CreateMode,
    database: Option<String>,
    name: String,
    table_database: Option<String>,
    table: String,
    at: Option<StreamPoint>,
    append_only: bool,
    comment: Option<String>,
}

/// `AT (…)` of CREATE STREAM.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum StreamPoint {
    Snapshot { id: String },
    Timestamp { expression: String },
    Offset { expression: String },
    Stream { database: Option<String>, name: String },
    Unsupported,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CreateMode {
    Create,
    IfNotExists,
    OrReplace,
}

impl From<&CreateOption> for CreateMode {
    fn from(option: &CreateOption) -> Self {
        match option {
            CreateOption::Create => Self::Create,
            CreateOption::CreateIfNotExists => Self::IfNotExists,
            CreateOption::CreateOrReplace => Self::OrReplace,
        }
    }
}

/// Parses one statement, which may end in a semicolon.
pub(crate) fn describe(sql: &str) -> Result<Described, String> {
    let mut tokens = tokenize_sql(sql).map_err(|error| error.to_string())?;
    // One statement; a semicolon behind it is no part of it.
    if let [.., semicolon, end] = tokens.as_slice()
        && (semicolon.kind, end.kind) == (TokenKind::SemiColon, TokenKind::EOI)
    {
        tokens.remove(tokens.len() - 2);
    }
    // `parse_sql` of the crate also re-parses what it prints, in debug builds, and panics where printing loses
    // something: so its parts are called here.
    let parsed = run_parser(&tokens, Dialect::PostgreSQL, ParseMode::Default, false, statement_body)
        .map_err(|error| error.to_string())?;
    let sites = sites_of(&parsed, &tokens);
    Ok(Described {
        allowed_in_transaction: parsed.allowed_in_multi_statement(),
        kind: kind(&parsed)?,
        demands: access::demands(&parsed, &sites),
        hints: hints::of(&parsed),
        sites,
    })
}

fn sites_of(statement: &Statement, tokens: &[Token]) -> Sites {
    // What EXPLAIN explains is only skipped by the derived visitors for some kinds; ask for it by itself.
    match statement {
        Statement::Explain { query, .. } | Statement::ExplainAnalyze { query, .. } => sites_of(query, tokens),
        Statement::StatementWithSettings { stmt, .. } => sites_of(stmt, tokens),
        other => sites::of(other, tokens),
    }
}

fn kind(statement: &Statement) -> Result<Kind, String> {
    let optional = |name: &Option<Identifier>| name.as_ref().map(normalized);
    Ok(match statement {
        Statement::Begin => Kind::Begin,
        Statement::Commit => Kind::Commit,
        Statement::Abort => Kind::Rollback,
        Statement::SetStmt { settings } => Kind::Set { settings: hints::assigned(settings) },
        Statement::UnSetStmt { .. } => Kind::Set { settings: None },
        Statement::UseDatabase { database } => Kind::UseDatabase { database: normalized(database) },
        Statement::CreateStream(stmt) => Kind::CreateStream(create_stream(stmt)),
        Statement::DropStream(stmt) => Kind::DropStream {
            if_exists: stmt.if_exists,
            database: optional(&stmt.database),
            name: normalized(&stmt.stream),
        },
        Statement::ShowStreams(stmt) => Kind::ShowStreams {
            full: stmt.full,
            database: optional(&stmt.database),
            filter: stmt.limit.as_ref().map(filter),
        },
        Statement::DescribeStream(stmt) => {
            Kind::DescribeStream { database: optional(&stmt.database), name: normalized(&stmt.stream) }
        }
        Statement::CreateTask(stmt) => Kind::CreateTask(task::create(stmt)?),
        Statement::AlterTask(stmt) => Kind::AlterTask(task::alter(stmt)?),
        Statement::DropTask(stmt) => Kind::DropTask { if_exists: stmt.if_exists, name: stmt.name.clone() },
        Statement::ExecuteTask(stmt) => Kind::ExecuteTask { name: stmt.name.to_string() },
        Statement::DescribeTask(stmt) => Kind::DescribeTask { name: stmt.name.to_string() },
        Statement::ShowTasks(stmt) => Kind::ShowTasks { filter: stmt.limit.as_ref().map(filter) },
        Statement::Insert(_) | Statement::InsertMultiTable(_) => Kind::Write { verb: "insert" },
        Statement::Replace(_) => Kind::Write { verb: "replace" },
        Statement::MergeInto(_) => Kind::Write { verb: "merge" },
        Statement::Delete(_) => Kind::Write { verb: "delete" },
        Statement::Update(_) => Kind::Write { verb: "update" },
        Statement::CopyIntoTable(_) | Statement::CopyIntoLocation(_) => Kind::Write { verb: "copy" },
        Statement::CreateTable(stmt) if stmt.as_query.is_some() => Kind::CreateTableAs,
        Statement::CreateView(stmt) => {
            Kind::CreateView { database: optional(&stmt.database), name: normalized(&stmt.view) }
        }
        Statement::DropDatabase(stmt) => Kind::DropDatabase { database: normalized(&stmt.database) },
        Statement::DescribeTable(stmt) => {
            Kind::DescribeTable { database: optional(&stmt.database), name: normalized(&stmt.table) }
        }
        Statement::CreateStage(stmt) => Kind::CreateStage(ConnectionOptions::of_stage(stmt)),
        Statement::CreateConnection(stmt) => Kind::CreateConnection(ConnectionOptions::of_connection(stmt)),
        Statement::CreateUser(stmt) => Kind::CreateUser(account::create(stmt)),
        Statement::AlterUser(stmt) => Kind::AlterUser(account::alter(stmt)),
        Statement::DropUser { user, .. } => Kind::DropUser { name: user.username.clone() },
        Statement::SetRole { is_default, role_name } => {
            Kind::SetRole { is_default: *is_default, role: role_name.clone() }
        }
        Statement::SetSecondaryRoles { option } => {
            Kind::SetSecondaryRoles { roles: account::secondary(option) }
        }
        Statement::ShowGrants { principal, .. } => Kind::ShowGrants { of_self: principal.is_none() },
        Statement::UseWarehouse(stmt) => Kind::UseWarehouse { name: normalized(&stmt.warehouse) },
        Statement::ShowWarehouses(_) => Kind::ShowWarehouses,
        Statement::KillStmt { object_id, .. } => Kind::Kill { id: object_id.clone() },
        Statement::Query(_) => Kind::Query,
        Statement::Explain { .. } | Statement::ExplainAnalyze { .. } => Kind::Explain,
        Statement::StatementWithSettings { stmt, .. } => kind(stmt)?,
        Statement::ShowDatabases(_)
        | Statement::ShowTables(_)
        | Statement::ShowCreateTable(_)
        | Statement::ShowColumns(_)
        | Statement::ShowStages { .. }
        | Statement::ShowSettings { .. }
        | Statement::ShowUsers { .. }
        | Statement::ShowRoles { .. }
        | Statement::ListStage { .. }
        | Statement::DescribeStage { .. } => Kind::Show,
        _ => Kind::Other,
    })
}

fn create_stream(stmt: &CreateStreamStmt) -> CreateStream {
    let at = stmt.travel_point.as_ref().map(|point| match point {
        TimeTravelPoint::Snapshot(id) => StreamPoint::Snapshot { id: id.clone() },
        TimeTravelPoint::Timestamp(expr) => StreamPoint::Timestamp { expression: expr.to_string() },
        TimeTravelPoint::Offset(expr) => StreamPoint::Offset { expression: expr.to_string() },
        TimeTravelPoint::Stream { database, name, .. } => {
            StreamPoint::Stream { database: database.as_ref().map(normalized), name: normalized(name) }
        }
        TimeTravelPoint::TableRef { .. } => StreamPoint::Unsupported,
    });
    CreateStream {
        mode: (&stmt.create_option).into(),
        database: stmt.database.as_ref().map(normalized),
        name: normalized(&stmt.stream),
        table_database: stmt.table_database.as_ref().map(normalized),
        table: normalized(&stmt.table),
        at,
        append_only: stmt.append_only,
        comment: stmt.comment.clone(),
    }
}

/// `LIKE` and `WHERE` of a SHOW statement as a condition on the columns of its table.
fn filter(limit: &ShowLimit) -> String {
    match limit {
        ShowLimit::Like { pattern } => {
            format!("name LIKE '{}'", pattern.replace('\\', "\\\\").replace('\'', "''"))
        }
        ShowLimit::Where { selection } => format!("({selection})"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fields(sql: &str) -> Value {
        serde_json::to_value(describe(sql).unwrap_or_else(|error| panic!("{error}"))).unwrap()
    }

    #[test]
    fn kinds_are_told_apart() {
        for (sql, kind) in [
            ("BEGIN", "begin"),
            ("BEGIN TRANSACTION;", "begin"),
            ("COMMIT", "commit"),
            ("ROLLBACK", "rollback"),
            ("SET timezone = 'UTC'", "set"),
            ("UNSET timezone", "set"),
            ("USE raw", "use_database"),
            ("INSERT INTO t VALUES (1)", "write"),
            ("COPY INTO t FROM @s FILE_FORMAT = (TYPE = PARQUET)", "write"),
            ("UPDATE t SET a = 1", "write"),
            ("SELECT 1", "query"),
            ("EXPLAIN SELECT 1", "explain"),
            ("CREATE TABLE t (a INT)", "other"),
            ("CREATE TABLE t AS SELECT 1 AS a", "create_table_as"),
            ("SHOW TASKS", "show_tasks"),
            ("SHOW STREAMS", "show_streams"),
            ("DROP DATABASE x", "drop_database"),
            ("LIST @s", "show"),
        ] {
            assert_eq!(fields(sql)["kind"], kind, "{sql}");
        }
    }

    #[test]
    fn only_what_databend_lists_may_stand_in_a_transaction() {
        assert_eq!(fields("INSERT INTO t VALUES (1)")["allowed_in_transaction"], true);
        assert_eq!(fields("CREATE TABLE t (a INT)")["allowed_in_transaction"], false);
        assert_eq!(fields("CREATE STREAM s ON TABLE t")["allowed_in_transaction"], false);
    }

    #[test]
    fn a_stream_has_its_table_and_starting_point() {
        let stream = fields(
            "CREATE STREAM IF NOT EXISTS raw.s ON TABLE raw.\"Orders\" APPEND_ONLY = TRUE COMMENT = 'c'",
        );
        assert_eq!(stream["mode"], "if_not_exists");
        assert_eq!((&stream["database"], &stream["name"]), (&json!("raw"), &json!("s")));
        assert_eq!((&stream["table_database"], &stream["table"]), (&json!("raw"), &json!("Orders")));
        assert_eq!((&stream["append_only"], &stream["comment"]), (&json!(true), &json!("c")));
        let at = fields("CREATE STREAM s ON TABLE t AT (STREAM => raw.other)");
        assert_eq!(at["at"], json!({"type": "stream", "database": "raw", "name": "other"}));
        let at = fields("CREATE STREAM s ON TABLE t AT (SNAPSHOT => 'abc')");
        assert_eq!(at["at"], json!({"type": "snapshot", "id": "abc"}));
    }

    #[test]
    fn like_becomes_a_condition_with_its_wildcards() {
        assert_eq!(fields("SHOW TASKS LIKE 'load_%'")["filter"], "name LIKE 'load_%'");
        assert_eq!(fields("SHOW STREAMS FROM raw WHERE name = 'x'")["filter"], "(name = 'x')");
    }

    #[test]
    fn the_articles_merge_and_tasks_parse() {
        let merge = "MERGE INTO ods.orders AS target USING (SELECT * FROM (SELECT order_id, Op AS _op, \
             _dms_ingestion_timestamp AS _ts FROM raw.stream_orders) QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id \
             ORDER BY _ts DESC) = 1) AS source ON target.order_id = source.order_id WHEN MATCHED AND source._op = 'D' \
             THEN UPDATE SET target.is_deleted = true WHEN NOT MATCHED AND source._op != 'D' THEN INSERT (order_id) \
             VALUES (source.order_id)";
        assert_eq!(fields(merge)["verb"], "merge");
        let task = fields(&format!("CREATE TASK m WAREHOUSE = 'default' AFTER 'l' AS {merge};"));
        assert_eq!(task["definition"]["statements"].as_array().unwrap().len(), 1);
        // Its way of asking for the history is a syntax error (docs/facts/databend.md, "Introspection").
        assert!(
            describe("SELECT * FROM TABLE(TASK_HISTORY()) ORDER BY scheduled_time DESC LIMIT 20").is_err()
        );
    }
}
