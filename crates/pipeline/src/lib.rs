//! What a MySQL → DMS → S3 → Databend pipeline is, and the SQL and DMS documents that make it. Pure: no I/O, no
//! Terraform types, so that every statement can be read and tested as text.
//!
//! # Layout
//!
//! - [`name`]: names and values as SQL text; [`data_type`]: Databend's types.
//! - [`default_value`]: what MySQL gave the rows that existed when a column was added.
//! - [`mysql_type`], [`column`]: a MySQL column type and its place in raw (wide) and ODS (exact).
//! - [`canonical`]: one text per value that MySQL and Databend print alike; [`json_text`]: that of JSON;
//!   [`part`] and [`key_condition`]: which rows are compared at a time, and at all; [`carry`]: how a value is brought from MySQL into raw.
//! - [`table`]: one replicated table and the rules that its description must follow.
//! - [`boundary`]: the place of a later full load in the order of changes.
//! - [`set_aside`]: where a file is that no COPY can load.
//! - [`evolution`]: how a description may change while its data stays.
//! - [`shape`]: what DDL leaves at the source, and which of it the description accounts for.
//! - [`pipeline`]: the description as Terraform's state carries it from provider to runbook.
//! - [`stage`], [`schedule`], [`task`], [`chain`]: the stage, and the tasks that keep tables up to date.
//! - [`stamp`]: how a later version knows a task's text that an earlier one wrote.
//! - [`sql`]: every statement, one file each. Nothing else in the project builds SQL.
//! - [`dms`]: the JSON documents that AWS DMS takes.
//!
//! # How a change travels
//!
//! DMS writes a Parquet row per change. [`sql::load`] copies it into raw. The stream on raw hands it to [`sql::merge`]
//! once. The merge takes the newest change per key by the order key (the DMS change sequence; full-load rows come first)
//! and never goes back, so a file that comes twice, late or out of order changes nothing.

pub mod boundary;
pub mod canonical;
pub mod carry;
pub mod chain;
pub mod column;
pub mod conversion;
pub mod data_type;
pub mod default_value;
pub mod dms;
pub mod evolution;
pub mod json_text;
pub mod key_condition;
pub mod mysql_type;
pub mod name;
pub mod part;
pub mod pipeline;
pub mod schedule;
pub mod set_aside;
pub mod shape;
pub mod sql;
pub mod stage;
pub mod stamp;
pub mod table;
pub mod task;

pub use boundary::Boundary;
pub use chain::Chain;
pub use key_condition::KeyCondition;
pub use name::TableName;
pub use part::Part;
pub use pipeline::Pipeline;
pub use shape::{Shape, ShapeColumn};
pub use stage::Stage;
pub use table::Table;
