//! A later full load of a table: a generation.
//!
//! Its files go into a side table first ([`SideTable`]), apart from everything that tasks read. When the load is complete and
//! compared, one transaction gives it its place in the order of changes ([`admit`]): in raw, where a replay finds it, in ODS,
//! and as the table's floor, below which every change counts as contained in the load.

mod admit;
mod questions;
mod side;

pub use admit::{Admission, admit, take_in_columns};
pub use questions::{
    key_columns, newest_change, newest_order_keys, stale_rows, unloaded_keys, unmerged_keys,
};
pub use side::{SideTable, existing_sides, value_columns};
