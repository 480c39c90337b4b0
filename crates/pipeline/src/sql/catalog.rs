//! Reading what is there: everything of a kind in one statement, never one statement per object.
//!
//! Where Databend has changed the columns of a system table between versions (docs/facts/databend.md, "Stages"), all of
//! them are selected and read by name. `system.tables` is the exception: some of its columns cost a walk over every
//! table's files.

use super::literal;
use crate::TableName;

/// Databases that hold no user's tables.
const SYSTEM_DATABASES: &str = "'system', 'information_schema'";

/// Every table, view and stream, with the options as Databend prints them.
pub fn tables() -> String {
    format!(
        "SELECT database, name, table_id, engine, table_option, cluster_by, comment FROM system.tables \
         WHERE catalog = 'default' AND database NOT IN ({SYSTEM_DATABASES})"
    )
}

/// The database with this exact name, if it is there and the role may see it: one row, or none.
///
/// Asked before a CREATE only: what has tables shows in [`tables`].
pub fn database(name: &str) -> String {
    format!("SELECT name FROM system.databases WHERE catalog = 'default' AND name = {}", literal(name))
}

/// Every column, in the order of its table.
pub fn columns() -> String {
    format!(
        "SELECT database, \"table\", name, data_type, is_nullable, default_expression, comment FROM system.columns \
         WHERE database NOT IN ({SYSTEM_DATABASES})"
    )
}

/// Every stream.
pub fn streams() -> String {
    "SELECT * FROM system.streams".to_owned()
}

/// Every named stage.
pub fn stages() -> String {
    "SELECT * FROM system.stages".to_owned()
}

/// Every task of the account.
pub fn tasks() -> String {
    "SELECT * FROM system.tasks".to_owned()
}

/// Of [`tables`], those of these names.
pub fn tables_named(names: &[TableName]) -> String {
    format!("{} AND ({})", tables(), any_of("name", names))
}

/// Of [`columns`], those of these tables.
pub fn columns_named(tables: &[TableName]) -> String {
    format!("{} AND ({})", columns(), any_of("\"table\"", tables))
}

/// Of [`streams`], those of these names.
pub fn streams_named(names: &[TableName]) -> String {
    format!("{} WHERE {}", streams(), any_of("name", names))
}

/// Of [`stages`], those of these names.
pub fn stages_named(names: &[String]) -> String {
    format!("{} WHERE {}", stages(), any_name(names))
}

/// Of [`tasks`], those of these names.
pub fn tasks_named(names: &[String]) -> String {
    format!("{} WHERE {}", tasks(), any_name(names))
}

fn any_of(column: &str, names: &[TableName]) -> String {
    let one = |name: &TableName| {
        format!("(database = {} AND {column} = {})", literal(&name.database), literal(&name.table))
    };
    names.iter().map(one).collect::<Vec<_>>().join(" OR ")
}

fn any_name(names: &[String]) -> String {
    names.iter().map(|name| format!("name = {}", literal(name))).collect::<Vec<_>>().join(" OR ")
}

/// The latest runs of one task, newest first.
pub fn task_history(task: &str, limit: u32) -> String {
    format!(
        "SELECT * FROM system.task_history WHERE name = {} ORDER BY scheduled_time DESC LIMIT {limit}",
        literal(task)
    )
}

/// The files under a path of a stage, which is relative to the stage's root and ends in `/`.
///
/// The table function and not `LIST`: it takes the location as a string literal, so that no character of it needs care.
pub fn list_files(stage: &str, path: &str) -> String {
    format!(
        "SELECT name, size, last_modified FROM list_stage(location => {})",
        literal(&format!("@{stage}/{path}"))
    )
}

/// The server's clock. Leases and ages are measured by it alone, never by this machine's.
pub fn server_time() -> String {
    "SELECT now() AS server_now".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_history_names_one_task_and_is_limited() {
        assert_eq!(
            task_history("it's", 50),
            "SELECT * FROM system.task_history WHERE name = 'it''s' ORDER BY scheduled_time DESC LIMIT 50"
        );
    }

    #[test]
    fn files_are_listed_by_a_literal_location() {
        assert_eq!(
            list_files("dms", "shop/it's/"),
            "SELECT name, size, last_modified FROM list_stage(location => '@dms/shop/it''s/')"
        );
    }

    #[test]
    fn a_database_is_looked_for_letter_by_letter() {
        assert_eq!(
            database("It's"),
            "SELECT name FROM system.databases WHERE catalog = 'default' AND name = 'It''s'"
        );
        crate::sql::testing::assert_parses(&database("It's"));
    }

    #[test]
    fn named_objects_are_looked_for_letter_by_letter() {
        let names = [TableName::new("raw", "It's"), TableName::new("ods", "o")];
        assert_eq!(
            tables_named(&names),
            "SELECT database, name, table_id, engine, table_option, cluster_by, comment FROM system.tables \
             WHERE catalog = 'default' AND database NOT IN ('system', 'information_schema') \
             AND ((database = 'raw' AND name = 'It''s') OR (database = 'ods' AND name = 'o'))"
        );
        assert!(columns_named(&names[..1]).ends_with(r#" AND ((database = 'raw' AND "table" = 'It''s'))"#));
        assert_eq!(
            streams_named(&names[1..]),
            "SELECT * FROM system.streams WHERE (database = 'ods' AND name = 'o')"
        );
        let names = ["a".to_owned(), "b".to_owned()];
        assert_eq!(stages_named(&names), "SELECT * FROM system.stages WHERE name = 'a' OR name = 'b'");
        assert_eq!(tasks_named(&names[..1]), "SELECT * FROM system.tasks WHERE name = 'a'");
    }

    #[test]
    fn columns_quotes_the_reserved_word() {
        assert_eq!(
            columns(),
            "SELECT database, \"table\", name, data_type, is_nullable, default_expression, comment FROM system.columns \
             WHERE database NOT IN ('system', 'information_schema')"
        );
    }
}
