//! `settle`: a person says that what DDL has changed at the source is known, and why nothing is left to do.
//!
//! An apply, a comparison that finds nothing and a later load settle what they end. This is for the rest: a column that was dropped,
//! a table that was rebuilt with the same rows.

use operations::facts::{DdlFacts, Witness};
use operations::settle as settle_table;
use operations::target::{Chain, ChainTable};
use schemars::JsonSchema;
use serde::Serialize;

use super::Setup;
use super::cutover::CutoverError;
use super::see::{Seen, see};
use super::setup::SetupError;
use crate::output::document::Ending;
use crate::output::{Exit, Output};
use crate::talk::confirm;

/// What `settle` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Settle {
    /// The tables of which something was settled.
    settled: Vec<Settled>,
    /// The tables, `schema.table`, that the source no longer has. Nothing settles that while a chain lists them.
    gone: Vec<String>,
}

impl Ending for Settle {
    const NAME: &'static str = "settle";
}

/// What was settled of a table.
#[derive(Debug, Serialize, JsonSchema)]
struct Settled {
    /// `schema.table` at the source.
    source: String,
    /// What had changed.
    changes: String,
}

/// A table with something to settle.
struct Open<'a> {
    chain: &'a Chain,
    table: &'a ChainTable,
    ddl: &'a DdlFacts,
    witness: &'a Witness,
}

/// Settles what has changed of the tables that were asked for.
pub async fn settle(setup: &Setup, reason: &str) -> Result<Exit, CutoverError> {
    if setup.source_dsn().map_err(operations::StepError::from)?.is_none() {
        return Err(SetupError::SettlesWithoutSource.into());
    }
    let Seen { journal, chains } = see(setup).await?;
    if let Some(error) = chains.iter().find_map(|chain| chain.source_error.clone()) {
        return Err(SetupError::SourceSilent { error }.into());
    }
    let (mut gone, mut open) = (Vec::new(), Vec::new());
    for (chain, facts) in setup.manifest.chains.iter().zip(&chains) {
        for (table, facts) in chain.selected().zip(&facts.tables) {
            let Some(ddl) = facts.ddl.as_ref().filter(|ddl| !ddl.is_settled()) else { continue };
            // A table that is gone has no witness.
            if ddl.is_gone {
                gone.push(table.pipeline.source());
            } else if let Some(witness) = &facts.witness {
                open.push(Open { chain, table, ddl, witness });
            }
        }
    }
    let output = Output::new(setup.global.json);
    for source in &gone {
        output.text(&format!(
            "not settled: the source no longer shows {source}. If that is on purpose, take it out of `tables` of the chain"
        ));
    }
    if open.is_empty() && gone.is_empty() {
        output.text("nothing has changed at the source that is not settled");
    }
    if !open.is_empty() {
        let list: Vec<_> = open.iter().map(told).collect();
        let question = format!("{}\nSettle this, sure that nothing is left to do?", list.join("\n"));
        confirm(&setup.global, &question)?;
    }
    let mut settled = Vec::new();
    for one in &open {
        let Open { chain, table, ddl, witness } = one;
        settle_table::settle(&journal, &chain.name, table, ddl, witness, reason)
            .await
            .map_err(operations::StepError::from)?;
        output.text(&format!("settled: {}", told(one)));
        settled.push(Settled { source: table.pipeline.source(), changes: ddl.in_short() });
    }
    let exit = if gone.is_empty() { Exit::Done } else { Exit::Findings };
    output.json(Settle { settled, gone });
    Ok(exit)
}

/// A table in a line.
fn told(open: &Open<'_>) -> String {
    format!("{}: {}", open.table.pipeline.source(), open.ddl.in_short())
}
