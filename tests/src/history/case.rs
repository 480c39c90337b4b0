//! What a search plays.

use serde::{Deserialize, Serialize};

use super::census::{Census, census};
use super::model::History;
use super::mutation::Mutation;
use super::play::{Failure, Story, play};
use super::stand::Stand;
use crate::life::{self, Life};

/// A history of a source, or the later life of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Case {
    /// Rows and faults in every order.
    History(History),
    /// DDL, configuration and verbs.
    Life(Life),
}

impl Case {
    /// Plays it, and compares. A life knows no defects.
    pub async fn play(&self, stand: &Stand, mutation: Option<Mutation>) -> Result<Story, Failure> {
        match self {
            Self::History(history) => play(stand, history, mutation).await,
            Self::Life(life) => life::play(stand, life).await,
        }
    }

    /// What it holds.
    pub(super) fn census(&self) -> Census {
        match self {
            Self::History(history) => census(history),
            Self::Life(life) => life::census(life),
        }
    }
}
