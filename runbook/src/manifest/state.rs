//! Reading `terraform show -json`: the format is documented by Terraform ("JSON Output Format", values representation).

use std::collections::BTreeMap;

use pipeline::Pipeline;
use pipeline::chain::TaskNames;
use pipeline::pipeline::Stored;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Chain, ChainTable, Manifest, ManifestError};

/// The resource types of the provider that matter here.
const TABLE: &str = "databend_cdc_table";
const CHAIN: &str = "databend_cdc_task_chain";

#[derive(Deserialize)]
struct State {
    format_version: String,
    values: Option<Values>,
}

#[derive(Deserialize)]
struct Values {
    root_module: Module,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    child_modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Resource {
    address: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    values: serde_json::Value,
}

#[derive(Deserialize)]
struct TableValues {
    pipeline: Stored,
}

#[derive(Deserialize)]
struct ChainValues {
    name: String,
    tables: Vec<Stored>,
    #[serde(default)]
    dms_task_arn: Option<String>,
    /// ODS table → its tasks.
    tasks: BTreeMap<String, Tasks>,
}

/// The tasks of one table; null where the last refresh found one missing or changed.
#[derive(Deserialize)]
struct Tasks {
    load: Option<String>,
    merge: Option<String>,
    cleanup: Option<String>,
}

pub(super) fn read(text: &str, origin: &str) -> Result<Manifest, ManifestError> {
    let state: State = serde_json::from_str(text)
        .map_err(|error| ManifestError::NotState { origin: origin.to_owned(), message: error.to_string() })?;
    if !state.format_version.starts_with("1.") && !state.format_version.starts_with("0.") {
        return Err(ManifestError::NotState {
            origin: origin.to_owned(),
            message: format!("its format_version is {}, this runbook knows 1.x", state.format_version),
        });
    }
    let mut resources = Vec::new();
    if let Some(values) = state.values {
        collect(values.root_module, &mut resources);
    }
    let mut chains = Vec::new();
    let mut tables = Vec::new();
    for resource in resources.into_iter().filter(|resource| resource.mode == "managed") {
        let Resource { address, kind, values, .. } = resource;
        let wrong = |message: String| ManifestError::Resource {
            address: address.clone(),
            origin: origin.to_owned(),
            message,
        };
        match kind.as_str() {
            CHAIN => {
                let values: ChainValues = written(values, "tables").map_err(wrong)?;
                chains.push(chain(address.clone(), values).map_err(wrong)?);
            }
            TABLE => {
                let values: TableValues = written(values, "pipeline").map_err(wrong)?;
                tables.push(Pipeline::try_from(values.pipeline).map_err(|error| wrong(error.to_string()))?);
            }
            _ => {}
        }
    }
    let chained =
        |p: &Pipeline| chains.iter().flat_map(|c: &Chain| &c.tables).any(|t| t.pipeline.raw == p.raw);
    let unchained = tables.into_iter().filter(|table| !chained(table)).collect();
    Ok(Manifest { chains, unchained })
}

/// The attributes of a resource, of which an apply has written `attribute`.
fn written<T: DeserializeOwned>(values: serde_json::Value, attribute: &str) -> Result<T, String> {
    if values.get(attribute).is_some_and(serde_json::Value::is_null) {
        return Err(format!(
            "its {attribute} is null, as after an import or in a state of an earlier version of the provider, until `terraform apply` has run"
        ));
    }
    serde_json::from_value(values).map_err(|error| error.to_string())
}

fn collect(module: Module, into: &mut Vec<Resource>) {
    into.extend(module.resources);
    for child in module.child_modules {
        collect(child, into);
    }
}

fn chain(address: String, values: ChainValues) -> Result<Chain, String> {
    let tables = values
        .tables
        .into_iter()
        .map(|stored| {
            let pipeline = Pipeline::try_from(stored).map_err(|error| error.to_string())?;
            let ods = pipeline.ods.plain();
            let names = values.tasks.get(&ods).ok_or_else(|| format!("tasks has none for {ods}"))?;
            let name = |role: &str, task: &Option<String>| {
                task.clone().ok_or_else(|| {
                    format!("the {role} task of {ods} is missing in Databend, or not as it must be")
                })
            };
            let tasks = TaskNames {
                load: name("load", &names.load)?,
                merge: name("merge", &names.merge)?,
                cleanup: name("clean-up", &names.cleanup)?,
            };
            Ok(ChainTable { pipeline, tasks, selected: true })
        })
        .collect::<Result<_, String>>()?;
    Ok(Chain {
        address,
        name: values.name,
        dms_task_arn: values.dms_task_arn.filter(|arn| !arn.is_empty()),
        tables,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_and_tables_are_found_in_root_and_child_modules() {
        let manifest = read(include_str!("fixtures/two_chains.json"), "state.json").unwrap();
        let names: Vec<_> = manifest.chains.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["shop", "crm"]);
        let shop = &manifest.chains[0];
        assert_eq!(shop.tables[0].tasks.load, "shop_load_ods_orders");
        assert_eq!(shop.tables[1].tasks.merge, "shop_merge_ods_items");
        assert_eq!(shop.dms_task_arn.as_deref(), Some("arn:aws:dms:us-east-1:123456789012:task:SHOP"));
        assert_eq!(manifest.chains[1].address, "module.crm.databend_cdc_task_chain.crm");
        assert_eq!(manifest.chains[1].dms_task_arn, None);
        assert_eq!(manifest.unchained.len(), 1);
    }

    #[test]
    fn what_is_not_a_state_is_told_so() {
        let error = read("{", "x.json").unwrap_err();
        assert!(
            error.to_string().starts_with("x.json is not the output of `terraform show -json`: "),
            "{error}"
        );
        let error = read(r#"{"format_version":"9.0"}"#, "x.json").unwrap_err();
        assert!(error.to_string().ends_with("its format_version is 9.0, this runbook knows 1.x"), "{error}");
    }

    #[test]
    fn an_empty_state_names_what_is_missing() {
        let error = Manifest::parse(r#"{"format_version":"1.0"}"#, "the Terraform state of x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the Terraform state of x holds no databend_cdc_task_chain, so there is no pipeline to work on"
        );
    }

    #[test]
    fn a_resource_of_another_version_is_named() {
        let text = r#"{"format_version":"1.0","values":{"root_module":{"resources":[
            {"address":"databend_cdc_task_chain.a","mode":"managed","type":"databend_cdc_task_chain",
             "values":{"name":"a"}}]}}}"#;
        let error = read(text, "x.json").unwrap_err();
        assert_eq!(
            error.to_string(),
            "databend_cdc_task_chain.a in x.json cannot be used: missing field `tables`"
        );
    }

    #[test]
    fn a_resource_that_no_apply_has_completed_is_told_so() {
        for (kind, attribute) in [(TABLE, "pipeline"), (CHAIN, "tables")] {
            let text = format!(
                r#"{{"format_version":"1.0","values":{{"root_module":{{"resources":[
                {{"address":"{kind}.a","mode":"managed","type":"{kind}","values":{{"name":"a","{attribute}":null}}}}]}}}}}}"#
            );
            let error = read(&text, "x.json").unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "{kind}.a in x.json cannot be used: its {attribute} is null, as after an import or in a state of an earlier version of the provider, until `terraform apply` has run"
                )
            );
        }
    }
}
