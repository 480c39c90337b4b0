//! The verbs, one file each.

mod cutover;
mod explain;
mod log;
mod plan;
mod setup;
mod status;
mod tasks;
mod unlock;

pub use cutover::{CutoverError, cutover};
pub use explain::explain;
pub use log::log;
pub use plan::plan;
pub use setup::Setup;
pub use status::status;
pub use tasks::{resume, suspend};
pub use unlock::unlock;

/// What the verbs end with.
pub mod endings {
    pub use super::cutover::Cutover;
    pub use super::explain::Explain;
    pub use super::log::Log;
    pub use super::plan::Plan;
    pub use super::status::Status;
    pub use super::tasks::{Resume, Suspend};
    pub use super::unlock::Unlock;
}
