//! Histories that once failed, or that chance does not bring about. Their stories:
//!
//! - `a_quote_in_the_name`: the stream of a raw table with `"` in its name could not be read after the first filling.
//! - `binary_keys`: Databend has no `=` for BINARY, so no comparison of keys worked.
//! - `one_value_in_every_row`: decimals in raw came back as other numbers when all rows had the same one.
//! - `a_late_insert_of_a_row_that_is_gone`: DMS keeps an insert back until after a load that lacks the row: what the floor is for.
//! - `a_row_that_was_deleted_unseen`: what the deletes of a later load are for.
//! - `a_stream_made_again_after_a_late_insert`: all of raw is merged again, and raw has changes below the floor.
//! - `a_change_right_after_a_load`: it comes after the load's boundary.
//! - `a_statement_that_runs_across_a_load`: its change has the time of its start, which is before the boundary, and the load
//!   does not have it.
//! - `many_changes_per_key_beside_a_large_table`, `few_keys_beside_a_long_history`: what the engine's MERGE is known to get
//!   wrong (docs/engine-defects.md).

use std::path::Path;

use e2e::Sandbox;
use e2e::history::{History, Stand, play};

/// The history of a file in cases/.
pub(super) fn read(name: &str) -> History {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories/cases").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn goes_well(name: &str) {
    let stand = Stand::new(Sandbox::from_env().unwrap()).await.unwrap();
    if let Err(failure) = play(&stand, &read(name), None).await {
        panic!("{name}: {failure}");
    }
}

#[tokio::test]
async fn a_quote_in_the_name() {
    goes_well("a_quote_in_the_name").await;
}

#[tokio::test]
async fn binary_keys() {
    goes_well("binary_keys").await;
}

#[tokio::test]
async fn one_value_in_every_row() {
    goes_well("one_value_in_every_row").await;
}

#[tokio::test]
async fn many_changes_per_key_beside_a_large_table() {
    goes_well("many_changes_per_key_beside_a_large_table").await;
}

#[tokio::test]
async fn few_keys_beside_a_long_history() {
    goes_well("few_keys_beside_a_long_history").await;
}
