//! `terraform-provider-databend`: the Databend half of a CDC pipeline, next to the `aws_dms_*` resources.
//!
//! # Layout
//!
//! - [`provider`]: the table of contents: provider block, resources, functions.
//! - [`connection`]: the one Databend connection that all resources share, made when it is first needed.
//! - [`stage`], [`table`], [`task_chain`]: one folder per resource: `mod.rs` (schema and calls), `model.rs` (its attributes
//!   as a struct), and a file for each thing that it does.
//! - [`description`]: the `pipeline` object that a table gives to its chain.
//! - [`functions`]: one file per function.
//! - [`own_database`]: creates `databend_cdc` where it is missing.
//! - [`diagnostics`]: errors of the crates below as Terraform's diagnostics.
//!
//! Tests: `testing` stands in for Terraform, in process and on a scripted Databend; `interrupted` kills an apply at every
//! statement.
//!
//! What a pipeline is and its SQL: crate `pipeline`. How Databend is asked: crate `warehouse`.

mod change;
mod claims;
mod connection;
mod description;
mod diagnostics;
mod functions;
#[cfg(test)]
mod interrupted;
mod own_database;
mod provider;
mod stage;
mod table;
mod task_chain;
#[cfg(test)]
mod testing;

fn main() -> std::process::ExitCode {
    tfplugin::serve(provider::Databend::default())
}
