//! What `runbook verify` takes for a large table, beside the checksum statements that it sends, and how its memory grows with
//! the number of rows.
//!
//! - [`bare`]: the statements alone, sent by the crates `warehouse` and `source`
//! - [`report`]: JSON, and the page docs/benchmarks-verify.md

mod bare;
mod report;

use std::time::{Duration, Instant};

use clap::Args;
use e2e::{Error, Sandbox, Table, World};
use serde_json::Value as Json;

use crate::memory::Memory;
use report::Report;

/// How many times as many rows the large table has as the small one.
const GROWTH: usize = 10;
/// What is left of the cutover's work in Databend after that long is little.
const PAUSE: Duration = Duration::from_secs(10);

/// Measures the comparison of a table.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Rows
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
    /// Write docs/benchmarks-verify.json and docs/benchmarks-verify.md
    #[arg(long)]
    write: bool,
}

/// One run of the runbook.
struct Measured {
    seconds: f64,
    /// What Databend was asked.
    statements: Vec<String>,
    /// The largest resident set.
    bytes: u64,
    parts: u64,
}

/// Measures, and prints the result.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut world = world(arguments.rows).await?;
    world.cutover().await;
    let dsn = world.dsn.clone();
    world.runbook.set("DATABEND_DSN", &dsn);
    tokio::time::sleep(PAUSE).await;
    let small = measured(&world, "small", arguments.rows / GROWTH).await?;
    let large = measured(&world, "large", arguments.rows).await?;
    let bare = bare::run(&world, &large.statements).await?;

    let report = Report::new(arguments.rows, &large, small.bytes, bare);
    println!("{}", report.json());
    eprint!("{}", report.table());
    if arguments.write {
        crate::write("docs/benchmarks-verify.json", &format!("{}\n", report.json()))?;
        crate::write("docs/benchmarks-verify.md", &report.page())?;
    }
    Ok(())
}

/// The two tables, and everything in Databend.
async fn world(rows: usize) -> Result<World, Error> {
    let columns = [
        ("id", "bigint"),
        ("customer_id", "int"),
        ("status", "varchar(20)"),
        ("amount", "decimal(12,2)"),
        ("quantity", "smallint"),
        ("discount", "double"),
        ("note", "varchar(100)"),
        ("is_paid", "bit(1)"),
        ("created_at", "datetime"),
        ("updated_at", "timestamp(6)"),
    ];
    let of = [("small", rows / GROWTH), ("large", rows)];
    let tables = of.map(|(name, _)| Table::new(name, &columns, &["id"]));
    let fills = of.map(|(name, rows)| {
        format!(
            "INSERT INTO NAME.{name} SELECT seq, seq % 1000, elt(1 + seq % 3, 'new', 'paid', 'sent'), seq / 7, seq % 100, \
             1 / seq, concat('order number ', seq), seq % 2, '2026-01-01' + INTERVAL seq SECOND, \
             '2026-02-01' + INTERVAL seq MICROSECOND FROM NAME.seq_1_to_{rows}"
        )
    });
    // Every second would keep the engine busy.
    Ok(World::scheduled(Sandbox::from_env()?, &tables, &fills.each_ref().map(String::as_str), "1 minute")
        .await)
}

/// `runbook verify` of one table, as a user runs it.
async fn measured(world: &World, table: &str, rows: usize) -> Result<Measured, Error> {
    drop(world.proxy.take_passed());
    let folder = world.terraform.path();
    let mut command = world.runbook.command();
    command.current_dir(folder).args(["--json", "verify", "--table", &format!("{}.{table}", world.name)]);
    let failed = |reason: String| Error::Form { what: "runbook verify".into(), reason };
    let memory = Memory::watch(folder, "runbook");
    let began = Instant::now();
    let output = command.output().await.map_err(|error| failed(error.to_string()))?;
    let seconds = began.elapsed().as_secs_f64();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let document: Json =
        serde_json::from_str(&stdout).map_err(|error| failed(format!("{error}: {stderr}")))?;
    let verdict = &document["tables"][0];
    if !output.status.success() || verdict["rows"] != rows {
        return Err(failed(format!("{verdict:#}\n{stderr}")));
    }
    Ok(Measured {
        seconds,
        statements: world.proxy.take_passed(),
        bytes: memory.peak(),
        parts: verdict["parts"].as_u64().unwrap_or_default(),
    })
}
