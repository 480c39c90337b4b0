//! What each resource of a configuration has for itself: tables, folders, tasks. Terraform asks the provider about one
//! resource at a time, and does not say which; two resources that claim the same thing are found in one run of the
//! provider, without a look at Databend.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tfplugin::{AttributePath, Diagnostic, Diagnostics, PlanRequest, Value};

/// Something that only one resource may have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Thing {
    /// `database.table`
    Table(String),
    /// `stage/folder/`; a folder inside of it is the same files.
    Folder(String),
    /// The changes in a raw table, `database.table`: one chain moves them.
    Changes(String),
    /// Unique in the account.
    Task(String),
    /// Unique in the account.
    Stage(String),
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "table {name}"),
            Self::Folder(path) => write!(f, "folder @{path}"),
            Self::Changes(raw) => write!(f, "the changes of table {raw}"),
            Self::Task(name) => write!(f, "task {name}"),
            Self::Stage(name) => write!(f, "stage {name}"),
        }
    }
}

impl Thing {
    /// What goes wrong when two have it.
    fn consequence(&self) -> &'static str {
        match self {
            Self::Table(_) => "Both would write to it, and destroying one would drop the other's data.",
            Self::Folder(_) => {
                "A load removes the files that it has read, so each of the two tables would get a part of the changes."
            }
            Self::Changes(_) => "One chain moves the changes of a table.",
            Self::Task(_) => "The names of tasks are unique in the account.",
            Self::Stage(_) => "Each would replace the other's stage.",
        }
    }
}

/// The claims of one process.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    planned: Mutex<BTreeMap<Thing, Claim>>,
    applied: Mutex<HashSet<String>>,
}

#[derive(Debug)]
struct Claim {
    config: Value,
    /// The resource exists and may be planned once more, as a new one: it may have to be replaced.
    may_be_replaced: bool,
}

impl Claims {
    /// Claims things for the resource that is being planned; an error for each that another resource has.
    pub(crate) fn plan(&self, request: &PlanRequest, things: Vec<(Thing, &str)>) -> Diagnostics {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let mut refused = Diagnostics::new();
        for (thing, path) in things {
            let taken = overlapping(&planned, &thing).map(|(taken, claim)| {
                (
                    taken.clone(),
                    claim.may_be_replaced && request.is_create() && claim.config == request.config,
                )
            });
            if let Some((taken, false)) = taken {
                refused.push(
                    Diagnostic::error("Two resources have the same")
                        .detail(format!(
                            "Another resource of this configuration has {taken} too. {} Choose another name for one of them, or remove one.",
                            thing.consequence()
                        ))
                        .at(AttributePath::parse(path)),
                );
            } else {
                let may_be_replaced = !request.is_create();
                planned.insert(thing, Claim { config: request.config.clone(), may_be_replaced });
            }
        }
        refused
    }

    /// Claims a subject for a change that is being applied. `false`: another resource of this process has it.
    pub(crate) fn apply(&self, subject: &str) -> bool {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).insert(subject.to_owned())
    }

    /// Gives a subject back, after its destruction.
    pub(crate) fn release(&self, subject: &str) {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).remove(subject);
    }
}

/// A claim on the thing itself, or on a folder around or inside it.
fn overlapping<'a>(planned: &'a BTreeMap<Thing, Claim>, thing: &Thing) -> Option<(&'a Thing, &'a Claim)> {
    if let Some(found) = planned.get_key_value(thing) {
        return Some(found);
    }
    let Thing::Folder(path) = thing else { return None };
    let inside = planned
        .range(thing.clone()..)
        .next()
        .filter(|(other, _)| matches!(other, Thing::Folder(other) if other.starts_with(path)));
    let mut ends = path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at + 1);
    inside.or_else(|| ends.find_map(|end| planned.get_key_value(&Thing::Folder(path[..end].to_owned()))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tfplugin::{Private, Schema};

    use super::*;

    fn request(config: &str, exists: bool) -> PlanRequest {
        let value = Value::object([("name", config.into())]);
        PlanRequest {
            schema: Arc::new(Schema::new("", Vec::new())),
            config: value.clone(),
            prior: if exists { value.clone() } else { Value::Null },
            proposed: value,
            private: Private::default(),
        }
    }

    fn table(name: &str) -> Vec<(Thing, &'static str)> {
        vec![(Thing::Table(name.to_owned()), "ods.table")]
    }

    #[test]
    fn what_another_resource_has_is_refused_at_its_attribute() {
        let claims = Claims::default();
        assert!(claims.plan(&request("a", false), table("ods.orders")).is_empty());
        let refused = claims.plan(&request("b", false), table("ods.orders"));
        let error = refused.iter().next().unwrap();
        assert_eq!(error.path.to_string(), "ods.table");
        assert!(error.detail.contains("table ods.orders"), "{error}");
        // An exact copy, too.
        assert!(!claims.plan(&request("a", false), table("ods.orders")).is_empty());
    }

    #[test]
    fn a_replacement_is_planned_twice() {
        let claims = Claims::default();
        assert!(claims.plan(&request("a", true), table("ods.orders")).is_empty());
        assert!(claims.plan(&request("a", false), table("ods.orders")).is_empty());
        assert!(!claims.plan(&request("a", false), table("ods.orders")).is_empty());
        let claims = Claims::default();
        assert!(claims.plan(&request("a", true), table("ods.orders")).is_empty());
        assert!(!claims.plan(&request("b", false), table("ods.orders")).is_empty());
    }

    #[test]
    fn a_folder_inside_another_is_the_same_files() {
        let folder = |path: &str| vec![(Thing::Folder(path.to_owned()), "path")];
        for (first, second, is_same) in [
            ("dms/shop/orders/", "dms/shop/orders/", true),
            ("dms/shop/orders/", "dms/shop/", true),
            ("dms/shop/", "dms/shop/orders/", true),
            ("dms/shop/orders/", "dms/shop/orders2/", false),
            ("dms/shop/orders/", "other/shop/orders/", false),
        ] {
            let claims = Claims::default();
            assert!(claims.plan(&request("a", false), folder(first)).is_empty());
            assert_eq!(
                !claims.plan(&request("b", false), folder(second)).is_empty(),
                is_same,
                "{first} {second}"
            );
        }
    }

    #[test]
    fn a_subject_is_applied_once_at_a_time() {
        let claims = Claims::default();
        assert!(claims.apply("table a") && !claims.apply("table a"));
        claims.release("table a");
        assert!(claims.apply("table a"));
    }
}
