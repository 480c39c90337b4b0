//! CREATE, ALTER and DROP STAGE.

use databend_common_ast::ast::{AlterStageAction, AlterStageStmt, CreateStageStmt};

use super::super::state::{Stage, State};
use super::super::{Refusal, code};
use super::may_create;

pub(super) fn create(state: &mut State, statement: &CreateStageStmt) -> Result<(), Refusal> {
    let name = statement.stage_name.clone();
    let exists = state.stages.contains_key(&name);
    let refusal = || Refusal::new(code::STAGE_ALREADY_EXISTS, format!("Stage '{name}' already exists."));
    if !may_create(&statement.create_option, exists, refusal)? {
        return Ok(());
    }
    let Some(location) = &statement.location else {
        panic!("the scripted Databend does not know {statement}")
    };
    if !location.path.ends_with('/') {
        return Err(Refusal::new(code::BAD_ARGUMENTS, "URL of a stage must end with '/'"));
    }
    let connection =
        location.connection.conns.iter().map(|(key, value)| (key.to_lowercase(), value.clone())).collect();
    let url = format!("{}://{}{}", location.protocol, location.name, location.path);
    // A COMMENT here is dropped without a word.
    state.stages.insert(name, Stage { url, connection, comment: String::new() });
    Ok(())
}

pub(super) fn alter(state: &mut State, statement: &AlterStageStmt) -> Result<(), Refusal> {
    let AlterStageAction::Set(options) = &statement.action else {
        panic!("the scripted Databend does not know {statement}")
    };
    assert!(
        options.location.is_none() && options.file_format.is_none(),
        "the scripted Databend does not know {statement}"
    );
    match state.stages.get_mut(&statement.stage_name) {
        Some(altered) => {
            if let Some(comment) = &options.comment {
                altered.comment.clone_from(comment);
            }
            Ok(())
        }
        None if statement.if_exists => Ok(()),
        None => Err(unknown(&statement.stage_name)),
    }
}

pub(super) fn drop(state: &mut State, if_exists: bool, name: &str) -> Result<(), Refusal> {
    if state.stages.remove(name).is_none() && !if_exists {
        return Err(unknown(name));
    }
    state.files.retain(|file| file.stage != name);
    Ok(())
}

/// The stage and the folder of a location such as `@dms/shop/orders/`.
pub(in super::super) fn location(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches('@');
    text.split_once('/').unwrap_or((text, ""))
}

pub(in super::super) fn unknown(name: &str) -> Refusal {
    Refusal::new(crate::code::UNKNOWN_STAGE, format!("Unknown stage {name}"))
}
