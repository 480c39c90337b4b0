//! What `runbook cutover` adds to the COPY and the INSERT of each table: both run on the same files, the same rows and at
//! the same parallelism, when DMS has done its part.
//!
//! - [`bare`]: the statements alone, sent by the crate `warehouse`
//! - [`report`]: JSON, and the page docs/benchmarks-cutover.md

mod bare;
mod report;

use std::time::{Duration, Instant};

use clap::Args;
use e2e::{Error, Sandbox, Table, World, wait};

use report::{Filling, Report};

/// As the runbook works by default.
const PARALLEL_TABLES: usize = 4;
/// How long DMS may take for all rows.
const LOADED_WITHIN: Duration = Duration::from_hours(1);

/// Measures the filling of many tables.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Tables
    #[arg(long, default_value_t = 50)]
    tables: usize,
    /// Rows of all tables together
    #[arg(long, default_value_t = 5_000_000)]
    rows: usize,
    /// Write docs/benchmarks-cutover.json and docs/benchmarks-cutover.md
    #[arg(long)]
    write: bool,
}

/// Measures, and prints the result.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut world = world(arguments).await?;
    let names: Vec<String> = world.tables.iter().map(|table| table.name.clone()).collect();
    loaded_by_dms(&world, &names).await?;
    let bare = bare::run(&world).await?;
    eprintln!("bare: {bare:.1} s");

    let dsn = world.dsn.clone();
    world.runbook.set("DATABEND_DSN", &dsn);
    drop(world.proxy.take_passed());
    let began = Instant::now();
    world.runbook.expect(0, &["cutover"]).await?;
    let whole = began.elapsed().as_secs_f64();
    let is_sql = |text: &String| !text.contains(" HTTP/1.1");
    let statements = world.proxy.take_passed().into_iter().filter(is_sql).count();
    let filling = filling(&world).await?;

    let report = Report::new(arguments.tables, arguments.rows, bare, filling, whole, statements);
    println!("{}", report.json());
    eprint!("{}", report.table());
    if arguments.write {
        crate::write("docs/benchmarks-cutover.json", &format!("{}\n", report.json()))?;
        crate::write("docs/benchmarks-cutover.md", &report.page())?;
    }
    Ok(())
}

/// The tables, filled, and everything in Databend.
async fn world(arguments: &Arguments) -> Result<World, Error> {
    let columns = [
        ("id", "bigint"),
        ("customer_id", "int"),
        ("status", "varchar(20)"),
        ("amount", "decimal(12,2)"),
        ("quantity", "smallint"),
        ("note", "varchar(100)"),
        ("created_at", "datetime"),
        ("updated_at", "timestamp"),
    ];
    let names: Vec<String> = (0..arguments.tables).map(|n| format!("t{n}")).collect();
    let tables: Vec<_> = names.iter().map(|name| Table::new(name, &columns, &["id"])).collect();
    let rows = arguments.rows / arguments.tables.max(1);
    let fill = |name: &String| {
        format!(
            "INSERT INTO NAME.{name} SELECT seq, seq % 1000, elt(1 + seq % 3, 'new', 'paid', 'sent'), seq / 7, seq % 100, \
             concat('order number ', seq), '2026-01-01' + INTERVAL seq SECOND, '2026-02-01' + INTERVAL seq SECOND \
             FROM NAME.seq_1_to_{rows}"
        )
    };
    let fills: Vec<String> = names.iter().map(fill).collect();
    let fills: Vec<&str> = fills.iter().map(String::as_str).collect();
    // Every second would keep the engine busy with tables that are done.
    Ok(World::scheduled(Sandbox::from_env()?, &tables, &fills, "1 minute").await)
}

async fn loaded_by_dms(world: &World, names: &[String]) -> Result<(), Error> {
    let began = Instant::now();
    world.dms.start("start-replication").await?;
    let open = async || {
        let mut open = 0;
        for name in names {
            let state = world.dms.table_state(name).await?;
            open += usize::from(state.as_deref() != Some("Table completed"));
        }
        Ok(open)
    };
    wait::until("DMS has loaded every table", LOADED_WITHIN, open, |open| *open == 0).await?;
    eprintln!("loaded by DMS after {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// From the first COPY to the last comparison, by the journal.
async fn filling(world: &World) -> Result<Filling, Error> {
    let of_world = format!("pipeline = '{}'", world.name);
    let seconds = world
        .databend
        .value(&format!(
            "SELECT ((max_if(at::INT64, step = 'compare-ods') - min_if(at::INT64, step = 'load')) / 1000000)::VARCHAR \
             FROM databend_cdc.journal WHERE {of_world}"
        ))
        .await?;
    let steps = world
        .databend
        .count(&format!(
            "SELECT count(*) FROM databend_cdc.journal WHERE {of_world} AND event = 'done' AND step IN ('load', 'compare-raw', \
             'compare-source', 'initial-insert', 'compare-ods')"
        ))
        .await?;
    let seconds = seconds
        .parse()
        .map_err(|_| Error::Form { what: "the journal's times".into(), reason: seconds.clone() })?;
    Ok(Filling { seconds, steps })
}
