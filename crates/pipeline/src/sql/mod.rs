//! Every SQL statement of the project, one file each; see the crate's documentation for the rules they share.

pub mod quote;

pub use quote::{TableName, ident, idents, is_quotable, literal};
