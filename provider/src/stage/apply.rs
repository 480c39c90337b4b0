//! Creates, replaces and comments a stage.

use pipeline::{Stage, sql};
use tfplugin::{Diagnostic, Diagnostics, SoFar, Value};
use warehouse::Warehouse;
use warehouse::catalog::Object;

use crate::change::{Change, look_at};
use crate::diagnostics::from_warehouse;

/// The attributes that only CREATE OR REPLACE STAGE changes. It is one statement, and ALTER STAGE … SET URL would remove
/// the credentials (docs/facts/databend.md, "Stages").
const REPLACED: [&str; 8] = [
    "url",
    "region",
    "endpoint_url",
    "role_arn",
    "external_id",
    "connection_name",
    "credentials_version",
    "has_credentials",
];

/// Whether a change needs CREATE OR REPLACE STAGE. A comment does not.
pub(super) fn needs_replacement(prior: &Value, planned: &Value) -> bool {
    REPLACED.iter().any(|name| prior.get(name) != planned.get(name))
}

/// Creates the stage and sets its comment. One that an interrupted create made is replaced: whether it has the present keys
/// does not show.
pub(super) async fn create(
    change: &Change<'_>,
    stage: &Stage,
    planned: &Value,
    so_far: &SoFar,
) -> Result<(), Diagnostics> {
    let warehouse = change.warehouse;
    let exists = look_at(warehouse, &[object(&stage.name)]).await?.stage(&stage.name).is_some();
    if exists && !change.adopts() {
        return Err(already_exists(&stage.name).into());
    }
    change.effect(|| change.unfinished(), |_| false).await?;
    if exists {
        return replace(warehouse, stage, planned, so_far).await;
    }
    let created = warehouse.execute(&sql::create_stage(stage)).await;
    warehouse.catalog().touch([object(&stage.name)]);
    if let Err(error) = created {
        // Without an answer, a look settles whether the stage was created.
        let exists = error.is_outcome_unknown()
            && warehouse
                .catalog()
                .snapshot_of(warehouse, &[object(&stage.name)])
                .await
                .is_ok_and(|seen| seen.stage(&stage.name).is_some());
        if !exists {
            return Err(from_warehouse(&format!("Stage {} could not be created", stage.name), &error).into());
        }
    }
    uncommented(planned, so_far);
    comment(warehouse, stage).await
}

/// Replaces the stage, which removes its comment, and sets the comment. The statement can be repeated when its answer
/// is lost.
pub(super) async fn replace(
    warehouse: &Warehouse,
    stage: &Stage,
    planned: &Value,
    so_far: &SoFar,
) -> Result<(), Diagnostics> {
    let replaced = warehouse.execute_idempotent(&sql::replace_stage(stage)).await;
    warehouse.catalog().touch([object(&stage.name)]);
    replaced
        .map_err(|error| from_warehouse(&format!("Stage {} could not be replaced", stage.name), &error))?;
    uncommented(planned, so_far);
    comment(warehouse, stage).await
}

/// Sets the comment of a stage that has none.
async fn comment(warehouse: &Warehouse, stage: &Stage) -> Result<(), Diagnostics> {
    match stage.comment.as_deref() {
        None | Some("") => Ok(()),
        Some(_) => set_comment(warehouse, stage).await,
    }
}

/// Sets the comment alone; no comment is an empty one.
pub(super) async fn set_comment(warehouse: &Warehouse, stage: &Stage) -> Result<(), Diagnostics> {
    let text = sql::set_stage_comment(&stage.name, stage.comment.as_deref().unwrap_or_default());
    let set = warehouse.execute_idempotent(&text).await;
    warehouse.catalog().touch([object(&stage.name)]);
    set.map_err(|error| {
        from_warehouse(&format!("The comment of stage {} could not be set", stage.name), &error)
    })?;
    Ok(())
}

fn object(name: &str) -> Object {
    Object::Stage(name.to_owned())
}

/// The stage exists, and its comment is not set yet.
fn uncommented(planned: &Value, so_far: &SoFar) {
    let mut state = planned.clone();
    state.set("comment", Value::Null);
    so_far.set(state);
}

/// A stage of this name belongs to someone else.
fn already_exists(name: &str) -> Diagnostic {
    Diagnostic::error("The stage already exists").at("name").detail(format!(
        "Stage {name} exists in Databend and is not in Terraform's state. To take it over, run: terraform import <address> {name}. To create another one, choose another name."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_comment_leaves_the_stage_as_it_is() {
        let stage = |name: &'static str, value: Value| {
            Value::object([("name", "s".into()), ("has_credentials", true.into()), (name, value)])
        };
        let prior = stage("comment", Value::Null);
        assert!(!needs_replacement(&prior, &stage("comment", "x".into())));
        for name in REPLACED {
            assert!(needs_replacement(&prior, &stage(name, "x".into())), "{name}");
        }
    }
}
