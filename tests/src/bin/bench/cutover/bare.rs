//! The COPY and the INSERT of each table, for other tables with the same files.

use std::time::Instant;

use e2e::{Aws, Error, World, pipeline_of};
use futures_util::{StreamExt, TryStreamExt, stream};
use pipeline::name::TableName;
use pipeline::{Pipeline, Table, sql};
use warehouse::{Options, Warehouse, WarehouseError};

use super::PARALLEL_TABLES;

/// Where the copies of the files are.
const PREFIX: &str = "bare/";

/// Seconds for all tables.
pub(super) async fn run(world: &World) -> Result<f64, Error> {
    copy_files(world).await?;
    let tables = tables(world).await?;
    let options = Options { max_sessions: PARALLEL_TABLES };
    let warehouse = Warehouse::connect_with(&world.dsn, options).await.map_err(|error| failed(&error))?;
    let send = async |statement: String| warehouse.execute(&statement).await.map_err(|error| failed(&error));
    let databases = tables.first().map(|table| [table.raw.database.clone(), table.ods.database.clone()]);
    for database in databases.iter().flatten() {
        send(sql::create_database(database)).await?;
    }
    for table in &tables {
        for statement in [sql::create_raw(table), sql::create_stream(table), sql::create_ods(table)] {
            send(statement).await?;
        }
    }
    let began = Instant::now();
    let filled = tables.iter().map(async |table| {
        send(sql::load_full(table)).await?;
        send(sql::initial_insert(table)).await.map(drop)
    });
    stream::iter(filled).buffer_unordered(PARALLEL_TABLES).try_for_each(|()| async { Ok(()) }).await?;
    Ok(began.elapsed().as_secs_f64())
}

/// A COPY removes its files, and the runbook needs them too.
async fn copy_files(world: &World) -> Result<(), Error> {
    let aws = Aws::of(&world.sandbox);
    for key in world.dms.files().await? {
        let content = aws.get(&world.dms.bucket, &key).await?;
        aws.put(&world.dms.bucket, &format!("{PREFIX}{key}"), &content).await?;
    }
    Ok(())
}

/// The world's tables under other names, with other folders.
async fn tables(world: &World) -> Result<Vec<Pipeline>, Error> {
    let mut tables = Vec::new();
    for n in 0..world.tables.len() {
        let resource = world.terraform.resource(&format!("databend_cdc_table.t{n}")).await?;
        let pipeline = pipeline_of(resource["pipeline"].clone());
        let other = |name: &TableName| TableName::new(format!("bare_{}", name.database), &name.table);
        tables.push(Pipeline::new(Table {
            raw: other(&pipeline.raw),
            ods: other(&pipeline.ods),
            path: format!("{PREFIX}{}", pipeline.path),
            ..pipeline.table().clone()
        }));
    }
    Ok(tables)
}

fn failed(error: &WarehouseError) -> Error {
    Error::Form { what: "a bare statement".into(), reason: error.to_string() }
}
