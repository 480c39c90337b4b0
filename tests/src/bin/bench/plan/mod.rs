//! What Terraform costs with many tables: real Terraform and the provider beside as many `terraform_data`, and beside the
//! CREATE statements alone.
//!
//! - [`configuration`]: the two configurations
//! - [`measure`]: Terraform's time, the provider's statements and memory
//! - [`ddl`]: the same CREATE statements without Terraform
//! - [`report`]: JSON, and the page docs/benchmarks.md

mod configuration;
mod ddl;
mod measure;
mod report;

use clap::Args;
use e2e::{Error, Namespace, Sandbox, TerraformDir};

use configuration::Size;
use measure::{Measured, Meter};
use report::{Databend, Report, TerraformData};

/// Measures an apply and an empty plan of many tables and chains.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Tables
    #[arg(long, default_value_t = 1000)]
    tables: usize,
    /// Columns of each table
    #[arg(long, default_value_t = 20)]
    columns: usize,
    /// Task chains, which share the tables evenly
    #[arg(long, default_value_t = 200)]
    chains: usize,
    /// Write docs/benchmarks.json and docs/benchmarks.md
    #[arg(long)]
    write: bool,
}

/// Measures, and prints the result.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Error> {
    let sandbox = Sandbox::from_env()?;
    let size = Size { tables: arguments.tables, columns: arguments.columns, chains: arguments.chains };
    let mut namespace = Namespace::new(sandbox.clone(), "bench").await?;
    // The sandbox goes with everything in it.
    namespace.keep = true;

    let terraform_data = folder(&namespace, &configuration::terraform_data(&size)).await?;
    let (apply, plan) = applied_and_planned(&Meter::new(&terraform_data, &namespace)).await?;
    let terraform_data = TerraformData {
        apply_seconds: apply.seconds,
        plan_seconds: plan.seconds,
        state_bytes: apply.state_bytes,
    };
    eprintln!("terraform_data: apply {:.1} s, empty plan {:.1} s", apply.seconds, plan.seconds);

    let text = configuration::databend(&size, &namespace.name, &sandbox);
    let databend = folder(&namespace, &text).await?;
    let (apply, plan) = applied_and_planned(&Meter::new(&databend, &namespace)).await?;
    eprintln!("databend: apply {:.1} s, empty plan {:.1} s", apply.seconds, plan.seconds);
    let bare_ddl = ddl::run(&namespace, &apply.statements).await?;
    eprintln!("bare DDL: {:.1} s", bare_ddl.seconds);

    let report = Report::new(
        size,
        crate::build_of("DATABEND_CDC_PROVIDER_BIN"),
        terraform_data,
        Databend::new(&apply, &plan),
        bare_ddl,
    );
    println!("{}", report.json());
    eprint!("{}", report.table());
    if arguments.write {
        // xtask runs us in the repository's root.
        crate::write("docs/benchmarks.json", &format!("{}\n", report.json()))?;
        crate::write("docs/benchmarks.md", &report.page())?;
    }
    Ok(())
}

async fn applied_and_planned(meter: &Meter<'_>) -> Result<(Measured, Measured), Error> {
    Ok((meter.apply().await?, meter.empty_plan().await?))
}

async fn folder(namespace: &Namespace, text: &str) -> Result<TerraformDir, Error> {
    let mut terraform = TerraformDir::new(&namespace.sandbox)?;
    terraform.set("DATABEND_DSN", &namespace.dsn);
    terraform.write("main.tf", text)?;
    terraform.init().await?;
    Ok(terraform)
}
