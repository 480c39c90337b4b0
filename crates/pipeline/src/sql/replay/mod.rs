//! ODS of a table, rebuilt from everything that raw keeps.
//!
//! The rows go into a table beside ODS first ([`RebuiltTable`]), where they are compared with ODS ([`compare`]). One transaction
//! then takes them over ([`take_over`]): readers see the rows before or after it, and ODS keeps its id.

pub mod compare;
mod fill;
mod table;
mod take_over;

pub use fill::{fill, keep_deleted};
pub use table::{RebuiltTable, existing};
pub use take_over::take_over;
