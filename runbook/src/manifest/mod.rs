//! What the runbook works on: the task chains and tables that Terraform made.

mod state;
mod terraform;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
pub use operations::target::{Chain, ChainTable};
use pipeline::{Pipeline, TableName};
use warehouse::intents::{chain_subject, table_subject};

/// Every chain in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The chains, by name.
    pub chains: Vec<Chain>,
    /// Tables that no chain moves.
    pub unchained: Vec<Pipeline>,
}

/// A state that the runbook cannot work with.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ManifestError {
    /// The folder is not there.
    #[error("there is no folder {}", dir.display())]
    #[diagnostic(help(
        "give --dir the folder with your Terraform configuration, or --manifest a file with the output of `terraform show -json`"
    ))]
    NoFolder {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder holds no Terraform configuration.
    #[error("{} is not a Terraform folder: there is no *.tf file in it", dir.display())]
    #[diagnostic(help(
        "run this in the folder with your Terraform configuration, or give it with --dir, or give --manifest a file with the output of `terraform show -json`"
    ))]
    NotTerraform {
        /// The folder.
        dir: PathBuf,
    },
    /// terraform is not installed.
    #[error("terraform cannot be run: {cause}")]
    #[diagnostic(help(
        "install Terraform 1.11 or later and put it on PATH, or give --manifest a file with the output of `terraform show -json`"
    ))]
    NoTerraform {
        /// What the system said.
        cause: std::io::Error,
    },
    /// terraform failed.
    #[error("`terraform show -json` failed in {}: {message}", dir.display())]
    #[diagnostic(help(
        "make `terraform show` work there first; a new checkout needs `terraform init`, and a state that an earlier version of the provider wrote needs `terraform apply`"
    ))]
    TerraformFailed {
        /// The folder.
        dir: PathBuf,
        /// What it printed.
        message: String,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {cause}", path.display())]
    #[diagnostic(help("give --manifest a file with the output of `terraform show -json`"))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It is not what `terraform show -json` prints.
    #[error("{origin} is not the output of `terraform show -json`: {message}")]
    #[diagnostic(help("write it with `terraform show -json > FILE`"))]
    NotState {
        /// Where it came from.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// A resource does not look as this version's provider writes it.
    #[error("{address} in {origin} cannot be used: {message}")]
    #[diagnostic(help(
        "run `terraform apply`, so that the state is written by the provider of this version"
    ))]
    Resource {
        /// The resource.
        address: String,
        /// Where it came from.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// Nothing of ours in it.
    #[error("{origin} holds no databend_cdc_task_chain, so there is no pipeline to work on")]
    #[diagnostic(help(
        "declare databend_cdc_table and databend_cdc_task_chain resources and run `terraform apply`"
    ))]
    Empty {
        /// Where it came from.
        origin: String,
    },
    /// `--table` names nothing.
    #[error("no task chain moves table {table}; the tables are: {known}")]
    #[diagnostic(help(
        "name the table as at the source, SCHEMA.TABLE; a table that Terraform made must also be in `tables` of a databend_cdc_task_chain"
    ))]
    UnknownTable {
        /// What was asked for.
        table: String,
        /// What there is.
        known: String,
    },
    /// Two chains with one name.
    #[error("{first} and {second} are both named \"{name}\"")]
    #[diagnostic(help(
        "give each databend_cdc_task_chain its own name: task names are unique in a Databend account"
    ))]
    SameName {
        /// One address.
        first: String,
        /// The other.
        second: String,
        /// Their name.
        name: String,
    },
}

impl Manifest {
    /// Learns the pipeline from a file, or from the Terraform folder.
    pub async fn load(dir: &Path, file: Option<&Path>) -> Result<Self, ManifestError> {
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|cause| ManifestError::Read { path: path.to_owned(), cause })?;
            return Self::parse(&text, &path.display().to_string());
        }
        // Said in full, since "." tells nobody which folder it was.
        let dir = &std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let text = terraform::show(dir).await?;
        Self::parse(&text, &format!("the Terraform state of {}", dir.display()))
    }

    /// Reads the output of `terraform show -json`.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ManifestError> {
        let manifest = state::read(text, origin)?;
        if manifest.chains.is_empty() {
            return Err(ManifestError::Empty { origin: origin.to_owned() });
        }
        let mut seen: BTreeMap<&str, &Chain> = BTreeMap::new();
        for chain in &manifest.chains {
            if let Some(first) = seen.insert(&chain.name, chain) {
                return Err(ManifestError::SameName {
                    first: first.address.clone(),
                    second: chain.address.clone(),
                    name: chain.name.clone(),
                });
            }
        }
        Ok(manifest)
    }

    /// What an apply would call the chains and the selected tables ([`warehouse::intents`]).
    pub fn subjects(&self) -> Vec<String> {
        let chains = self.chains.iter().map(|chain| chain_subject(&chain.name));
        let tables = self.chains.iter().flat_map(Chain::selected);
        chains.chain(tables.map(|table| table_subject(&table.pipeline.raw, &table.pipeline.ods))).collect()
    }

    /// The raw and ODS tables of all chains.
    pub fn databend_tables(&self) -> Vec<TableName> {
        let tables = self.chains.iter().flat_map(|chain| &chain.tables);
        tables.flat_map(|table| [table.pipeline.raw.clone(), table.pipeline.ods.clone()]).collect()
    }

    /// Keeps the chains of the named tables and marks those; no names means all.
    pub fn select(mut self, tables: &[String]) -> Result<Self, ManifestError> {
        if tables.is_empty() {
            return Ok(self);
        }
        for table in tables {
            if !self.chains.iter().flat_map(|c| &c.tables).any(|t| t.pipeline.source() == *table) {
                let mut known: Vec<_> =
                    self.chains.iter().flat_map(|c| &c.tables).map(|t| t.pipeline.source()).collect();
                known.sort();
                return Err(ManifestError::UnknownTable { table: table.clone(), known: known.join(", ") });
            }
        }
        for table in self.chains.iter_mut().flat_map(|chain| &mut chain.tables) {
            table.selected = tables.contains(&table.pipeline.source());
        }
        self.chains.retain(|chain| chain.tables.iter().any(|table| table.selected));
        self.unchained.clear();
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use warehouse::chain::ChainTasks;

    use super::*;

    fn two_chains() -> Manifest {
        Manifest::parse(include_str!("fixtures/two_chains.json"), "state.json").unwrap()
    }

    #[test]
    fn tables_are_selected_by_their_name_at_the_source() {
        let manifest = two_chains().select(&["shop.orders".to_owned()]).unwrap();
        assert_eq!(manifest.chains.len(), 1);
        let selected: Vec<_> = manifest.chains[0].selected().map(|t| t.pipeline.source()).collect();
        assert_eq!(selected, ["shop.orders"]);
        assert_eq!(manifest.chains[0].tables.len(), 2, "the other table of the chain is still known");
    }

    #[test]
    fn the_tasks_of_a_selected_table_are_its_own() {
        let mut manifest = two_chains().select(&["shop.orders".to_owned()]).unwrap();
        let tasks = |manifest: &Manifest| {
            let chain = &manifest.chains[0];
            let selected: Vec<_> = chain.selected().cloned().collect();
            chain.own_tasks(&selected, ChainTasks::root_first)
        };
        let own = ["shop_load_ods_orders", "shop_cleanup_ods_orders", "shop_merge_ods_orders"];
        assert_eq!(tasks(&manifest), own);
        for table in &mut manifest.chains[0].tables {
            table.tasks.load = "shop_load".into();
        }
        assert_eq!(tasks(&manifest), own[1..], "the shared load task is not this table's alone");
    }

    #[test]
    fn an_unknown_table_lists_the_known_ones() {
        let error = two_chains().select(&["orders".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no task chain moves table orders; the tables are: crm.people, shop.items, shop.orders"
        );
    }

    #[tokio::test]
    async fn outside_a_terraform_folder_the_error_says_where_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = Manifest::load(folder.path(), None).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} is not a Terraform folder: there is no *.tf file in it", folder.path().display())
        );
        assert!(error.help().unwrap().to_string().contains("--manifest"));
        let missing = folder.path().join("missing");
        let error = Manifest::load(&missing, None).await.unwrap_err();
        assert_eq!(error.to_string(), format!("there is no folder {}", missing.display()));
    }
}
