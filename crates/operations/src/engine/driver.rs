//! Who goes through a procedure.

use tokio::sync::SemaphorePermit;

use super::{Site, Step, StepError, World};
use crate::journal::StepName;

/// Goes through a procedure, step by step.
pub trait Driver {
    /// What a step gives to later steps: the value itself, or that it will be known then.
    type Out<T: Send + Sync + Clone>: Send + Sync + Clone;

    /// What steps work with.
    fn world(&self) -> &World;

    /// A value that is known already.
    fn given<T: Send + Sync + Clone>(&self, value: T) -> Self::Out<T>;

    /// Two values as one.
    fn both<A, B>(&self, a: Self::Out<A>, b: Self::Out<B>) -> Self::Out<(A, B)>
    where
        A: Send + Sync + Clone,
        B: Send + Sync + Clone;

    /// Takes a step.
    fn step<S: Step>(
        &self,
        site: &S::Site,
        input: &Self::Out<S::Input>,
    ) -> impl Future<Output = Result<Self::Out<S::Output>, StepError>>
    where
        S::Input: Clone;

    /// Stops here if something was found that is in the way of this step.
    fn stop_at(&self, site: &dyn Site, step: StepName, found: Option<StepError>) -> Result<(), StepError>;

    /// Tells what was found about something that needs no step.
    fn tell(&self, site: &dyn Site, step: StepName, told: &dyn super::Told);

    /// Ends the work on a table, or on tasks: what was seen of it is in the journal then.
    fn settle(&self) -> impl Future<Output = Result<(), StepError>>;

    /// Waits for a place among the few tables that are worked on at the same time.
    fn place(&self) -> impl Future<Output = Result<Place<'_>, StepError>>;
}

/// A place among the few; given back when it is dropped.
pub struct Place<'a>(
    #[expect(dead_code, reason = "held until it is dropped")] pub(super) Option<SemaphorePermit<'a>>,
);
