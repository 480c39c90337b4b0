//! What the end-to-end tests and the demo are written with. They look at the product from outside: Terraform and the
//! `runbook` are run as programs, `MySQL` and Databend are asked through their own drivers.
//!
//! # Layout
//!
//! - [`Sandbox`]: where everything is, from the variables that `cargo xtask test` sets
//! - [`Namespace`]: the part of Databend that belongs to one test, and its clean-up
//! - [`World`]: a whole pipeline in it, ready for the cutover; [`Must`]: `unwrap` with a readable error
//! - [`TerraformDir`]: a Terraform configuration in a folder of its own; [`Table`]: a source table in it
//! - [`Runbook`]: the `runbook`, its exit code and its JSON
//! - [`Mysql`], [`Databend`]: the two ends of the pipeline
//! - [`Aws`], [`DmsTask`]: a bucket and a DMS task of the test's own, without Terraform
//! - [`Proxy`]: records what a program asks Databend or AWS; cuts or holds the connection at a chosen request
//! - [`MysqlProxy`]: replaces statements on their way to MySQL
//! - [`Admin`]: what only the sandbox can do
//! - [`Faults`]: makes Databend or AWS fail on demand
//! - [`compare`]: whether an ODS table equals its source, row by row
//! - [`history`]: random histories of a source, through the whole pipeline
//! - [`life`]: the later life of a pipeline, with DDL, verbs and hand changes, through Terraform and runbook
//! - [`wait`]: until a condition holds; [`names`]: names that no other test uses
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
mod json_schema;
pub mod life;
mod must;
mod mysql;
mod mysql_proxy;
pub mod names;
mod namespace;
mod program;
mod proxy;
mod runbook;
mod sandbox;
mod stored;
mod table;
mod terraform;
pub mod wait;
mod world;

pub use admin::Admin;
pub use aws::Aws;
pub use databend::Databend;
pub use dms::{DmsSite, DmsTask};
pub use error::Error;
pub use faults::{Faults, Service};
pub use must::Must;
pub use mysql::{Mysql, Text};
pub use mysql_proxy::MysqlProxy;
pub use namespace::Namespace;
pub use program::Output;
pub use proxy::{Chosen, Fault, Met, Proxy};
pub use runbook::Runbook;
pub use sandbox::{MysqlParts, Sandbox};
pub use stored::pipeline_of;
pub use table::Table;
pub use terraform::{Plan, TerraformDir, unwrapped};
pub use world::World;
