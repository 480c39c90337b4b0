//! Data sources: what is only looked at.

use async_trait::async_trait;

use crate::{Context, Diagnostics, Schema, ValidateRequest, Value};

/// Something that Terraform reads and never changes.
#[async_trait]
pub trait DataSource: Send + Sync + 'static {
    /// Its name in the configuration, with the provider's name in front.
    fn type_name(&self) -> &str;

    /// Its attributes.
    fn schema(&self) -> Schema;

    /// Checks a configuration as far as its values are known.
    async fn validate(&self, _ctx: &Context, _request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        Ok(Diagnostics::new())
    }

    /// Looks. Its own configuration is wholly known here; the provider's may not be.
    async fn read(&self, ctx: &Context, request: ReadDataRequest) -> Result<ReadDataResponse, Diagnostics>;
}

/// What to look at.
#[derive(Debug, Clone)]
pub struct ReadDataRequest {
    /// What the user wrote
    pub config: Value,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct ReadDataResponse {
    /// All attributes: the user's own and the computed ones
    pub state: Value,
    /// What else there is to say
    pub diagnostics: Diagnostics,
}

impl ReadDataResponse {
    /// This, and nothing else to say.
    pub fn new(state: Value) -> Self {
        Self { state, diagnostics: Diagnostics::new() }
    }

    /// Says something with it.
    #[must_use]
    pub fn with(mut self, diagnostics: impl Into<Diagnostics>) -> Self {
        self.diagnostics.extend(diagnostics.into());
        self
    }
}
