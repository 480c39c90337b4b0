//! The provider: its block, and what it offers.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Context, DataSource, Diagnostics, Function, Resource, Schema, Value};

/// A provider: the attributes of its block, and lists of what it offers.
///
/// Resources are made before the provider is configured. What they need from its configuration, such as a client,
/// they share with the provider in an `Arc<OnceLock<…>>` or alike that [`Provider::configure`] fills.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The address in the Registry, `namespace/name`. Used by `--debug` only.
    fn address(&self) -> &str;

    /// The provider block.
    fn schema(&self) -> Schema;

    /// Checks the provider block as far as its values are known.
    async fn validate(&self, _ctx: &Context, _request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        Ok(Diagnostics::new())
    }

    /// Takes the provider block. At plan time values in it may be unknown; then nothing can be asked of the outside yet.
    async fn configure(&self, ctx: &Context, request: ConfigureRequest) -> Result<Diagnostics, Diagnostics>;

    /// Called once, when Terraform has ended the process and no call runs any more. There is about a second for what is
    /// good to do and may be left undone.
    async fn shutdown(&self) {}

    /// Its resources.
    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        Vec::new()
    }

    /// Its data sources.
    fn data_sources(&self) -> Vec<Arc<dyn DataSource>> {
        Vec::new()
    }

    /// Its functions. They work without a configured provider.
    fn functions(&self) -> Vec<Arc<dyn Function>> {
        Vec::new()
    }
}

/// A configuration to check. Values in it may be unknown.
#[derive(Debug, Clone)]
pub struct ValidateRequest {
    /// What the user wrote
    pub config: Value,
}

/// The provider block, to work with from now on.
#[derive(Debug, Clone)]
pub struct ConfigureRequest {
    /// What the user wrote
    pub config: Value,
    /// The version of Terraform, such as `1.11.4`
    pub terraform_version: String,
}
