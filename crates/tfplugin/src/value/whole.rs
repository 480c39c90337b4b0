//! A [`Value`] as a field of a resource model passes [`from_value`](super::from_value) and
//! [`to_value`](super::to_value) as it is, with unknowns, exact numbers and the types of dynamic values. serde's data
//! model has none of these, so the value is handed over beside it: whoever knows the name below puts it here, and the
//! other side takes it from here.

use std::cell::Cell;

use super::Value;

/// The name of the newtype struct that stands for a value in serde's data model.
pub(super) const NAME: &str = "$tfplugin::Value";

thread_local! {
    static HANDED_OVER: Cell<Option<Value>> = const { Cell::new(None) };
}

pub(super) fn put(value: Value) {
    HANDED_OVER.set(Some(value));
}

pub(super) fn take() -> Option<Value> {
    HANDED_OVER.take()
}
