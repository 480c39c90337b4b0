//! What the provider offers, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Context, Diagnostic, Diagnostics, Resource, Schema, ValidateRequest, Value};

/// A resource or data source, with its schema built once.
pub(super) struct Offer<T: ?Sized> {
    pub(super) schema: Arc<Schema>,
    pub(super) imp: Arc<T>,
}

impl<T: ?Sized> Clone for Offer<T> {
    fn clone(&self) -> Self {
        Self { schema: Arc::clone(&self.schema), imp: Arc::clone(&self.imp) }
    }
}

impl Offer<dyn Resource> {
    /// Checks a configuration by its schema first, since the resource relies on it.
    pub(super) async fn check(&self, ctx: &Context, config: Value) -> Result<Diagnostics, Diagnostics> {
        check(&self.schema, self.imp.as_ref(), ctx, config).await
    }
}

/// Checks a configuration by its schema, then by the resource.
pub(crate) async fn check(
    schema: &Schema,
    resource: &dyn Resource,
    ctx: &Context,
    config: Value,
) -> Result<Diagnostics, Diagnostics> {
    schema.check(&config).into_result()?;
    resource.validate(ctx, ValidateRequest { config }).await
}

/// All of one kind.
pub(super) struct Offers<T> {
    kind: &'static str,
    by_name: BTreeMap<String, T>,
    /// Names that more than one of them has
    pub(super) twice: Vec<String>,
}

impl<T> Offers<T> {
    pub(super) fn new(kind: &'static str, offers: impl Iterator<Item = (String, T)>) -> Self {
        let mut by_name = BTreeMap::new();
        let mut twice = Vec::new();
        for (name, offer) in offers {
            if by_name.insert(name.clone(), offer).is_some() {
                twice.push(format!("two of kind {kind} are called {name}"));
            }
        }
        Self { kind, by_name, twice }
    }

    pub(super) fn get(&self, name: &str) -> Result<&T, Diagnostic> {
        self.by_name.get(name).ok_or_else(|| {
            Diagnostic::error(format!("The provider has no {} `{name}`", self.kind))
                .detail("Terraform may be using the schema of another version of the provider. Run `terraform init -upgrade`.")
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &T)> {
        self.by_name.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_known() {
        let offers = Offers::new("function", [("a".to_owned(), 1), ("a".to_owned(), 2)].into_iter());
        assert_eq!(offers.twice, ["two of kind function are called a"]);
        assert!(offers.get("a").is_ok());
        assert_eq!(offers.get("b").unwrap_err().summary, "The provider has no function `b`");
    }
}
