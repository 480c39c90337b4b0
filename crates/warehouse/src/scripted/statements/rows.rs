//! INSERT, UPDATE and DELETE: of plain rows in tables of the project's own database; of changes in raw and ODS.

use chrono::{DateTime, Utc};
use databend_common_ast::ast::{DeleteStmt, InsertSource, InsertStmt, UpdateStmt};
use pipeline::sql::TableName;

use super::super::data::DEFAULT;
use super::super::evaluate::{Frame, evaluate};
use super::super::names::{fold, table_name};
use super::super::parse::expression;
use super::super::query::{self, ColumnName, Context, Relation};
use super::super::state::{State, Table};
use super::super::value::Value;
use super::super::{Answer, Refusal, code, relations};
use super::{admission, clean_up, replay, sources};

/// The project's own database, whose tables hold plain rows.
const OWN: &str = pipeline::sql::own::DATABASE;

pub(super) fn insert(state: &mut State, now: DateTime<Utc>, statement: &InsertStmt) -> Answer {
    assert!(statement.with.is_none(), "the scripted Databend does not know {statement}");
    let target = table_name(statement.table.database.as_ref(), &statement.table.table);
    if statement.overwrite {
        return replay::overwrite(state, statement);
    }
    if target.database != OWN {
        if admission::is_of_changes(statement) {
            return admission::insert(state, now, statement);
        }
        return insert_changes(state, statement);
    }
    let context = Context { state, now, outer: None };
    let rows = match &statement.source {
        InsertSource::Values { rows } => {
            let frame = Frame { columns: &[], row: &[], group: None, context };
            let row = |row: &Vec<_>| row.iter().map(|value| evaluate(&frame, value)).collect();
            rows.iter().map(row).collect::<Result<Vec<Vec<Value>>, _>>()?
        }
        InsertSource::Select { query: select } => {
            sources::require_all(state, select.as_ref())?;
            query::query(context, select)?.rows
        }
        _ => panic!("the scripted Databend does not know {statement}"),
    };
    let n = rows.len();
    let marks: Vec<u64> = rows.iter().map(|_| state.next_id()).collect();
    let context = Context { state, now, outer: None };
    let defaults = state.table(&target)?.columns.iter().map(|column| default_value(context, &column.default));
    let defaults = defaults.collect::<Result<Vec<_>, _>>()?;
    let table = state.table_mut(&target)?;
    let columns: Vec<usize> = if statement.columns.is_empty() {
        (0..table.columns.len()).collect()
    } else {
        let at = statement.columns.iter().map(|column| table.require_column(&fold(column)));
        at.collect::<Result<_, _>>()?
    };
    for (values, mark) in rows.into_iter().zip(marks) {
        if values.len() != columns.len() {
            return Err(Refusal::new(
                code::SEMANTIC,
                "Fields in select statement is not equal with expected",
            ));
        }
        let mut row = defaults.clone();
        for (at, value) in columns.iter().zip(values) {
            row[*at] = value;
        }
        refuse_nulls(table, &row)?;
        table.values.push(row);
        table.marks.push(mark);
    }
    Ok(Relation::affected("inserted", n))
}

/// The value of a column that an INSERT leaves out.
fn default_value(context: Context<'_>, default: &str) -> Result<Value, Refusal> {
    if default.is_empty() {
        return Ok(Value::Null);
    }
    let frame = Frame { columns: &[], row: &[], group: None, context };
    evaluate(&frame, expression(default)?.as_ref())
}

/// INSERT … SELECT of changes into ODS: the initial filling.
fn insert_changes(state: &mut State, statement: &InsertStmt) -> Answer {
    let InsertSource::Select { query: select } = &statement.source else {
        panic!("the scripted Databend does not know {statement}")
    };
    let target = table_name(statement.table.database.as_ref(), &statement.table.table);
    let (changes, consumed) = sources::changes(state, select.as_ref())?;
    let columns: std::collections::BTreeSet<String> = statement.columns.iter().map(fold).collect();
    let table = state.table_mut(&target)?;
    for column in &columns {
        table.require_column(column)?;
    }
    let inserted = table.changes.insert(&changes, &columns);
    for stream in &consumed {
        state.consume(stream);
    }
    Ok(Relation::affected("inserted", inserted))
}

pub(super) fn update(state: &mut State, now: DateTime<Utc>, statement: &UpdateStmt) -> Answer {
    let target = table_name(statement.database.as_ref(), &statement.table);
    assert!(
        statement.from.is_none() && statement.with.is_none(),
        "the scripted Databend does not know {statement}"
    );
    if target.database != OWN {
        return update_changes(state, now, statement, &target);
    }
    let table = state.table(&target)?;
    let columns =
        columns(table, &target.table, statement.table_alias.as_ref().map(|alias| fold(&alias.name)));
    let mut rows = table.values.clone();
    let mut changed = Vec::new();
    for (at, row) in rows.iter_mut().enumerate() {
        let before = row.clone();
        let context = Context { state, now, outer: None };
        let frame = Frame { columns: &columns, row: &before, group: None, context };
        let meant = match &statement.selection {
            Some(condition) => evaluate(&frame, condition)?.is_true(),
            None => true,
        };
        if meant {
            for assignment in &statement.update_list {
                row[table.require_column(&fold(&assignment.name))?] = evaluate(&frame, &assignment.expr)?;
            }
            refuse_nulls(table, row)?;
            changed.push(at);
        }
    }
    // An UPDATE of no row commits nothing.
    if !changed.is_empty() {
        let marks: Vec<u64> = changed.iter().map(|_| state.next_id()).collect();
        let table = state.table_mut(&target)?;
        table.values = rows;
        for (at, mark) in changed.iter().zip(marks) {
            table.marks[*at] = mark;
        }
    }
    Ok(Relation::affected("updated", changed.len()))
}

/// UPDATE of changes in raw, or of rows in ODS: a column gets a literal.
fn update_changes(
    state: &mut State,
    now: DateTime<Utc>,
    statement: &UpdateStmt,
    target: &TableName,
) -> Answer {
    let table = state.table(target)?;
    let columns =
        columns(table, &target.table, statement.table_alias.as_ref().map(|alias| fold(&alias.name)));
    let context = Context { state, now, outer: None };
    let rows = relations::of(state, target)?.rows;
    let mut meant = Vec::new();
    for row in &rows {
        let frame = Frame { columns: &columns, row, group: None, context };
        meant.push(match &statement.selection {
            Some(condition) => evaluate(&frame, condition)?.is_true(),
            None => true,
        });
    }
    let frame = Frame { columns: &[], row: &[], group: None, context };
    let mut values = Vec::new();
    for assignment in &statement.update_list {
        table.require_column(&fold(&assignment.name))?;
        values.push((fold(&assignment.name), evaluate(&frame, &assignment.expr)?));
    }
    let affected = meant.iter().filter(|is_meant| **is_meant).count();
    if affected > 0 {
        let changes = &mut state.table_mut(target)?.changes;
        for (name, value) in &values {
            let text = value.to_text().unwrap_or_default();
            for ((_, change), _) in changes.appended.iter_mut().zip(&meant).filter(|(_, is_meant)| **is_meant)
            {
                change.cells.insert(name.clone(), text.clone());
            }
            for (row, _) in changes.rows.values_mut().zip(&meant).filter(|(_, is_meant)| **is_meant) {
                row.shows.insert(name.clone(), DEFAULT);
            }
        }
    }
    Ok(Relation::affected("updated", affected))
}

pub(super) fn delete(state: &mut State, now: DateTime<Utc>, statement: &DeleteStmt) -> Answer {
    assert!(statement.with.is_none(), "the scripted Databend does not know {statement}");
    let target = table_name(statement.database.as_ref(), &statement.table);
    if target.database != OWN {
        return clean_up::delete(state, now, statement);
    }
    let table = state.table(&target)?;
    let columns =
        columns(table, &target.table, statement.table_alias.as_ref().map(|alias| fold(&alias.name)));
    let mut kept = (Vec::new(), Vec::new());
    for (row, mark) in table.values.iter().zip(&table.marks) {
        let context = Context { state, now, outer: None };
        let frame = Frame { columns: &columns, row, group: None, context };
        let goes = match &statement.selection {
            Some(condition) => evaluate(&frame, condition)?.is_true(),
            None => true,
        };
        if !goes {
            kept.0.push(row.clone());
            kept.1.push(*mark);
        }
    }
    let deleted = table.values.len() - kept.0.len();
    if deleted > 0 {
        let table = state.table_mut(&target)?;
        (table.values, table.marks) = kept;
    }
    Ok(Relation::affected("deleted", deleted))
}

fn columns(table: &Table, name: &str, alias: Option<String>) -> Vec<ColumnName> {
    let qualifier = Some(alias.unwrap_or_else(|| name.to_owned()));
    let column = |name: &String| ColumnName { qualifier: qualifier.clone(), name: name.clone() };
    table.columns.iter().map(|known| column(&known.name)).collect()
}

fn refuse_nulls(table: &Table, row: &[Value]) -> Result<(), Refusal> {
    for (column, value) in table.columns.iter().zip(row) {
        if !column.nullable && *value == Value::Null {
            let message = format!("null value in column `{}` violates not-null constraint", column.name);
            return Err(Refusal::new(code::BAD_ARGUMENTS, message));
        }
    }
    Ok(())
}
