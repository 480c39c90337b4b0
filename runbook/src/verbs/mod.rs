//! The verbs, one file each.

mod cutover;
mod explain;
mod log;
mod outcome;
mod plan;
mod reload;
mod replay;
mod resume;
mod see;
mod settle;
mod setup;
mod status;
mod suspend;
mod tasks;
mod unblock;
mod unlock;
mod verify;

pub use cutover::{CutoverError, cutover};
pub use explain::explain;
pub use log::{log, prune};
pub use plan::plan;
pub use reload::reload;
pub use replay::replay;
pub use resume::resume;
pub use settle::settle;
pub use setup::Setup;
pub use status::status;
pub use suspend::suspend;
pub use unblock::{put_back, unblock};
pub use unlock::unlock;
pub use verify::{canary, verify};

/// What the verbs end with.
pub mod endings {
    pub use super::cutover::Cutover;
    pub use super::explain::Explain;
    pub use super::log::{Log, Prune};
    pub use super::plan::Plan;
    pub use super::reload::Reload;
    pub use super::replay::Replay;
    pub use super::resume::Resume;
    pub use super::settle::Settle;
    pub use super::status::Status;
    pub use super::suspend::Suspend;
    pub use super::unblock::{PutBack, Unblock};
    pub use super::unlock::Unlock;
    pub use super::verify::{Canary, Verify};
}
