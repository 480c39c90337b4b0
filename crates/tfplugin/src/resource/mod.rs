//! Resources: what Terraform makes, changes and destroys.

mod messages;

use async_trait::async_trait;

pub use messages::{
    ApplyResponse, CreateRequest, DeleteRequest, DeleteResponse, ImportRequest, ImportResponse, Imported,
    PlanRequest, PlanResponse, Private, ReadRequest, ReadResponse, SoFar, UpdateRequest, UpgradeRequest,
};

use crate::plan::Plan;
use crate::{Context, Diagnostic, Diagnostics, Schema, ValidateRequest, Value};

/// Something that Terraform makes, changes and destroys.
///
/// Every call answers `Ok` with a response, which may carry warnings and also errors beside a state, or `Err` with
/// diagnostics alone. What `Err` means for the state: after create, there is nothing (or what [`SoFar`] was told);
/// after update and delete, it is as before (or what [`SoFar`] was told). A panic counts as `Err`.
///
/// Calls come in parallel, ten at a time by default.
#[async_trait]
pub trait Resource: Send + Sync + 'static {
    /// Its name in the configuration, with the provider's name in front.
    fn type_name(&self) -> &str;

    /// Its attributes.
    fn schema(&self) -> Schema;

    /// Checks a configuration as far as its values are known.
    async fn validate(&self, _ctx: &Context, _request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        Ok(Diagnostics::new())
    }

    /// Decides what apply will do. Also called before destroying, to refuse it or to warn.
    ///
    /// By default: what the user wrote, with computed attributes unknown on create and as before on update. See [`Plan`].
    async fn plan(&self, _ctx: &Context, request: PlanRequest) -> Result<PlanResponse, Diagnostics> {
        Ok(Plan::new(request).finish())
    }

    /// Looks at what is there now.
    async fn read(&self, ctx: &Context, request: ReadRequest) -> Result<ReadResponse, Diagnostics>;

    /// Makes it.
    async fn create(&self, ctx: &Context, request: CreateRequest) -> Result<ApplyResponse, Diagnostics>;

    /// Changes it in place.
    ///
    /// By default an error, for resources whose plan replaces them on every change.
    async fn update(&self, _ctx: &Context, _request: UpdateRequest) -> Result<ApplyResponse, Diagnostics> {
        Err(Diagnostic::error(format!("{} cannot be changed in place", self.type_name()))
            .detail("Its plan should have asked for a replacement. This is a bug in the provider.")
            .into())
    }

    /// Destroys it. Deleting what is not there is no error.
    async fn delete(&self, ctx: &Context, request: DeleteRequest) -> Result<DeleteResponse, Diagnostics>;

    /// Finds what the user names by an id. A read follows, so the state need only hold what read starts from.
    ///
    /// By default an error.
    async fn import(&self, _ctx: &Context, _request: ImportRequest) -> Result<ImportResponse, Diagnostics> {
        Err(Diagnostic::error(format!("{} cannot be imported", self.type_name())).into())
    }

    /// Brings stored state of an older version up to the present schema. It is called on every refresh, for the
    /// present version too.
    ///
    /// By default: attributes that the schema no longer has are dropped, new ones are null.
    async fn upgrade(&self, _ctx: &Context, request: UpgradeRequest) -> Result<Value, Diagnostics> {
        request.lenient().map_err(Diagnostics::from)
    }
}
