//! Telling people how it goes. Who shows it, and how, is the program's business.

use std::sync::Arc;

/// What is told about one table or chain.
pub trait Progress: Send + Sync {
    /// A new step.
    fn say(&self, text: &str);
    /// How far it is within a step.
    fn progress(&self, text: &str);
    /// Something that stays.
    fn keep(&self, text: &str);
}

/// Where it is told.
pub trait Reporter: Send + Sync {
    /// Something about nothing in particular.
    fn line(&self, text: &str);
    /// Begins to tell about one table or chain.
    fn about(&self, name: &str) -> Arc<dyn Progress>;
}

/// Tells nothing, for tests.
#[cfg(test)]
pub(crate) struct Silent;

#[cfg(test)]
impl Progress for Silent {
    fn say(&self, _: &str) {}
    fn progress(&self, _: &str) {}
    fn keep(&self, _: &str) {}
}

#[cfg(test)]
impl Reporter for Silent {
    fn line(&self, _: &str) {}
    fn about(&self, _: &str) -> Arc<dyn Progress> {
        Arc::new(Self)
    }
}
