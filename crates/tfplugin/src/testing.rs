//! Resources called as the service calls them, without the wire: for a stand-in for Terraform in a provider's own tests.

use crate::rpc::settle::{self, Settled};
use crate::wire::msgpack;
use crate::{
    Context, CreateRequest, DeleteRequest, Diagnostics, Private, Resource, Schema, SoFar, UpdateRequest,
    Value,
};

/// What Terraform is told after an apply.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The state to store; null when there is none.
    pub state: Value,
    /// Private state to store.
    pub private: Private,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

impl Applied {
    fn new(schema: &Schema, settled: Settled) -> Self {
        Self {
            state: stored(schema, settled.state),
            private: settled.private,
            diagnostics: settled.diagnostics,
        }
    }
}

/// Creates, updates or deletes, as `ApplyResourceChange` does: by which of `prior` and `planned` is null.
pub async fn apply(
    resource: &dyn Resource,
    schema: &Schema,
    config: Value,
    prior: Value,
    planned: Value,
    private: Private,
) -> Applied {
    let (ctx, so_far) = (Context::default(), SoFar::default());
    let settled = if planned.is_null() {
        let request =
            DeleteRequest { state: prior.clone(), private: private.clone(), so_far: so_far.clone() };
        let result = resource.delete(&ctx, request).await;
        settle::deleted(prior, private, &so_far, result)
    } else if prior.is_null() {
        let request = CreateRequest { config, planned, private: private.clone(), so_far: so_far.clone() };
        let result = resource.create(&ctx, request).await;
        settle::applied(schema, prior, private, &so_far, result)
    } else {
        let request = UpdateRequest {
            config,
            prior: prior.clone(),
            planned,
            private: private.clone(),
            so_far: so_far.clone(),
        };
        let result = resource.update(&ctx, request).await;
        settle::applied(schema, prior, private, &so_far, result)
    };
    Applied::new(schema, settled)
}

/// A plan or a state as Terraform has it once it was sent: without write-only attributes, and with every attribute of
/// the schema, null where the resource gave none.
///
/// # Panics
///
/// If the value does not fit the schema.
pub fn stored(schema: &Schema, value: Value) -> Value {
    let ty = schema.ty();
    msgpack::encode(&schema.without_write_only(value), &ty)
        .and_then(|bytes| msgpack::decode(&bytes, &ty))
        .unwrap_or_else(|error| panic!("{}", error.diagnostic("The value does not fit the schema")))
}

/// Reads JSON by a schema, as Terraform reads a configuration: attributes that it lacks are null.
pub fn from_json(schema: &Schema, json: &serde_json::Value) -> Result<Value, crate::Diagnostic> {
    crate::wire::json::decode_lenient(json, &schema.ty())
}
