//! Databend as seen by both programs of the project: the Terraform provider and the runbook.
//!
//! # Layout
//!
//! - [`Dsn`]: where Databend is and who we are there; checked before anything is sent.
//! - [`Warehouse`]: a handle on one Databend, with a few sessions that are used again. Reads are repeated when an
//!   answer is lost; writes never are.
//! - [`Transaction`]: statements that become visible together.
//! - [`Row`]: result rows, read by column name.
//! - [`catalog`]: what exists (tables, columns, streams, stages, tasks), read in bulk, cached, shared.
//! - [`Warehouse::ensure_database`]: makes a database, and takes none from its owner.
//! - [`chain`]: task chains: suspend, resume, and a guard that puts a chain back as it was.
//! - [`intents`]: what an apply is about to do, recorded before it does it.
//! - [`history`]: what the tasks did.
//! - `scripted`: a Databend in memory, for tests alone (feature `scripted`).
//! - [`WarehouseError`]: what went wrong. "The server said no" and "no answer came" are different things: the second
//!   is neither success nor failure, and whoever gets it has to look.
//!
//! SQL text is not made here but in the crate `pipeline`. Nothing here knows of Terraform.

mod actor;
mod batch;
pub mod catalog;
pub mod chain;
mod database;
mod dsn;
mod error;
pub mod history;
pub mod intents;
mod redact;
mod row;
#[cfg(feature = "scripted")]
pub mod scripted;
mod session;
mod transaction;
mod warehouse;

pub use actor::actor;
pub use batch::Batch;
pub use dsn::Dsn;
pub use error::{WarehouseError, code};
pub use row::{FromValue, Row, affected_rows};
pub use session::Work;
pub use transaction::Transaction;
pub use warehouse::{Options, Warehouse};
