//! The whole pipeline: a real `MySQL`-protocol server, the sandbox's DMS and S3, the real Databend engine, declared by
//! real Terraform and cut over by the `runbook`.
//!
//! One file per subject; each test starts with an [`e2e::World`] of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod added_table;
mod chain_commands;
mod complete_example;
mod cutover;
mod cutover_killed;
mod cutover_lost_answers;
mod cutover_tables;
mod documents;
mod late_files;
mod leases;
mod least_privilege;
mod never_green;
mod owners;
mod reload;
mod replay;
mod runbook_errors;
mod schema_changes;
mod sessions;
mod source;
mod unblock;
mod verify;
