//! Values as they travel: msgpack or JSON, read and written by the schema's type, with the path of what does not fit.

pub(crate) mod json;
pub(crate) mod msgpack;

use crate::path::Step;
use crate::{AttributePath, Diagnostic, Type, Value};

/// What went wrong, and where: each level puts its step in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    path: AttributePath,
    message: String,
}

impl Error {
    fn new(message: impl Into<String>) -> Self {
        Self { path: AttributePath::root(), message: message.into() }
    }

    fn mismatch(expected: &Type, found: &str) -> Self {
        Self::new(format!("expected {expected}, found {found}"))
    }

    fn under(mut self, step: Step) -> Self {
        self.path.prepend(step);
        self
    }

    /// As a diagnostic; `what` says whose value it is.
    pub(crate) fn diagnostic(self, what: &str) -> Diagnostic {
        Diagnostic::error(what).detail(self.message).at(self.path)
    }
}

/// The type that a value of [`Type::Dynamic`] shows by itself: objects and tuples, as Terraform's language makes them.
fn inferred(value: &Value) -> Type {
    match value {
        Value::Null | Value::Unknown => Type::Dynamic,
        Value::Bool(_) => Type::Bool,
        Value::Number(_) => Type::Number,
        Value::String(_) => Type::String,
        Value::List(elements) => Type::Tuple(elements.iter().map(inferred).collect()),
        Value::Map(attributes) => {
            Type::Object(attributes.iter().map(|(name, value)| (name.clone(), inferred(value))).collect())
        }
        Value::Typed(typed) => typed.0.clone(),
    }
}

/// A value with the type that came with it, where that cannot be told from the value.
fn typed(ty: Type, value: Value) -> Value {
    if ty == Type::Dynamic || inferred(&value) == ty { value } else { Value::Typed(Box::new((ty, value))) }
}
