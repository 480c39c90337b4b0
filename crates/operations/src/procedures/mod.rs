//! The order of what is done, one file per procedure. A driver goes through it ([`crate::engine`]).

mod cutover;

pub use cutover::{Ended, Outcome, cutover};
