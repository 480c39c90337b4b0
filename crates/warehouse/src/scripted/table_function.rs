//! Table functions.

use databend_common_ast::ast::{Expr, Identifier};

use super::evaluate::{Frame, evaluate};
use super::names::fold;
use super::query::{Context, Relation};
use super::statements::stage;
use super::value::Value;
use super::{Answer, code};

/// The rows of a table function.
pub(super) fn call(context: Context<'_>, name: &str, arguments: &[(Identifier, Expr)]) -> Answer {
    match (name, arguments) {
        ("list_stage", [(argument, location)]) if fold(argument) == "location" => {
            let frame = Frame { columns: &[], row: &[], group: None, context };
            list_stage(context, &evaluate(&frame, location)?)
        }
        _ => panic!("the scripted Databend does not know the table function {name}"),
    }
}

/// The files under a location. Sizes are not modeled.
fn list_stage(context: Context<'_>, location: &Value) -> Answer {
    let Some(location) = location.to_text().filter(|text| text.starts_with('@')) else {
        return Err(super::Refusal::new(code::BAD_ARGUMENTS, "location must start with @"));
    };
    let (name, folder) = stage::location(&location);
    if !context.state.stages.contains_key(name) {
        return Err(stage::unknown(name));
    }
    let files = context.state.files.iter().filter(|file| file.stage == name && file.path.starts_with(folder));
    let rows = files.map(|file| vec![Value::text(&file.path), Value::Int(1), Value::Time(context.now)]);
    Ok(Relation::new(["name", "size", "last_modified"], rows.collect()))
}
