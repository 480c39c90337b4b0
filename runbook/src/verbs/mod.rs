//! The verbs, one file each.

mod cutover;
mod log;
mod plan;
mod setup;
mod status;
mod tasks;
mod unlock;

pub use cutover::cutover;
pub use log::log;
pub use plan::plan;
pub use setup::Setup;
pub use status::status;
pub use tasks::{resume, suspend};
pub use unlock::unlock;
