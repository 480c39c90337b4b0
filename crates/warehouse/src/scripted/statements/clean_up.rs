//! Clean-up of a raw table: the DELETE of changes, and the EXISTS that asks whether there are changes to delete.
//!
//! Both conditions name the ODS table, whose rows must show a change before it is removed. The DELETE also reads the
//! recorded horizon, without which it removes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use databend_common_ast::ast::{DeleteStmt, Expr, Query};
use derive_visitor::{Drive, visitor_enter_fn};
use pipeline::sql::own;

use super::super::data::OdsRow;
use super::super::evaluate::{Frame, evaluate};
use super::super::names::table_name;
use super::super::query::{Context, Relation};
use super::super::state::State;
use super::super::value::Value;
use super::super::{Answer, Refusal};
use super::sources;

/// Deletes the changes that are old and whose effect the ODS table shows that the condition names.
pub(super) fn delete(state: &mut State, now: DateTime<Utc>, statement: &DeleteStmt) -> Answer {
    let target = table_name(statement.database.as_ref(), &statement.table);
    let Some(condition) = &statement.selection else {
        panic!("the scripted Databend does not know {statement}")
    };
    sources::require_all(state, condition)?;
    state.table(&target)?;
    let rows = shown(state, condition);
    if !is_horizon_reached(Context { state, now, outer: None }, condition)? {
        return Ok(Relation::affected("deleted", 0));
    }
    // A DELETE of no row commits nothing.
    if !state.table(&target)?.changes.has_removable(&rows) {
        return Ok(Relation::affected("deleted", 0));
    }
    let deleted = state.table_mut(&target)?.changes.clean_up(&rows);
    Ok(Relation::affected("deleted", deleted))
}

/// Whether the raw table that a subquery of EXISTS reads has changes to remove; `None` if it reads no raw table.
pub(in super::super) fn has_removable(
    context: Context<'_>,
    subquery: &Query,
) -> Result<Option<bool>, Refusal> {
    let Some(raw) = sources::tables(subquery).into_iter().next() else { return Ok(None) };
    // Only a clean-up asks for the age of changes.
    let is_cleanup = subquery.to_string().contains("TRY_CAST");
    if [own::DATABASE, "system"].contains(&raw.database.as_str()) || !is_cleanup {
        return Ok(None);
    }
    sources::require_all(context.state, subquery)?;
    let rows = shown(context.state, subquery);
    Ok(Some(context.state.table(&raw)?.changes.has_removable(&rows)))
}

/// The ODS rows that a condition reads.
fn shown(state: &State, condition: &impl Drive) -> BTreeMap<String, OdsRow> {
    sources::tables(condition)
        .iter()
        .filter_map(|name| state.tables.get(name))
        .flat_map(|table| table.changes.rows.clone())
        .collect()
}

/// Whether the recorded horizon lets old changes go. A condition that reads no horizon has a cutoff of its own.
fn is_horizon_reached(context: Context<'_>, condition: &Expr) -> Result<bool, Refusal> {
    let horizons = own::HORIZONS.table_name();
    let mut found = Vec::new();
    condition.drive(&mut visitor_enter_fn(|expression: &Expr| {
        if let Expr::Subquery { subquery, .. } = expression
            && sources::tables(subquery.as_ref()).contains(&horizons)
        {
            found.push(expression.clone());
        }
    }));
    let frame = Frame { columns: &[], row: &[], group: None, context };
    for expression in &found {
        // A new raw table's record has the horizon 1970, which no change is older than.
        match evaluate(&frame, expression)? {
            Value::Time(horizon) if horizon > DateTime::<Utc>::UNIX_EPOCH => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}
