//! The verbs, one file each.

mod cutover;
mod log;
mod plan;
mod resume;
mod setup;
mod status;
mod suspend;
mod tasks;
mod unlock;

pub use cutover::cutover;
pub use log::{log, prune};
pub use plan::plan;
pub use resume::resume;
pub use setup::Setup;
pub use status::status;
pub use suspend::suspend;
pub use unlock::unlock;
