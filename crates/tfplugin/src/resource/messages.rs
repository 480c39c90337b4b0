//! What goes into a resource's calls and what comes out.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{AttributePath, Diagnostic, Diagnostics, Schema, Value, wire};

/// What a provider keeps with a resource and the user does not see. Terraform stores it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Private(pub Vec<u8>);

impl Private {
    /// `value` as JSON.
    pub fn from_json<T: Serialize>(value: &T) -> Result<Self, Diagnostic> {
        serde_json::to_vec(value).map(Self).map_err(|error| {
            Diagnostic::error("The provider's private state cannot be written").detail(error.to_string())
        })
    }

    /// Reads what [`Private::from_json`] wrote. `None` when there is none.
    pub fn to_json<T: DeserializeOwned>(&self) -> Result<Option<T>, Diagnostic> {
        if self.0.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&self.0).map(Some).map_err(|error| {
            Diagnostic::error("The provider's private state in Terraform's state is damaged")
                .detail(error.to_string())
        })
    }
}

/// A change to decide about.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// The resource's schema
    pub schema: Arc<Schema>,
    /// What the user wrote; the only place where write-only values are. Null when it is to be destroyed.
    pub config: Value,
    /// What is there. Null when it is to be created.
    pub prior: Value,
    /// What the user wrote, and the prior values of computed attributes. Null when it is to be destroyed.
    pub proposed: Value,
    /// Private state
    pub private: Private,
}

impl PlanRequest {
    /// True when there is nothing yet. A replacement is planned twice, and the second time as a create.
    pub fn is_create(&self) -> bool {
        self.prior.is_null() && !self.proposed.is_null()
    }

    /// True when it is to be destroyed.
    pub fn is_destroy(&self) -> bool {
        self.proposed.is_null()
    }

    /// True when it is there and shall stay. There may be nothing to change.
    pub fn is_update(&self) -> bool {
        !self.prior.is_null() && !self.proposed.is_null()
    }

    /// True when the value at `path` differs between what is there and what is proposed.
    pub fn changes(&self, path: impl Into<AttributePath>) -> bool {
        let path = path.into();
        self.prior.at(path.clone()) != self.proposed.at(path)
    }
}

/// What apply will do.
#[derive(Debug, Clone, Default)]
pub struct PlanResponse {
    /// The state after apply, as far as it is known. Null for a destroy.
    pub planned: Value,
    /// Attributes whose change needs a replacement
    pub requires_replace: Vec<AttributePath>,
    /// Private state; `None` leaves it as it is.
    pub private: Option<Private>,
    /// An error refuses the plan.
    pub diagnostics: Diagnostics,
}

impl PlanResponse {
    /// This state, in place.
    pub fn new(planned: Value) -> Self {
        Self { planned, ..Self::default() }
    }

    /// Says something with it.
    #[must_use]
    pub fn with(mut self, diagnostics: impl Into<Diagnostics>) -> Self {
        self.diagnostics.extend(diagnostics.into());
        self
    }
}

/// What to look at.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The state of the last time, or of an import
    pub state: Value,
    /// Private state
    pub private: Private,
}

/// What is there now.
#[derive(Debug, Clone, Default)]
pub struct ReadResponse {
    /// All attributes as they are now; `None` when it is gone.
    pub state: Option<Value>,
    /// Private state; `None` leaves it as it is.
    pub private: Option<Private>,
    /// What else there is to say
    pub diagnostics: Diagnostics,
}

impl ReadResponse {
    /// It is there, like this.
    pub fn new(state: Value) -> Self {
        Self { state: Some(state), ..Self::default() }
    }

    /// It is no longer there.
    pub fn gone() -> Self {
        Self::default()
    }

    /// Says something with it.
    #[must_use]
    pub fn with(mut self, diagnostics: impl Into<Diagnostics>) -> Self {
        self.diagnostics.extend(diagnostics.into());
        self
    }
}

/// Something to make.
#[derive(Debug, Clone)]
pub struct CreateRequest {
    /// What the user wrote; the only place where write-only values are
    pub config: Value,
    /// What was planned; every unknown in it must be known in the response.
    pub planned: Value,
    /// Private state from the plan
    pub private: Private,
    /// To be told what exists already
    pub so_far: SoFar,
}

/// Something to change in place.
#[derive(Debug, Clone)]
pub struct UpdateRequest {
    /// What the user wrote; the only place where write-only values are
    pub config: Value,
    /// What is there
    pub prior: Value,
    /// What was planned; every unknown in it must be known in the response.
    pub planned: Value,
    /// Private state from the plan
    pub private: Private,
    /// To be told what is changed already
    pub so_far: SoFar,
}

/// Something to destroy.
#[derive(Debug, Clone)]
pub struct DeleteRequest {
    /// What is there
    pub state: Value,
    /// Private state
    pub private: Private,
    /// To be told what is left
    pub so_far: SoFar,
}

/// What exists after a create or an update.
#[derive(Debug, Clone, Default)]
pub struct ApplyResponse {
    /// All attributes as they are now, all of them known. With an error beside it, what exists of it; then
    /// Terraform replaces it in the next apply if it was being created, and goes on if it was being changed.
    pub state: Value,
    /// Private state; `None` leaves it as it is.
    pub private: Option<Private>,
    /// An error fails the apply; the state is stored all the same.
    pub diagnostics: Diagnostics,
}

impl ApplyResponse {
    /// This exists.
    pub fn new(state: Value) -> Self {
        Self { state, ..Self::default() }
    }

    /// Says something with it.
    #[must_use]
    pub fn with(mut self, diagnostics: impl Into<Diagnostics>) -> Self {
        self.diagnostics.extend(diagnostics.into());
        self
    }
}

/// It is destroyed.
#[derive(Debug, Clone, Default)]
pub struct DeleteResponse {
    /// Warnings. With an error among them it counts as still there.
    pub diagnostics: Diagnostics,
}

/// The id that the user gave.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// As he wrote it
    pub id: String,
}

/// What goes by the id.
#[derive(Debug, Clone, Default)]
pub struct ImportResponse {
    /// Usually one
    pub states: Vec<Imported>,
    /// What else there is to say
    pub diagnostics: Diagnostics,
}

impl ImportResponse {
    /// This one. Attributes that it does not name are null.
    pub fn new(state: Value) -> Self {
        Self {
            states: vec![Imported { state, private: Private::default() }],
            diagnostics: Diagnostics::new(),
        }
    }
}

/// One imported resource.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// What read needs to start from
    pub state: Value,
    /// Private state
    pub private: Private,
}

/// State as it was stored, perhaps by an older version of the provider.
#[derive(Debug, Clone)]
pub struct UpgradeRequest {
    /// The resource's present schema
    pub schema: Arc<Schema>,
    /// The version of the schema that it was stored with
    pub version: i64,
    /// As it was stored
    pub state: serde_json::Value,
}

impl UpgradeRequest {
    /// The stored state read by the present schema: attributes that it no longer has are dropped, new ones are null.
    pub fn lenient(&self) -> Result<Value, Diagnostic> {
        wire::json::decode_lenient(&self.state, &self.schema.ty())
    }
}

/// Where create, update and delete say what exists *so far*. If they end with an error or a panic after that, this
/// is what Terraform stores, so that nothing made is forgotten.
///
/// What is still unknown in it is stored as null. So read and delete of a resource must do with states in which
/// computed attributes are null.
#[derive(Debug, Clone, Default)]
pub struct SoFar(Arc<Mutex<Option<Noted>>>);

/// A state, and private state if it changes.
type Noted = (Value, Option<Private>);

impl SoFar {
    /// This exists now.
    pub fn set(&self, state: Value) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let private = inner.take().and_then(|(_, private)| private);
        *inner = Some((state, private));
    }

    /// This exists now, with private state.
    pub fn set_with_private(&self, state: Value, private: Private) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((state, Some(private)));
    }

    pub(crate) fn take(&self) -> Option<Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
