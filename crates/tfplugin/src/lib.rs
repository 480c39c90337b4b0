//! The Terraform plugin protocol, version 6, for providers in Rust. It knows nothing of any particular provider.
//!
//! A provider implements [`Provider`], [`Resource`], [`DataSource`] and [`Function`], and its `main` is
//! `tfplugin::serve(provider)`.
//!
//! `toy/` beside this crate's sources is a whole provider with an attribute of every kind; the tests drive it with
//! real Terraform.
//!
//! # Layout
//!
//! | module | what |
//! |---|---|
//! | [`provider`], [`resource`], [`data_source`], [`function`] | what a provider implements |
//! | [`plan`] | what every resource's plan has to decide |
//! | [`schema`], [`types`] | attributes and their types |
//! | [`value`] | values, and serde between them and resource models |
//! | [`path`], [`diagnostic`] | errors and warnings, each with the attribute it is about |
//! | [`context`] | cancellation |
//! | `serve` | `main` of a provider: handshake, mTLS, socket, logging, the end of the process |
//! | `rpc` | the service behind it: decodes, calls provider code, encodes; panics become diagnostics |
//! | `proto` | the messages, compiled from `proto/` |
//! | `testing` | resources called as the service calls them, for tests alone (feature `testing`) |
//! | `wire` | values as they travel: msgpack and JSON, by the schema |

pub mod context;
pub mod data_source;
pub mod diagnostic;
pub mod function;
pub mod path;
pub mod plan;
mod proto;
pub mod provider;
pub mod resource;
mod rpc;
pub mod schema;
mod serve;
#[cfg(feature = "testing")]
pub mod testing;
pub mod types;
pub mod value;
mod wire;

pub use async_trait::async_trait;
pub use context::Context;
pub use data_source::{DataSource, ReadDataRequest, ReadDataResponse};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use function::{Arguments, Function, FunctionError, Parameter};
pub use path::AttributePath;
pub use plan::Plan;
pub use provider::{ConfigureRequest, Provider, ValidateRequest};
pub use resource::{
    ApplyResponse, CreateRequest, DeleteRequest, DeleteResponse, ImportRequest, ImportResponse, Imported,
    PlanRequest, PlanResponse, Private, ReadRequest, ReadResponse, Resource, SoFar, UpdateRequest,
    UpgradeRequest,
};
pub use schema::{Attribute, Schema};
pub use serve::serve;
pub use types::Type;
pub use value::{Attr, Value, from_value, to_value};
