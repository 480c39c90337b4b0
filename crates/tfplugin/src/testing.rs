//! Resources called as the service calls them, without the wire: for a stand-in for Terraform in a provider's own tests.

use crate::rpc::settle::{self, Settled};
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

impl From<Settled> for Applied {
    fn from(settled: Settled) -> Self {
        Self { state: settled.state, private: settled.private, diagnostics: settled.diagnostics }
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
    if planned.is_null() {
        let request =
            DeleteRequest { state: prior.clone(), private: private.clone(), so_far: so_far.clone() };
        let result = resource.delete(&ctx, request).await;
        settle::deleted(prior, private, &so_far, result).into()
    } else if prior.is_null() {
        let request = CreateRequest { config, planned, private: private.clone(), so_far: so_far.clone() };
        let result = resource.create(&ctx, request).await;
        settle::applied(schema, prior, private, &so_far, result).into()
    } else {
        let request = UpdateRequest {
            config,
            prior: prior.clone(),
            planned,
            private: private.clone(),
            so_far: so_far.clone(),
        };
        let result = resource.update(&ctx, request).await;
        settle::applied(schema, prior, private, &so_far, result).into()
    }
}

/// A value as Terraform stores it: without write-only attributes.
pub fn without_write_only(schema: &Schema, value: Value) -> Value {
    schema.without_write_only(value)
}

/// Reads JSON by a schema, as Terraform reads a configuration: attributes that it lacks are null.
pub fn from_json(schema: &Schema, json: &serde_json::Value) -> Result<Value, crate::Diagnostic> {
    crate::wire::json::decode_lenient(json, &schema.ty())
}
