//! The two drivers, on a scripted Databend and a DMS in memory.

mod comparing_source;
mod same_statements;
mod starting_dms;
