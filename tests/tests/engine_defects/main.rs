//! Defects of Databend's engine that the product works around: each test shows one on the real engine, so that the way
//! around can go when the defect does. docs/engine-defects.md tells their stories.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod changes;
mod cluster_keys;
mod decimals;
mod merge;
mod subqueries;
