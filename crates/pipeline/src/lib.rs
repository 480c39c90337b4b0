//! wip
pub mod chain;
pub mod column;
pub mod mysql_type;
pub mod pipeline;
pub mod schedule;
pub mod sql;
pub mod table;

pub use pipeline::Pipeline;
pub use table::Table;
