//! What a change of a stage will do.

use pipeline::Stage;
use tfplugin::{Diagnostic, Plan, PlanRequest, PlanResponse};

/// Plans a stage.
pub(super) fn plan(request: PlanRequest) -> PlanResponse {
    let mut plan = Plan::new(request);
    if plan.request().is_destroy() {
        return plan.finish();
    }
    plan.replace_if_changed(&["name"]);
    // A stage without credentials cannot be wanted, so a lost role or key is a difference.
    plan.set("has_credentials", true);
    if let Some(warning) = moved(&plan) {
        plan.say(warning);
    }
    plan.finish()
}

/// Warns that the load history does not tell the files of the new place from those of the old one.
fn moved(plan: &Plan) -> Option<Diagnostic> {
    if !plan.changes(&["url"]) {
        return None;
    }
    let (before, after) = (plan.request().prior.get("url").as_str()?, plan.planned().get("url").as_str()?);
    let what = if Stage::bucket(before) == Stage::bucket(after) { "folder" } else { "bucket" };
    Some(
        Diagnostic::warning(format!("The stage moves to another {what}"))
            .detail(format!(
                "From {before} to {after}. For 24 hours Databend remembers the files that a table has loaded by their path under the stage, not by the {what}: a file there with the same path, such as LOAD00000001.parquet of a new full load, is then skipped without an error. Before files with such paths arrive, run ALTER TABLE <raw table> SET OPTIONS (copy_dedup_full_path = true) for each table of the stage, or wait 24 hours after the last load from {before}."
            ))
            .at("url"),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tfplugin::{Private, Value};

    use super::*;

    fn stage(url: &str, has_credentials: Option<bool>) -> Value {
        Value::object([
            ("name", "dms".into()),
            ("url", url.into()),
            ("has_credentials", has_credentials.into()),
        ])
    }

    fn planned(prior: Value, proposed: Value) -> PlanResponse {
        plan(PlanRequest {
            schema: Arc::new(super::super::schema::schema()),
            config: proposed.clone(),
            prior,
            proposed,
            private: Private::default(),
        })
    }

    #[test]
    fn moving_the_stage_warns_of_the_load_history() {
        let move_to = |url: &str| planned(stage("s3://a/dms/", Some(true)), stage(url, Some(true)));
        let response = move_to("s3://b/dms/");
        let text = response.diagnostics.to_string();
        assert!(text.contains("moves to another bucket"), "{text}");
        assert!(text.contains("SET OPTIONS (copy_dedup_full_path = true)"), "{text}");
        assert!(response.requires_replace.is_empty());
        assert!(move_to("s3://a/other/").diagnostics.to_string().contains("another folder"));
        assert_eq!(move_to("s3://a/dms/").diagnostics.len(), 0);
        assert_eq!(planned(Value::Null, stage("s3://a/dms/", None)).diagnostics.len(), 0);
    }

    #[test]
    fn lost_credentials_are_a_difference() {
        let lost = stage("s3://a/dms/", Some(false));
        assert_eq!(planned(lost.clone(), lost).planned.get("has_credentials").as_bool(), Some(true));
    }
}
