//! What apply will do to a chain.

use pipeline::Chain;
use tfplugin::{Attr, Diagnostic, Diagnostics, Plan, PlanRequest, PlanResponse, from_value};

use super::model::ChainModel;
use crate::claims::{Claims, Thing};

/// Plans one chain. A new name is a change in place: the tasks get new names and run on as they ran.
pub(super) fn plan(request: PlanRequest, claims: &Claims) -> Result<PlanResponse, Diagnostics> {
    if request.is_destroy() {
        return Ok(PlanResponse::default());
    }
    let config: ChainModel = from_value(&request.config)?;
    let prior: Option<ChainModel> = request.is_update().then(|| from_value(&request.prior)).transpose()?;
    let mut plan = Plan::new(request);
    let mut model: ChainModel = plan.model()?;
    model.fill_defaults(&config);
    if let Some(prior) = &prior {
        model.keep_spellings(prior);
    }
    let chain = model.chain()?;
    match &chain {
        Some(chain) => {
            let tasks = chain.tasks().into_iter().map(|task| (Thing::Task(task.name), "name"));
            let changes = chain.tables.iter().map(|table| (Thing::Changes(table.raw.plain()), "tables"));
            claims.plan(plan.request(), tasks.chain(changes).collect()).into_result()?;
            model.fill_computed(chain);
        }
        None => model.tasks = Attr::Unknown,
    }
    model.interrupted = Attr::Null;
    plan.set_model(&model)?;
    if let (Some(prior), Some(chain)) = (&prior, &chain) {
        plan.say(new_tables(prior, chain));
    }
    Ok(plan.finish())
}

/// A table that is new in an existing chain is not loaded before the runbook has cut it over.
fn new_tables(prior: &ChainModel, chain: &Chain) -> Diagnostics {
    if prior.tables.is_null() {
        return Diagnostics::new();
    }
    let before = prior.task_names();
    chain
        .tables
        .iter()
        .filter(|table| !before.contains_key(&table.ods.plain()))
        .map(|table| {
            Diagnostic::warning(format!("{} is new in the chain", table.ods.plain()))
                .detail(format!(
                    "Its tasks are created suspended, also where the chain's other tasks run. To load it and start them, run: runbook cutover --table {}",
                    table.source()
                ))
                .at("tables")
        })
        .collect()
}
