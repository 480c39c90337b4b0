//! The later life of a pipeline, by chance: what people do to a source and to what stands behind it from the second month on, through the
//! real Terraform, provider and runbook. At rest, or after the commands that the findings name and nothing else, ODS equals the source.
//!
//! Rows, faults and kills in every order are the matter of [`crate::history`]. Here it is DDL, configuration, and the runbook's verbs.
//!
//! # Layout
//!
//! - [`model`]: what a life is, as data that can be written to a file and read again
//! - [`strategy`]: lives by chance, which shrink
//! - [`source`]: a table of the source as it is now, and events as its statements
//! - [`play`]: a life, from the cutover to the comparison; [`events`]: what happens in it
//! - [`operator`]: the person who does what the findings say, and knows nothing else; [`declaration`]: what that person writes

mod census;
mod declaration;
mod events;
pub mod model;
mod operator;
mod play;
mod source;
pub mod strategy;

pub(crate) use census::census;
pub use model::Life;
pub(crate) use play::play;
