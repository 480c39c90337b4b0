//! The two drivers, on a scripted Databend and a DMS in memory.

mod identities;
mod same_statements;
mod starting_dms;
