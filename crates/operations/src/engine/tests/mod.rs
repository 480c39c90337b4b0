//! The two drivers, on a scripted Databend and a DMS in memory.

mod added_tables;
mod comparing_source;
mod identities;
mod reload;
mod replay;
mod same_statements;
mod starting_dms;
mod unblock;
