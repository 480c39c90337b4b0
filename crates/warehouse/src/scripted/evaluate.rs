//! Expressions.

use std::cmp::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use databend_common_ast::ast::{BinaryOperator, Expr, FunctionCall, IntervalKind, Literal, UnaryOperator};
use pipeline::sql::TableName;

use super::query::{ColumnName, Context, query};
use super::statements::clean_up;
use super::value::Value;
use super::{Refusal, code};

/// What an expression sees: one row, or a group of rows whose first one it is.
pub(super) struct Frame<'a> {
    pub(super) columns: &'a [ColumnName],
    pub(super) row: &'a [Value],
    pub(super) group: Option<&'a [Vec<Value>]>,
    pub(super) context: Context<'a>,
}

const AGGREGATES: [&str; 5] = ["count", "count_if", "max", "min", "sum"];

/// Whether an expression is made of an aggregate function.
pub(super) fn is_aggregate(expression: &Expr) -> bool {
    match expression {
        Expr::CountAll { .. } => true,
        Expr::FunctionCall { func, .. } => {
            AGGREGATES.contains(&func.name.name.to_lowercase().as_str()) || func.args.iter().any(is_aggregate)
        }
        Expr::BinaryOp { left, right, .. } => is_aggregate(left) || is_aggregate(right),
        Expr::Cast { expr, .. } | Expr::TryCast { expr, .. } | Expr::UnaryOp { expr, .. } => {
            is_aggregate(expr)
        }
        _ => false,
    }
}

/// The value of an expression.
pub(super) fn evaluate(frame: &Frame<'_>, expression: &Expr) -> Result<Value, Refusal> {
    Ok(match expression {
        Expr::Literal { value, .. } => literal(value),
        Expr::ColumnRef { column, .. } => {
            let table = column.table.as_ref().map(super::names::fold);
            return find_column(frame, table.as_deref(), column.column.name());
        }
        Expr::IsNull { expr, not, .. } => Value::Bool((evaluate(frame, expr)? == Value::Null) != *not),
        Expr::InList { expr, list, not, .. } => {
            let value = evaluate(frame, expr)?;
            let list = list.iter().map(|item| evaluate(frame, item)).collect::<Result<Vec<_>, _>>()?;
            is_in(&value, &list, *not)
        }
        Expr::InSubquery { expr, subquery, not, .. } => {
            let value = evaluate(frame, expr)?;
            let rows = query(inner(frame), subquery)?.rows;
            is_in(&value, &rows.into_iter().flatten().collect::<Vec<_>>(), *not)
        }
        Expr::Exists { subquery, not, .. } => {
            let found = match clean_up::has_removable(frame.context, subquery)? {
                Some(found) => found,
                None => !query(inner(frame), subquery)?.rows.is_empty(),
            };
            Value::Bool(found != *not)
        }
        Expr::Subquery { subquery, modifier: None, .. } => {
            let rows = query(inner(frame), subquery)?.rows;
            rows.into_iter().flatten().next().unwrap_or(Value::Null)
        }
        Expr::BinaryOp { op, left, right, .. } => return binary(frame, op, left, right),
        Expr::UnaryOp { op: UnaryOperator::Not, expr, .. } => match evaluate(frame, expr)? {
            Value::Bool(value) => Value::Bool(!value),
            _ => Value::Null,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr, .. } => match evaluate(frame, expr)? {
            Value::Int(value) => Value::Int(-value),
            _ => Value::Null,
        },
        Expr::Cast { expr, target_type, .. } | Expr::TryCast { expr, target_type, .. } => {
            cast(&evaluate(frame, expr)?, &target_type.to_string())
        }
        Expr::Case { operand: None, conditions, results, else_result, .. } => {
            for (condition, result) in conditions.iter().zip(results) {
                if evaluate(frame, condition)?.is_true() {
                    return evaluate(frame, result);
                }
            }
            match else_result {
                Some(other) => return evaluate(frame, other),
                None => Value::Null,
            }
        }
        Expr::CountAll { .. } => Value::count(frame.group.map_or(1, <[_]>::len)),
        Expr::DateAdd { unit, interval, date, .. } => add_time(frame, *unit, interval, date, 1)?,
        Expr::DateSub { unit, interval, date, .. } => add_time(frame, *unit, interval, date, -1)?,
        Expr::FunctionCall { func, .. } => return call(frame, func),
        other => panic!("the scripted Databend does not know the expression {other}"),
    })
}

/// What a subquery sees: the row around it, too.
fn inner<'a>(frame: &'a Frame<'a>) -> Context<'a> {
    Context { outer: Some(frame), ..frame.context }
}

fn literal(value: &Literal) -> Value {
    match value {
        Literal::UInt64(n) => Value::count(*n),
        Literal::String(text) => Value::text(text),
        Literal::Boolean(value) => Value::Bool(*value),
        Literal::Null => Value::Null,
        // The parser makes a decimal of a negative number.
        Literal::Decimal256 { value, scale: 0, .. } if i64::try_from(*value).is_ok() => {
            Value::Int(value.as_i64())
        }
        other => panic!("the scripted Databend does not know the literal {other}"),
    }
}

fn find_column(frame: &Frame<'_>, table: Option<&str>, name: &str) -> Result<Value, Refusal> {
    let matches = |column: &ColumnName| {
        column.name == name && (table.is_none() || column.qualifier.as_deref() == table)
    };
    match frame.columns.iter().position(matches) {
        Some(i) => Ok(frame.row.get(i).cloned().unwrap_or(Value::Null)),
        None => match frame.context.outer {
            Some(outer) => find_column(outer, table, name),
            None => Err(Refusal::new(code::SEMANTIC, format!("column {name} doesn't exist"))),
        },
    }
}

fn is_in(value: &Value, list: &[Value], not: bool) -> Value {
    if *value == Value::Null {
        return Value::Null;
    }
    let found = list.iter().any(|item| value.compare(item) == Some(Ordering::Equal));
    if !found && list.contains(&Value::Null) { Value::Null } else { Value::Bool(found != not) }
}

fn binary(frame: &Frame<'_>, op: &BinaryOperator, left: &Expr, right: &Expr) -> Result<Value, Refusal> {
    let (left, right) = (evaluate(frame, left)?, evaluate(frame, right)?);
    let compare = |is: fn(Ordering) -> bool| match left.compare(&right) {
        Some(order) => Value::Bool(is(order)),
        None => Value::Null,
    };
    Ok(match op {
        BinaryOperator::Eq => compare(Ordering::is_eq),
        BinaryOperator::NotEq => compare(Ordering::is_ne),
        BinaryOperator::Lt => compare(Ordering::is_lt),
        BinaryOperator::Lte => compare(Ordering::is_le),
        BinaryOperator::Gt => compare(Ordering::is_gt),
        BinaryOperator::Gte => compare(Ordering::is_ge),
        BinaryOperator::And => match (&left, &right) {
            (Value::Bool(false), _) | (_, Value::Bool(false)) => Value::Bool(false),
            (Value::Bool(true), Value::Bool(true)) => Value::Bool(true),
            _ => Value::Null,
        },
        BinaryOperator::Or => match (&left, &right) {
            (Value::Bool(true), _) | (_, Value::Bool(true)) => Value::Bool(true),
            (Value::Bool(false), Value::Bool(false)) => Value::Bool(false),
            _ => Value::Null,
        },
        BinaryOperator::Plus | BinaryOperator::Minus => match (&left, &right, op) {
            (Value::Int(a), Value::Int(b), BinaryOperator::Plus) => Value::Int(a + b),
            (Value::Int(a), Value::Int(b), _) => Value::Int(a - b),
            _ => Value::Null,
        },
        BinaryOperator::StringConcat => match (left.to_text(), right.to_text()) {
            (Some(a), Some(b)) => Value::text(a + &b),
            _ => Value::Null,
        },
        other => panic!("the scripted Databend does not know the operator {other}"),
    })
}

fn cast(value: &Value, ty: &str) -> Value {
    match ty.to_uppercase().as_str() {
        "TIMESTAMP" | "TIMESTAMP NULL" => value.to_time().map_or(Value::Null, Value::Time),
        "STRING" | "STRING NULL" => value.to_text().map_or(Value::Null, Value::text),
        "INT64" | "UINT64" | "INT32" => {
            value.to_text().and_then(|text| text.parse().ok()).map_or(Value::Null, Value::Int)
        }
        // Values of the source keep their text.
        _ => value.clone(),
    }
}

fn add_time(
    frame: &Frame<'_>,
    unit: IntervalKind,
    interval: &Expr,
    date: &Expr,
    sign: i64,
) -> Result<Value, Refusal> {
    let (n, date) = (evaluate(frame, interval)?, evaluate(frame, date)?.to_time());
    let (Value::Int(n), Some(date)) = (n, date) else { return Ok(Value::Null) };
    let seconds = match unit {
        IntervalKind::Second => 1,
        IntervalKind::Minute => 60,
        IntervalKind::Hour => 3_600,
        IntervalKind::Day => 86_400,
        other => panic!("the scripted Databend does not add {other}"),
    };
    Ok(Value::Time(date + TimeDelta::seconds(n * sign * seconds)))
}

fn call(frame: &Frame<'_>, func: &FunctionCall) -> Result<Value, Refusal> {
    let name = func.name.name.to_lowercase();
    if AGGREGATES.contains(&name.as_str()) {
        return aggregate(frame, &name, func);
    }
    let arguments = func.args.iter().map(|arg| evaluate(frame, arg)).collect::<Result<Vec<_>, _>>()?;
    Ok(match (name.as_str(), arguments.as_slice()) {
        ("now" | "current_timestamp", []) => Value::Time(frame.context.now),
        ("coalesce" | "ifnull", values) => {
            values.iter().find(|value| **value != Value::Null).cloned().unwrap_or(Value::Null)
        }
        ("if", [condition, yes, no]) => {
            if condition.is_true() {
                yes.clone()
            } else {
                no.clone()
            }
        }
        ("to_timestamp", [Value::Int(n)]) => {
            DateTime::<Utc>::from_timestamp(*n, 0).map_or(Value::Null, Value::Time)
        }
        ("to_timestamp", [value]) => value.to_time().map_or(Value::Null, Value::Time),
        ("to_variant", [value]) => value.clone(),
        ("to_string", [value]) => value.to_text().map_or(Value::Null, Value::text),
        ("concat_ws", [separator, values @ ..]) => {
            let texts: Vec<_> = values.iter().filter_map(Value::to_text).collect();
            separator.to_text().map_or(Value::Null, |separator| Value::text(texts.join(&separator)))
        }
        ("left", [Value::Text(text), Value::Int(n)]) => {
            Value::text(text.chars().take(usize::try_from(*n).unwrap_or_default()).collect::<String>())
        }
        ("lower", [value]) => value.to_text().map_or(Value::Null, |text| Value::text(text.to_lowercase())),
        ("stream_status", [Value::Text(stream)]) => {
            let (database, table) = stream.split_once('.').unwrap_or(("default", stream));
            let state = frame.context.state;
            let stream = state.usable_stream(&TableName::new(database, table))?;
            Value::Bool(state.has_data(stream))
        }
        _ => panic!("the scripted Databend does not know {name} with {arguments:?}"),
    })
}

/// Different rows of values, of those without a NULL.
fn count_distinct(frame: &Frame<'_>, group: &[Vec<Value>], arguments: &[Expr]) -> Result<Value, Refusal> {
    let mut seen: Vec<Vec<Value>> = Vec::new();
    for row in group {
        let frame = Frame { columns: frame.columns, row, group: None, context: frame.context };
        let values =
            arguments.iter().map(|argument| evaluate(&frame, argument)).collect::<Result<Vec<_>, _>>()?;
        if !values.contains(&Value::Null) && !seen.contains(&values) {
            seen.push(values);
        }
    }
    Ok(Value::count(seen.len()))
}

fn aggregate(frame: &Frame<'_>, name: &str, func: &FunctionCall) -> Result<Value, Refusal> {
    let Some(group) = frame.group else { panic!("the scripted Databend needs a group for {name}") };
    if func.distinct {
        assert_eq!(name, "count", "the scripted Databend does not know {name}(DISTINCT …)");
        return count_distinct(frame, group, &func.args);
    }
    let Some(argument) = func.args.first() else { return Ok(Value::count(group.len())) };
    let mut values = Vec::new();
    for row in group {
        let value =
            evaluate(&Frame { columns: frame.columns, row, group: None, context: frame.context }, argument)?;
        if value != Value::Null {
            values.push(value);
        }
    }
    let order = |a: &Value, b: &Value| a.compare(b).unwrap_or(Ordering::Equal);
    Ok(match name {
        "count" => Value::count(values.len()),
        "count_if" => Value::count(values.iter().filter(|value| value.is_true()).count()),
        "max" => values.into_iter().max_by(order).unwrap_or(Value::Null),
        "min" => values.into_iter().min_by(order).unwrap_or(Value::Null),
        _ => Value::Int(values.iter().map(|value| if let Value::Int(n) = value { *n } else { 0 }).sum()),
    })
}
