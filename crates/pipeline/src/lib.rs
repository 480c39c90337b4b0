//! wip
pub mod mysql_type;
pub mod sql;
