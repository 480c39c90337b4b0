//! Names as Databend reads them: unquoted ones fold to lower case.

use databend_common_ast::ast::Identifier;
use pipeline::sql::TableName;

pub(super) fn fold(identifier: &Identifier) -> String {
    if identifier.is_quoted() { identifier.name.clone() } else { identifier.name.to_lowercase() }
}

/// A table's name; the session's database is `default`.
pub(super) fn table_name(database: Option<&Identifier>, table: &Identifier) -> TableName {
    TableName::new(database.map_or_else(|| "default".to_owned(), fold), fold(table))
}
