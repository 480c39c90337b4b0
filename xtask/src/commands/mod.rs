//! One file per command: its arguments and what it does. [`in_sandbox`] is what several of them do.

pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod docs;
pub(crate) mod histories;
pub(crate) mod in_sandbox;
pub(crate) mod mysql;
pub(crate) mod sandbox;
pub(crate) mod soak;
pub(crate) mod test;
