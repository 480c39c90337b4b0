//! `plan`: what a verb would do now. Changes nothing, not even the journal.

use operations::engine::{Action, Planned, Preview, State};
use operations::journal::RunId;
use operations::procedures::{self, Procedure};
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Setup;
use super::cutover::CutoverError;
use crate::output::document::Ending;
use crate::output::{Exit, Output};

/// What `plan` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Plan {
    /// Whether something is to do.
    pending: bool,
    /// The steps that the verb would go through now, those about one table together.
    steps: Vec<Planned>,
}

impl Ending for Plan {
    const NAME: &'static str = "plan";
}

/// Plans a procedure.
pub async fn plan(
    setup: &Setup,
    procedure: Procedure,
    cancel: &CancellationToken,
) -> Result<Exit, CutoverError> {
    let clients = match procedure {
        Procedure::Cutover | Procedure::Reload => Some(setup.dms()?),
        Procedure::Suspend | Procedure::Resume | Procedure::Replay | Procedure::Unblock => None,
    };
    let lost = CancellationToken::new();
    let worlds = setup.worlds(clients.as_ref(), RunId::new(), cancel, &lost).await?;
    let mut planned = Vec::new();
    for (chain, world) in &worlds {
        let driver = Preview::new(world, procedure.operation());
        let errors = procedures::go_through(&driver, procedure, chain).await;
        let steps = driver.into_planned();
        // What is in the way of a step is in the plan. Everything else means that there is none.
        for error in errors {
            if !steps.iter().any(|step| step.state == State::Blocked && step.note == error.to_string()) {
                return Err(error.into());
            }
        }
        planned.extend(steps);
    }
    let pending = planned.iter().any(|step| step.state != State::Done);
    print(setup, planned);
    Ok(if pending { Exit::Findings } else { Exit::Done })
}

fn print(setup: &Setup, planned: Vec<Planned>) {
    let output = Output::new(setup.global.json);
    if setup.global.json {
        let pending = planned.iter().any(|step| step.state != State::Done);
        output.json(Plan { pending, steps: planned });
        return;
    }
    for (number, step) in planned.iter().enumerate() {
        let about = if step.table.is_empty() { &step.chain } else { &step.table };
        let state = match step.state {
            State::Done => "done",
            State::Pending => "to do",
            State::Blocked => "BLOCKED",
        };
        let code = step.code.map(|code| format!(" [{code}]")).unwrap_or_default();
        let note = if step.note.is_empty() { String::new() } else { format!(": {}{code}", step.note) };
        output.text(&format!("{}. {about}: {} [{state}]{note}", number + 1, step.step));
        if let Some(help) = &step.help {
            output.text(&format!("     help: {help}"));
        }
        for action in &step.actions {
            output.text(&match action {
                Action::Sql(sql) => format!("     SQL  {sql}"),
                Action::Api(call) => format!("     API  {call}"),
            });
        }
    }
    let pending = planned.iter().filter(|step| step.state != State::Done).count();
    output.text(&match pending {
        0 => "nothing to do".to_owned(),
        1 => "1 step to do".to_owned(),
        n => format!("{n} steps to do"),
    });
}
