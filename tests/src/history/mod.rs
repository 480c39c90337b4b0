//! Random histories of a source, through the whole pipeline: the promise of the product as a property. Whatever happens
//! at the source and on the way, at rest ODS equals the source. `MariaDB` itself is the model: nothing here knows what a
//! statement does.
//!
//! # Layout
//!
//! - [`model`]: what a history is, as data that can be written to a file and read again
//! - [`names`], [`kind`]: names and types of tables and columns, and their values
//! - [`statements`]: a history's steps as statements of `MySQL`
//! - [`strategy`]: histories by chance, which shrink
//! - [`stand`]: what many histories share; [`lane`]: what one has for itself: source tables, a DMS task, both tables and
//!   the tasks in Databend
//! - [`play`]: a history, from its first transaction to the comparison; [`cutover`]: its cutover, killed and run again
//! - [`reload`]: changes that no DMS task delivers, and the runbook that takes in another full load
//! - [`repair`]: changes that no DMS task delivers, and the runbook that writes the rows that differ
//! - [`trace`]: whether the journal of a killed cutover tells what it did
//! - [`mutation`]: defects put into the pipeline on purpose, which the property must catch; [`late_journal`]: one that is put on the
//!   way between runbook and Databend
//! - [`case`]: a history, or a life of [`crate::life`]; [`search`]: many of them from one seed, side by side; the first that fails is
//!   shrunk

mod case;
mod census;
mod cutover;
pub mod kind;
mod lane;
mod late_journal;
pub mod model;
pub mod mutation;
pub mod names;
mod play;
mod reload;
mod repair;
pub mod search;
mod stand;
mod statements;
pub mod strategy;
mod trace;

pub use case::Case;
pub use census::Census;
pub use model::History;
pub use mutation::Mutation;
pub use play::{Failure, Story, play};
pub use search::{Found, Plan, Sort, search};
pub use stand::Stand;
