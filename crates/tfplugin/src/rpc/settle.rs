//! What Terraform gets to store after create, update and delete.

use crate::value::Value;
use crate::{ApplyResponse, DeleteResponse, Diagnostic, Diagnostics, Private, Schema, SoFar, Type};

/// A state to store.
pub(crate) struct Settled {
    pub(crate) state: Value,
    pub(crate) private: Private,
    pub(crate) diagnostics: Diagnostics,
}

/// After create and update. `before` is the state if nothing is known to have happened: null before a create.
pub(crate) fn applied(
    schema: &Schema,
    before: Value,
    private: Private,
    so_far: &SoFar,
    result: Result<ApplyResponse, Diagnostics>,
) -> Settled {
    let mut settled = match result {
        Ok(response) => Settled {
            state: response.state,
            private: response.private.unwrap_or(private),
            diagnostics: response.diagnostics,
        },
        Err(diagnostics) => interrupted(before, private, so_far, diagnostics),
    };
    settled.state = schema.without_write_only(settled.state);
    if !settled.diagnostics.has_errors()
        && let Some(path) = settled.state.first_unknown()
    {
        settled.diagnostics.push(
            Diagnostic::error("A value is still unknown after apply")
                .detail("The provider must know every value now. This is a bug in the provider.")
                .at(path),
        );
    }
    // Terraform stores no unknowns; what is not known of a half-made thing is null.
    settled.state = without_unknowns(settled.state);
    settled
}

/// After delete. Without an error it is gone, and with one it is not.
pub(crate) fn deleted(
    before: Value,
    private: Private,
    so_far: &SoFar,
    result: Result<DeleteResponse, Diagnostics>,
) -> Settled {
    match result {
        Ok(response) if !response.diagnostics.has_errors() => {
            Settled { state: Value::Null, private: Private::default(), diagnostics: response.diagnostics }
        }
        Ok(response) => interrupted(before, private, so_far, response.diagnostics),
        Err(diagnostics) => interrupted(before, private, so_far, diagnostics),
    }
}

fn interrupted(before: Value, private: Private, so_far: &SoFar, diagnostics: Diagnostics) -> Settled {
    let (state, noted) = so_far.take().unwrap_or((before, None));
    Settled { state, private: noted.unwrap_or(private), diagnostics }
}

fn without_unknowns(value: Value) -> Value {
    match value {
        Value::Unknown => Value::Null,
        Value::List(elements) => Value::List(elements.into_iter().map(without_unknowns).collect()),
        Value::Map(attributes) => {
            Value::Map(attributes.into_iter().map(|(name, value)| (name, without_unknowns(value))).collect())
        }
        Value::Typed(typed) => Value::Typed(Box::new((typed.0, without_unknowns(typed.1)))),
        other => other,
    }
}

/// What of `value` fits `ty`; the rest is null or left out. Only for a state that could not be stored otherwise:
/// with a value missing it can still be repaired, but without it the thing would be orphaned.
pub(super) fn what_fits(value: Value, ty: &Type) -> Value {
    match (ty, value) {
        (Type::Object(types), Value::Map(mut values)) => Value::Map(
            types
                .iter()
                .map(|(name, ty)| (name.clone(), what_fits(values.remove(name).unwrap_or_default(), ty)))
                .collect(),
        ),
        (Type::Map(element), Value::Map(values)) => {
            Value::Map(values.into_iter().map(|(key, value)| (key, what_fits(value, element))).collect())
        }
        (Type::List(element) | Type::Set(element), Value::List(elements)) => {
            Value::List(elements.into_iter().map(|value| what_fits(value, element)).collect())
        }
        (ty, value) if crate::wire::msgpack::encode(&value, ty).is_ok() => value,
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Attribute;

    fn schema() -> Schema {
        Schema::new(
            "",
            vec![
                Attribute::string("name").required(),
                Attribute::string("id").computed(),
                Attribute::string("secret").optional().write_only(),
            ],
        )
    }

    fn state(id: Value) -> Value {
        Value::object([("name", "a".into()), ("id", id), ("secret", "s".into())])
    }

    fn failed<T>() -> Result<T, Diagnostics> {
        Err(Diagnostic::error("broken").into())
    }

    fn private(byte: u8) -> Private {
        Private(vec![byte])
    }

    #[test]
    fn a_failed_create_leaves_what_was_noted() {
        let nothing = applied(&schema(), Value::Null, private(1), &SoFar::default(), failed());
        assert!(nothing.state.is_null());
        let so_far = SoFar::default();
        so_far.set(state("1".into()));
        so_far.set_with_private(state(Value::Unknown), private(2));
        let partial = applied(&schema(), Value::Null, private(1), &so_far, failed());
        assert_eq!(partial.state.get("name").as_str(), Some("a"));
        assert!(partial.state.get("id").is_null(), "an unknown of a half-made thing is null");
        assert_eq!(partial.private, private(2));
        assert_eq!(partial.diagnostics.len(), 1);
    }

    #[test]
    fn a_failed_update_leaves_what_was_before() {
        let settled = applied(&schema(), state("1".into()), private(1), &SoFar::default(), failed());
        assert_eq!(settled.state.get("id").as_str(), Some("1"));
        assert_eq!(settled.private, private(1));
    }

    #[test]
    fn write_only_values_are_not_stored() {
        let response = Ok(ApplyResponse::new(state("1".into())));
        let settled = applied(&schema(), Value::Null, private(1), &SoFar::default(), response);
        assert!(settled.state.get("secret").is_null());
        assert!(settled.diagnostics.is_empty());
    }

    #[test]
    fn an_unknown_after_apply_is_an_error_that_names_it() {
        let response = Ok(ApplyResponse::new(state(Value::Unknown)));
        let settled = applied(&schema(), Value::Null, private(1), &SoFar::default(), response);
        assert_eq!(settled.diagnostics.iter().next().unwrap().path.to_string(), "id");
        assert!(settled.state.get("id").is_null());
    }

    #[test]
    fn a_failed_delete_leaves_the_state() {
        let failed_delete = deleted(state("1".into()), private(1), &SoFar::default(), failed());
        assert!(!failed_delete.state.is_null());
        let with_errors = Ok(DeleteResponse { diagnostics: Diagnostic::error("still there").into() });
        assert!(!deleted(state("1".into()), private(1), &SoFar::default(), with_errors).state.is_null());
        let gone = deleted(state("1".into()), private(1), &SoFar::default(), Ok(DeleteResponse::default()));
        assert!(gone.state.is_null());
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut odd = state(1.into());
        odd.set("extra", true);
        let kept = what_fits(odd, &schema().ty());
        assert_eq!(kept.get("name").as_str(), Some("a"));
        assert!(kept.get("id").is_null());
        assert!(crate::wire::msgpack::encode(&kept, &schema().ty()).is_ok());
    }
}
