//! What the end-to-end tests and the demo are written with. They look at the product from outside: Terraform and the
//! `runbook` are run as programs, `MySQL` and Databend are asked through their own drivers.
//!
//! # Layout
//!
//! - [`Sandbox`]: where everything is, from the variables that `cargo xtask test` sets
//! - [`TerraformDir`]: a Terraform configuration in a folder of its own
//! - [`Runbook`]: the `runbook`, its exit code and its JSON
//! - [`Mysql`], [`Databend`]: the two ends of the pipeline
//! - [`Aws`], [`DmsTask`]: a bucket and a DMS task of the test's own, without Terraform
//! - [`Tap`]: what a program says to Databend; [`Wire`]: cuts or holds its connection at a chosen request
//! - [`Admin`]: what only the sandbox can do
//! - [`Faults`]: makes Databend or AWS fail on demand
//! - [`compare`]: whether an ODS table equals its source, row by row
//! - [`history`]: random histories of a source, through the whole pipeline
//! - [`wait`]: until something is so; [`names`]: names that no other test uses
//!
//! A test looks like this:
//!
//! ```no_run
//! # async fn test() -> Result<(), e2e::Error> {
//! let sandbox = e2e::Sandbox::from_env()?;
//! let schema = e2e::names::unique("shop");
//! let mysql = e2e::Mysql::connect(&sandbox).await?;
//! mysql.exec(&format!("CREATE DATABASE {schema}")).await?;
//!
//! let terraform = e2e::TerraformDir::new(&sandbox)?;
//! terraform.write("main.tf", r#"data "aws_caller_identity" "me" {}"#)?;
//! terraform.init().await?;
//! terraform.apply(&[]).await?;
//! assert_eq!(terraform.plan(&[]).await?, e2e::Plan::Empty);
//! # Ok(())
//! # }
//! ```

mod admin;
mod aws;
pub mod compare;
mod databend;
mod dms;
mod error;
mod faults;
pub mod history;
mod http;
mod mysql;
pub mod names;
mod program;
mod runbook;
mod sandbox;
mod terraform;
pub mod wait;
mod wire;

pub use admin::Admin;
pub use aws::Aws;
pub use databend::Databend;
pub use dms::{DmsSite, DmsTask};
pub use error::Error;
pub use faults::{Faults, Service};
pub use mysql::{Mysql, Text};
pub use program::Output;
pub use runbook::Runbook;
pub use sandbox::{MysqlParts, Sandbox};
pub use terraform::{Plan, TerraformDir, unwrapped};
pub use wire::{Act, Chosen, Met, Wire};
