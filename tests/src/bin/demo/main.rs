//! The pipeline once, from an empty machine to `ods.orders` = `shop.orders`. `cargo xtask demo` starts the sandbox and
//! runs this program in it.
//!
//! # Layout
//!
//! - [`orders`]: the source's table and what is in it at the start
//! - [`changes`]: what goes on at the source while the tasks run
//! - [`lag`]: follows single orders through the stages, with a clock
//! - [`declare`]: Terraform on examples/complete; [`end`]: when to stop early; [`show`]: what the user reads

mod changes;
mod declare;
mod end;
mod lag;
mod orders;
mod show;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use e2e::compare::{Comparison, Pair, compare};
use e2e::{Databend, Error, Mysql, Plan, Runbook, Sandbox};

use crate::changes::Changes;
use crate::lag::Tracker;

/// How often DMS writes and the tasks look: seconds here, minutes in production.
const DMS_SECONDS: u32 = 2;
const TASK_SECONDS: u32 = 5;
/// How long the last change may take.
const QUIET_LIMIT: Duration = Duration::from_mins(3);

/// Shows the whole pipeline in a running sandbox.
#[derive(Parser)]
struct Arguments {
    /// How many orders the source has at the start.
    #[arg(long, default_value_t = 5000)]
    orders: u32,
    /// End, with all that was started, when standard input closes.
    #[arg(long)]
    while_stdin_open: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let early = end::early(arguments.while_stdin_open);
    tokio::select! {
        outcome = demo(&arguments) => match outcome {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
        () = early => {
            eprintln!("stopped before the end");
            end::now(arguments.while_stdin_open)
        }
    }
}

/// True when ODS equals the source.
async fn demo(arguments: &Arguments) -> Result<bool, Error> {
    let sandbox = Sandbox::from_env()?;
    let mysql = Mysql::connect(&sandbox).await?;
    let databend = Databend::connect(&sandbox).await?;

    let step = show::step(1, "the source: MariaDB with the tables shop.orders and shop.customers");
    orders::create(&mysql, arguments.orders).await?;
    step.done(format_args!("{} orders", arguments.orders));

    let step =
        show::step(2, "terraform apply: AWS resources and ours in one configuration (examples/complete)");
    let terraform = declare::prepare(&sandbox)?;
    terraform.init().await?;
    let applied = terraform.watched("apply", show::terraform).await?;
    step.done(declare::summary(&applied));

    let step = show::step(3, "terraform plan: is anything left to do?");
    if terraform.plan(&[]).await? == Plan::Changes {
        return Err(Error::Form { what: "the plan after apply".into(), reason: "it is not empty".into() });
    }
    step.done("nothing");

    let step =
        show::step(4, "runbook cutover: DMS starts, the full load goes into raw and ODS, the tasks start");
    let runbook = Runbook::new(&sandbox, terraform.path());
    runbook.show(0, &["cutover"]).await?;
    step.done("the pipeline runs");

    let step = show::step(5, "life at the source, while DMS and the tasks run on their own");
    let tracker = Tracker::start(&sandbox, declare::STAGE).await?;
    let changes = changes::make(&mysql, &tracker, arguments.orders).await?;
    step.done(format_args!("{} changes in {} transactions", changes.sum(), changes.transactions));

    let step = show::step(6, "waiting until the last change has come through; comparing row by row");
    let found = wait_until_equal(&mysql, &databend).await?;
    let lags = tracker.finish().await?;
    step.done(&found);

    let step = show::step(7, "terraform destroy (AWS's provider waits long between its looks at DMS)");
    runbook.show(0, &["suspend"]).await?;
    let destroyed = terraform.watched("destroy", show::terraform).await?;
    step.done(declare::summary(&destroyed));

    report(arguments.orders, &changes, &lags, &found);
    Ok(found.is_equal())
}

/// The comparison that is equal, or, when the time is over, the last one.
async fn wait_until_equal(mysql: &Mysql, databend: &Databend) -> Result<Comparison, Error> {
    let pair = Pair {
        schema: "shop".into(),
        table: "orders".into(),
        ods_database: "ods".into(),
        ods_table: "orders".into(),
    };
    let mut last = Comparison::default();
    let look = async || {
        let found = compare(mysql, databend, &pair).await?;
        last.clone_from(&found);
        Ok(found)
    };
    match e2e::wait::until("ods.orders equals shop.orders", QUIET_LIMIT, look, Comparison::is_equal).await {
        Ok(found) => Ok(found),
        Err(Error::Late { .. }) => Ok(last),
        Err(other) => Err(other),
    }
}

fn report(orders: u32, changes: &Changes, lags: &lag::Lags, found: &Comparison) {
    println!();
    println!("{}", changes.table(orders));
    println!("{}", lags.table(DMS_SECONDS, TASK_SECONDS));
    println!("{}", show::verdict(found));
}
