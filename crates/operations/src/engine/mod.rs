//! What a step is, and the two drivers of a procedure.
//!
//! A step looks whether its effect is there ([`Step::look`]), says what brings it about ([`Step::effects`]), and
//! concludes from the answers ([`Step::conclude`]). [`Execution`] puts the three together with journal and lease: look,
//! intent, effects, done. Because every step begins by looking, a run that follows a killed one needs nothing from it
//! but what exists. [`Preview`] looks too, and shows the effects of the steps that are to be done.

mod begins;
mod driver;
mod effect;
mod error;
mod execute;
mod hear;
mod move_file;
mod preview;
mod step;
mod trouble;
mod try_files;
mod world;

#[cfg(test)]
mod tests;

pub use driver::{Driver, Place};
pub use effect::{Action, Answers, Effect, FilesToTry, Move, RefusedFile, Tried};
pub use error::StepError;
pub use execute::{Execution, StepReport};
pub use preview::{Later, Planned, Preview, State};
pub use step::{ChainSite, Look, Site, Step, TableSite, Told, UnitSite};
pub use world::World;
