//! What Terraform requires of a provider. A breach is a bug in the provider, so each of these panics.

use tfplugin::schema::{Kind, Nesting};
use tfplugin::{Attribute, Value};

/// A plan keeps what the configuration says (or the prior value of it), and sets nothing that is not computed.
pub(super) fn check_plan(
    address: &str,
    attributes: &[Attribute],
    config: &Value,
    prior: &Value,
    planned: &Value,
) {
    for attribute in attributes {
        let name = &attribute.name;
        let at = format!("{address}.{name}");
        let (config, prior, planned) = (config.get(name), prior.get(name), planned.get(name));
        if attribute.write_only {
            assert!(planned.is_null(), "{at}: a write-only value is in the plan");
        } else if config.is_null() {
            let is_kept = attribute.computed || planned.is_null();
            assert!(is_kept, "{at}: planned {planned:?}, but the configuration says nothing");
        } else if !config.is_unknown() {
            check_configured(&at, attribute, config, prior, planned);
        }
    }
}

fn check_configured(at: &str, attribute: &Attribute, config: &Value, prior: &Value, planned: &Value) {
    match (&attribute.kind, config, planned) {
        (Kind::Nested { nesting: Nesting::Single, attributes }, Value::Map(_), Value::Map(_)) => {
            check_plan(at, attributes, config, prior, planned);
        }
        (Kind::Nested { nesting: Nesting::List, attributes }, Value::List(wanted), Value::List(found)) => {
            assert_eq!(wanted.len(), found.len(), "{at}: the plan has another number of elements");
            let before = prior.as_list().unwrap_or_default();
            for (i, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                let prior = before.get(i).unwrap_or(&Value::Null);
                check_plan(&format!("{at}[{i}]"), attributes, wanted, prior, found);
            }
        }
        _ => {
            let is_right =
                planned == config || (planned == prior && !prior.is_null()) || !config.is_wholly_known();
            assert!(is_right, "{at}: planned {planned:?}, the configuration says {config:?}");
        }
    }
}

/// A later value has everything that an earlier plan knew.
pub(super) fn check_compatible(at: &str, planned: &Value, later: &Value) {
    match (planned, later) {
        (Value::Unknown, _) => {}
        (Value::Map(planned), Value::Map(_)) => {
            for (name, value) in planned {
                check_compatible(&format!("{at}.{name}"), value, later.get(name));
            }
        }
        (Value::List(planned), Value::List(found)) => {
            assert_eq!(planned.len(), found.len(), "{at}: planned another number of elements");
            for (i, (planned, found)) in planned.iter().zip(found).enumerate() {
                check_compatible(&format!("{at}[{i}]"), planned, found);
            }
        }
        (planned, later) => assert_eq!(planned, later, "{at}: planned one value, got another"),
    }
}
