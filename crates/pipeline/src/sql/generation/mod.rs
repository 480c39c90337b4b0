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

use crate::sql::changes::raw;
use crate::sql::ident;
use crate::table::Table;

/// The condition that a row `t` of ODS and a row `r` of raw or of a side table have the same key.
fn same_key(table: &Table) -> String {
    let keys: Vec<_> = table
        .key_columns()
        .into_iter()
        .map(|c| {
            let ods = format!("t.{}", ident(&c.name));
            format!("{} = {}", c.comparable(&ods), c.comparable(&c.cast_raw(&raw(&c.name))))
        })
        .collect();
    keys.join(" AND ")
}
