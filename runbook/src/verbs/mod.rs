//! The verbs, one file each.

mod cutover;
mod plan;
mod setup;
mod status;
mod tasks;

pub use cutover::cutover;
pub use plan::plan;
pub use setup::Setup;
pub use status::status;
pub use tasks::{resume, suspend};
