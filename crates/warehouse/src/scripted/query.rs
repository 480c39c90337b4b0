//! SELECT over the relations that the model can show: one table, subquery or table function, WHERE, GROUP BY, HAVING,
//! ORDER BY, LIMIT, UNION ALL, EXCEPT.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use databend_common_ast::ast::{
    Expr, GroupBy, JoinOperator, Literal, Query, SelectStmt, SelectTarget, SetExpr, SetOperator,
    TableReference,
};

use super::evaluate::{Frame, evaluate, is_aggregate};
use super::names::{fold, table_name};
use super::state::State;
use super::value::Value;
use super::{Answer, Refusal, relations, table_function};

/// Columns and rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Relation {
    pub(super) columns: Vec<ColumnName>,
    pub(super) rows: Vec<Vec<Value>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ColumnName {
    /// The table's name or alias.
    pub(super) qualifier: Option<String>,
    pub(super) name: String,
}

impl Relation {
    pub(super) fn new<N: Into<String>>(columns: impl IntoIterator<Item = N>, rows: Vec<Vec<Value>>) -> Self {
        let column = |name: N| ColumnName { qualifier: None, name: name.into() };
        Self { columns: columns.into_iter().map(column).collect(), rows }
    }

    /// The answer of a statement that changed rows.
    pub(super) fn affected(what: &str, n: usize) -> Self {
        Self::new([format!("number of rows {what}")], vec![vec![Value::count(n)]])
    }
}

/// What a query sees.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) state: &'a State,
    pub(super) now: DateTime<Utc>,
    /// The row around a subquery.
    pub(super) outer: Option<&'a Frame<'a>>,
}

/// A row of the answer, and the row that it was made of, for ORDER BY.
type Made = (Vec<Value>, Vec<Value>);

/// Runs a query.
pub(super) fn query(context: Context<'_>, query: &Query) -> Answer {
    assert!(query.with.is_none(), "not modeled: {query}");
    let (columns, input, mut made) = body(context, &query.body)?;
    if !query.order_by.is_empty() {
        let mut keyed = Vec::new();
        for (out, source) in made {
            let mut keys = Vec::new();
            for order in &query.order_by {
                let by_output = Frame { columns: &columns, row: &out, group: None, context };
                let by_input = Frame { columns: &input, row: &source, group: None, context };
                let key = match &order.expr {
                    Expr::ColumnRef { column, .. }
                        if column.table.is_none()
                            && columns.iter().any(|known| known.name == column.column.name()) =>
                    {
                        evaluate(&by_output, &order.expr)?
                    }
                    other => evaluate(&by_input, other)?,
                };
                keys.push((key, order.asc == Some(false)));
            }
            keyed.push((keys, out, source));
        }
        keyed.sort_by(|(a, ..), (b, ..)| order_of(a, b));
        made = keyed.into_iter().map(|(_, out, source)| (out, source)).collect();
    }
    if let Some(offset) = &query.offset {
        let Expr::Literal { value: Literal::UInt64(n), .. } = offset else { panic!("not modeled: {query}") };
        made.drain(..usize::try_from(*n).unwrap_or(usize::MAX).min(made.len()));
    }
    if let Some(limit) = query.limit.last() {
        let Expr::Literal { value: Literal::UInt64(n), .. } = limit else { panic!("not modeled: {query}") };
        made.truncate(usize::try_from(*n).unwrap_or(usize::MAX));
    }
    Ok(Relation { columns, rows: made.into_iter().map(|(out, _)| out).collect() })
}

/// NULL sorts last in both directions.
fn order_of(a: &[(Value, bool)], b: &[(Value, bool)]) -> Ordering {
    for ((a, descending), (b, _)) in a.iter().zip(b) {
        let order = match (a, b) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Greater,
            (_, Value::Null) => Ordering::Less,
            (a, b) => {
                let order = a.compare(b).unwrap_or(Ordering::Equal);
                if *descending { order.reverse() } else { order }
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

type Body = (Vec<ColumnName>, Vec<ColumnName>, Vec<Made>);

fn body(context: Context<'_>, body: &SetExpr) -> Result<Body, Refusal> {
    match body {
        SetExpr::Select(select_stmt) => select(context, select_stmt),
        SetExpr::Query(inner) => {
            let relation = query(context, inner)?;
            let made = relation.rows.into_iter().map(|row| (row.clone(), row)).collect();
            Ok((relation.columns.clone(), relation.columns, made))
        }
        SetExpr::SetOperation(operation) if operation.op == SetOperator::Union && operation.all => {
            let (columns, input, mut made) = self::body(context, &operation.left)?;
            let (_, _, more) = self::body(context, &operation.right)?;
            made.extend(more);
            Ok((columns, input, made))
        }
        SetExpr::SetOperation(operation) if operation.op == SetOperator::Except && !operation.all => {
            let (columns, input, made) = self::body(context, &operation.left)?;
            let (_, _, without) = self::body(context, &operation.right)?;
            let mut kept: Vec<Made> = Vec::new();
            for (out, source) in made {
                let is_known = |(known, _): &Made| *known == out;
                if !without.iter().any(is_known) && !kept.iter().any(is_known) {
                    kept.push((out, source));
                }
            }
            Ok((columns, input, kept))
        }
        SetExpr::Values { values, .. } => {
            let frame = Frame { columns: &[], row: &[], group: None, context };
            let row = |row: &Vec<Expr>| row.iter().map(|value| evaluate(&frame, value)).collect();
            let rows = values.iter().map(row).collect::<Result<Vec<Vec<Value>>, _>>()?;
            let width = rows.first().map_or(0, Vec::len);
            let columns = (0..width).map(|n| ColumnName { qualifier: None, name: format!("col{n}") });
            let columns: Vec<_> = columns.collect();
            Ok((columns.clone(), columns, rows.into_iter().map(|row| (row.clone(), row)).collect()))
        }
        SetExpr::SetOperation(_) => panic!("the scripted Databend does not know this query: {body}"),
    }
}

fn select(context: Context<'_>, select: &SelectStmt) -> Result<Body, Refusal> {
    let unknown =
        select.distinct || select.qualify.is_some() || select.window_list.is_some() || select.from.len() > 1;
    assert!(!unknown, "the scripted Databend does not know this query: {select}");
    let input = match select.from.first() {
        Some(from) => source(context, from)?,
        None => Relation { columns: Vec::new(), rows: vec![Vec::new()] },
    };
    let mut kept = Vec::new();
    for row in input.rows {
        let frame = Frame { columns: &input.columns, row: &row, group: None, context };
        let keep = match &select.selection {
            Some(condition) => evaluate(&frame, condition)?.is_true(),
            None => true,
        };
        if keep {
            kept.push(row);
        }
    }
    let columns = output_columns(select, &input.columns);
    let mut made = Vec::new();
    match groups(context, select, &input.columns, &kept)? {
        Some(groups) => {
            let nothing = vec![Value::Null; input.columns.len()];
            for group in groups {
                let first = group.first().unwrap_or(&nothing).clone();
                let frame = Frame { columns: &input.columns, row: &first, group: Some(&group), context };
                let keep = match &select.having {
                    Some(condition) => evaluate(&frame, condition)?.is_true(),
                    None => true,
                };
                if keep {
                    made.push((output(&frame, select)?, first.clone()));
                }
            }
        }
        None => {
            for row in kept {
                let frame = Frame { columns: &input.columns, row: &row, group: None, context };
                made.push((output(&frame, select)?, row.clone()));
            }
        }
    }
    Ok((columns, input.columns, made))
}

/// The groups of an aggregating SELECT; `None` for any other.
fn groups(
    context: Context<'_>,
    select: &SelectStmt,
    columns: &[ColumnName],
    rows: &[Vec<Value>],
) -> Result<Option<Vec<Vec<Vec<Value>>>>, Refusal> {
    let is_aggregated = |target: &SelectTarget| match target {
        SelectTarget::AliasedExpr { expr, .. } => is_aggregate(expr),
        SelectTarget::StarColumns { .. } => false,
    };
    // HAVING alone makes one group of all rows, too.
    let aggregates = select.having.is_some() || select.select_list.iter().any(is_aggregated);
    let keys = match &select.group_by {
        None if aggregates => return Ok(Some(vec![rows.to_vec()])),
        None => return Ok(None),
        Some(GroupBy::Normal(keys)) => keys,
        Some(other) => panic!("the scripted Databend does not know GROUP BY {other}"),
    };
    let mut groups: Vec<(Vec<Value>, Vec<Vec<Value>>)> = Vec::new();
    for row in rows {
        let frame = Frame { columns, row, group: None, context };
        let key = keys.iter().map(|key| evaluate(&frame, key)).collect::<Result<Vec<_>, _>>()?;
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(row.clone()),
            None => groups.push((key, vec![row.clone()])),
        }
    }
    Ok(Some(groups.into_iter().map(|(_, group)| group).collect()))
}

fn output_columns(select: &SelectStmt, input: &[ColumnName]) -> Vec<ColumnName> {
    let mut columns = Vec::new();
    for target in &select.select_list {
        match target {
            SelectTarget::StarColumns { .. } => columns.extend(input.iter().cloned()),
            SelectTarget::AliasedExpr { expr, alias } => {
                let name = match (alias, expr.as_ref()) {
                    (Some(alias), _) => fold(alias),
                    (None, Expr::ColumnRef { column, .. }) => column.column.name().to_owned(),
                    (None, other) => other.to_string(),
                };
                columns.push(ColumnName { qualifier: None, name });
            }
        }
    }
    columns
}

fn output(frame: &Frame<'_>, select: &SelectStmt) -> Result<Vec<Value>, Refusal> {
    let mut out = Vec::new();
    for target in &select.select_list {
        match target {
            SelectTarget::StarColumns { .. } => out.extend(frame.row.iter().cloned()),
            SelectTarget::AliasedExpr { expr, .. } => out.push(evaluate(frame, expr)?),
        }
    }
    Ok(out)
}

/// Each row of one with each of the other.
fn cross_join(context: Context<'_>, left: &TableReference, right: &TableReference) -> Answer {
    let (left, right) = (source(context, left)?, source(context, right)?);
    let columns = left.columns.into_iter().chain(right.columns).collect();
    let joined = |row: &Vec<Value>| right.rows.iter().map(|other| [row.as_slice(), other].concat()).collect();
    let rows = left.rows.iter().flat_map::<Vec<_>, _>(joined).collect();
    Ok(Relation { columns, rows })
}

fn source(context: Context<'_>, from: &TableReference) -> Answer {
    let (mut relation, alias) = match from {
        TableReference::Table { table, alias, temporal: None, .. } => {
            let name = table_name(table.database.as_ref(), &table.table);
            let relation = relations::of(context.state, &name)?;
            (relation, alias.as_ref().map_or(name.table, |alias| fold(&alias.name)))
        }
        TableReference::TableFunction { name, params, named_params, alias, .. } => {
            assert!(params.is_empty(), "the scripted Databend does not read from {from}");
            let relation = table_function::call(context, &fold(name), named_params)?;
            (relation, alias.as_ref().map_or_else(|| fold(name), |alias| fold(&alias.name)))
        }
        TableReference::Subquery { subquery, alias, .. } => {
            let mut relation = query(context, subquery)?;
            let names = alias.iter().flat_map(|alias| &alias.columns);
            for (column, name) in relation.columns.iter_mut().zip(names) {
                column.name = fold(name);
            }
            (relation, alias.as_ref().map(|alias| fold(&alias.name)).unwrap_or_default())
        }
        TableReference::Join { join, .. } if matches!(join.op, JoinOperator::CrossJoin) => {
            return cross_join(context, &join.left, &join.right);
        }
        other => panic!("the scripted Databend does not read from {other}"),
    };
    for column in &mut relation.columns {
        column.qualifier = Some(alias.clone());
    }
    Ok(relation)
}
