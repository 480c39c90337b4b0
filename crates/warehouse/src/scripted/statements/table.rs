//! CREATE, TRUNCATE and DROP TABLE.

use databend_common_ast::ast::{
    ColumnDefinition, ColumnExpr, CreateTableSource, CreateTableStmt, CreateViewStmt, DropTableStmt,
    DropViewStmt, Expr, TruncateTableStmt, TypeName,
};

use super::super::Refusal;
use super::super::data::Changes;
use super::super::names::{fold, table_name};
use super::super::state::{Column, State, Table};
use super::may_create;

pub(super) fn create(state: &mut State, statement: &CreateTableStmt) -> Result<(), Refusal> {
    let name = table_name(statement.database.as_ref(), &statement.table);
    if !state.databases.contains(&name.database) {
        return Err(Refusal::new(
            crate::code::UNKNOWN_DATABASE,
            format!("Unknown database '{}'", name.database),
        ));
    }
    let exists = state.tables.contains_key(&name) || state.streams.contains_key(&name);
    let refusal = || Refusal::new(crate::code::TABLE_ALREADY_EXISTS, format!("Table {name} already exists"));
    if !may_create(&statement.create_option, exists, refusal)? {
        return Ok(());
    }
    assert!(statement.as_query.is_none(), "the scripted Databend does not know {statement}");
    let Some(CreateTableSource::Columns { columns, .. }) = &statement.source else {
        panic!("the scripted Databend does not know {statement}")
    };
    let mut options: std::collections::BTreeMap<_, _> = statement
        .table_options
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.trim_matches('\'').to_owned()))
        .collect();
    let comment = options.remove("comment").unwrap_or_default();
    let table = Table {
        id: state.next_id(),
        engine: "FUSE",
        columns: columns.iter().map(column).collect(),
        options,
        cluster_by: statement
            .cluster_by
            .as_ref()
            .map(|by| cluster_key(&by.cluster_exprs))
            .unwrap_or_default(),
        comment,
        version: 0,
        loaded: std::collections::BTreeSet::new(),
        values: Vec::new(),
        marks: Vec::new(),
        changes: Changes::default(),
    };
    state.tables.insert(name, table.into());
    Ok(())
}

/// TRUNCATE TABLE, which also forgets the files that were loaded.
pub(super) fn truncate(state: &mut State, statement: &TruncateTableStmt) -> Result<(), Refusal> {
    let table = state.table_mut(&table_name(statement.database.as_ref(), &statement.table))?;
    table.loaded.clear();
    table.values.clear();
    table.marks.clear();
    table.changes.appended.clear();
    table.changes.rows.clear();
    Ok(())
}

/// CREATE VIEW: a name that is taken. Its rows are not modeled.
pub(super) fn create_view(state: &mut State, statement: &CreateViewStmt) -> Result<(), Refusal> {
    let name = table_name(statement.database.as_ref(), &statement.view);
    let exists = state.tables.contains_key(&name) || state.streams.contains_key(&name);
    let refusal = || Refusal::new(crate::code::TABLE_ALREADY_EXISTS, format!("View {name} already exists"));
    if !may_create(&statement.create_option, exists, refusal)? {
        return Ok(());
    }
    let view = Table {
        id: state.next_id(),
        engine: "VIEW",
        columns: Vec::new(),
        options: std::collections::BTreeMap::new(),
        cluster_by: String::new(),
        comment: String::new(),
        version: 0,
        loaded: std::collections::BTreeSet::new(),
        values: Vec::new(),
        marks: Vec::new(),
        changes: Changes::default(),
    };
    state.tables.insert(name, view.into());
    Ok(())
}

/// DROP VIEW.
pub(super) fn drop_view(state: &mut State, statement: &DropViewStmt) -> Result<(), Refusal> {
    let name = table_name(statement.database.as_ref(), &statement.view);
    if state.tables.remove(&name).is_none() && !statement.if_exists {
        return state.table(&name).map(|_| ());
    }
    Ok(())
}

pub(super) fn drop(state: &mut State, statement: &DropTableStmt) -> Result<(), Refusal> {
    let name = table_name(statement.database.as_ref(), &statement.table);
    if state.tables.remove(&name).is_none() && !statement.if_exists {
        return state.table(&name).map(|_| ());
    }
    Ok(())
}

/// A column as `system.columns` shows it.
pub(super) fn column(definition: &ColumnDefinition) -> Column {
    let (ty, nullable) = match &definition.data_type {
        TypeName::Nullable(ty) => (ty.as_ref(), true),
        TypeName::NotNull(ty) => (ty.as_ref(), false),
        // Columns are nullable unless they say otherwise.
        ty => (ty, true),
    };
    let default = match &definition.expr {
        // Keywords are printed in lower case, text as it is.
        Some(ColumnExpr::Default(default)) => match default.to_string() {
            text if text.starts_with('\'') => text,
            other => other.to_lowercase(),
        },
        Some(other) => panic!("the scripted Databend does not know the column {definition}: {other}"),
        None => String::new(),
    };
    Column { name: fold(&definition.name), data_type: shown_type(ty), nullable, default }
}

/// The type as `system.columns.data_type` prints it.
fn shown_type(ty: &TypeName) -> String {
    let name = match ty {
        TypeName::Int8 => "TINYINT",
        TypeName::Int16 => "SMALLINT",
        TypeName::Int32 => "INT",
        TypeName::Int64 => "BIGINT",
        TypeName::UInt8 => "TINYINT UNSIGNED",
        TypeName::UInt16 => "SMALLINT UNSIGNED",
        TypeName::UInt32 => "INT UNSIGNED",
        TypeName::UInt64 => "BIGINT UNSIGNED",
        TypeName::Float32 => "FLOAT",
        TypeName::Float64 => "DOUBLE",
        TypeName::String => "VARCHAR",
        other => return other.to_string().to_uppercase(),
    };
    name.to_owned()
}

/// The cluster key as `system.tables.cluster_by` prints it.
pub(super) fn cluster_key(expressions: &[Expr]) -> String {
    let printed: Vec<_> = expressions.iter().map(ToString::to_string).collect();
    format!("({})", printed.join(", "))
}
