//! What Terraform's state holds of a table.

use pipeline::Pipeline;
use pipeline::pipeline::Stored;
use serde_json::Value;

/// The pipeline that a resource's attribute `pipeline` describes.
///
/// # Panics
///
/// If it describes none: then the test has failed.
pub fn pipeline_of(attribute: Value) -> Pipeline {
    let stored: Stored =
        serde_json::from_value(attribute).unwrap_or_else(|error| panic!("pipeline: {error}"));
    Pipeline::try_from(stored).unwrap_or_else(|error| panic!("pipeline: {error}"))
}
