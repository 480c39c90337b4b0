//! Two configurations of the same shape: tables and chains of this provider, and `terraform_data` in their place.

use std::fmt::Write;

use e2e::Sandbox;

/// How much there is of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Size {
    pub(crate) tables: usize,
    pub(crate) columns: usize,
    pub(crate) chains: usize,
}

const TYPES: [&str; 5] = ["bigint", "varchar(100)", "decimal(12,2)", "datetime(6)", "int unsigned"];

impl Size {
    /// `columns = [{ name = "c0", type = "bigint" }, …]`.
    fn columns(&self) -> String {
        let one = |n: usize| format!(r#"{{ name = "c{n}", type = "{}" }}"#, TYPES[n % TYPES.len()]);
        (0..self.columns).map(one).collect::<Vec<_>>().join(", ")
    }

    /// The tables of each chain.
    fn members(&self) -> Vec<Vec<usize>> {
        let chains = self.chains.max(1);
        (0..self.chains).map(|chain| (chain..self.tables).step_by(chains).collect()).collect()
    }
}

/// A stage, the tables and the chains. Every name in Databend starts with `name`.
pub(crate) fn databend(size: &Size, name: &str, sandbox: &Sandbox) -> String {
    let mut text = format!(
        r#"terraform {{
  required_providers {{
    databend = {{ source = "databend-cdc/databend" }}
  }}
}}

resource "databend_cdc_stage" "dms" {{
  name                 = "{name}"
  url                  = "s3://{name}/"
  region               = "{}"
  endpoint_url         = "{}"
  access_key_id_wo     = "{}"
  secret_access_key_wo = "{}"
  credentials_version  = 1
}}
"#,
        sandbox.aws_region,
        sandbox.aws_endpoint_url,
        sandbox.aws_access_key_id,
        sandbox.aws_secret_access_key
    );
    let columns = size.columns();
    for table in 0..size.tables {
        let _ = write!(
            text,
            r#"
resource "databend_cdc_table" "t{table}" {{
  stage       = databend_cdc_stage.dms.name
  source      = {{ schema = "shop", table = "t{table}" }}
  columns     = [{columns}]
  primary_key = ["c0"]
  raw         = {{ database = "{name}_raw" }}
  ods         = {{ database = "{name}_ods" }}
}}
"#
        );
    }
    for (chain, members) in size.members().into_iter().enumerate() {
        let _ = write!(
            text,
            r#"
resource "databend_cdc_task_chain" "c{chain}" {{
  name      = "{name}_c{chain}"
  warehouse = "default"
  schedule  = "1 hour"
  tables    = [{}]
}}
"#,
            references(&members, "databend_cdc_table", "pipeline")
        );
    }
    text
}

/// As many `terraform_data` with the same references between them. They hold their name alone: Terraform stores the type of
/// an object beside its value, so with the tables' columns their state would be three times this provider's.
pub(crate) fn terraform_data(size: &Size) -> String {
    let mut text = "resource \"terraform_data\" \"dms\" {\n  input = \"dms\"\n}\n".to_owned();
    for table in 0..size.tables {
        let _ = write!(
            text,
            "\nresource \"terraform_data\" \"t{table}\" {{\n  input = \"${{terraform_data.dms.output}}/t{table}\"\n}}\n"
        );
    }
    for (chain, members) in size.members().into_iter().enumerate() {
        let references = references(&members, "terraform_data", "output");
        let _ = write!(text, "\nresource \"terraform_data\" \"c{chain}\" {{\n  input = [{references}]\n}}\n");
    }
    text
}

fn references(tables: &[usize], kind: &str, attribute: &str) -> String {
    let one = |table: &usize| format!("{kind}.t{table}.{attribute}");
    tables.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_share_the_tables() {
        let size = Size { tables: 5, columns: 1, chains: 2 };
        assert_eq!(size.members(), [vec![0, 2, 4], vec![1, 3]]);
        let text = terraform_data(&size);
        assert!(text.contains("input = [terraform_data.t1.output, terraform_data.t3.output]"), "{text}");
        assert_eq!(text.matches("resource \"terraform_data\"").count(), 8);
    }
}
