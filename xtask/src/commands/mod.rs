//! One file per command: its arguments and what it does.

pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod docs;
pub(crate) mod histories;
pub(crate) mod sandbox;
pub(crate) mod test;
