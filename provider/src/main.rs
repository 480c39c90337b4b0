//! `terraform-provider-databend`: the Databend half of a CDC pipeline, next to the `aws_dms_*` resources.
//!
//! # Layout
//!
//! - [`provider`]: the table of contents: provider block, resources, functions.
//! - [`connection`]: the one Databend connection that all resources share, made when it is first needed.
//! - [`stage`], [`table`], [`task_chain`]: one folder per resource: `mod.rs` (schema and calls), `model.rs` (its attributes
//!   as a struct), and a file for each thing that it does.
//! - [`functions`]: one file per function.
//! - [`diagnostics`]: errors of the crates below as Terraform's diagnostics.
//!
//! What a pipeline is and its SQL: crate `pipeline`. How Databend is asked: crate `warehouse`.

mod connection;
mod diagnostics;
mod functions;
mod provider;
mod stage;
mod table;
mod task_chain;

fn main() -> std::process::ExitCode {
    tfplugin::serve(provider::Databend::default())
}
