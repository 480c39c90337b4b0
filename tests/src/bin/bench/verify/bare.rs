//! The checksum statements alone, on both sides at once, part by part.

use std::time::Instant;

use e2e::{Error, World, pipeline_of};
use futures_util::future::try_join;
use pipeline::{Part, Pipeline};
use source::{ComparedTable, Dsn, KeyPart, Source, TableRef};
use warehouse::Warehouse;

/// Seconds for the checksums among these statements, and for those of the same parts at the source.
pub(super) async fn run(world: &World, statements: &[String]) -> Result<f64, Error> {
    let resource = world.terraform.resource("databend_cdc_table.t1").await?;
    let pipeline = pipeline_of(resource["pipeline"].clone());
    let table = table(world, &pipeline);
    let dsn = Dsn::parse(&world.sandbox.mysql_dsn).map_err(|error| failed(&error))?;
    let source = Source::connect(dsn, source::Options::default()).await.map_err(|error| failed(&error))?;
    let warehouse = Warehouse::connect(&world.dsn).await.map_err(|error| failed(&error))?;
    let checksums: Vec<_> = statements.iter().filter(|sql| sql.contains("sum(crc32(")).collect();
    let began = Instant::now();
    for sql in checksums {
        let part = part(sql);
        let in_ods = async { warehouse.query_one(sql).await.map_err(|error| failed(&error)) };
        let at_source = async { source.checksum(&table, &part).await.map_err(|error| failed(&error)) };
        try_join(in_ods, at_source).await?;
    }
    Ok(began.elapsed().as_secs_f64())
}

fn table(world: &World, pipeline: &Pipeline) -> ComparedTable {
    let key = pipeline.key_columns().into_iter();
    ComparedTable {
        name: TableRef::new(&world.name, "large"),
        columns: pipeline.columns.clone(),
        key: key.map(|column| KeyPart { column: column.clone(), has_members: false }).collect(),
        scope: Vec::new(),
    }
}

/// The range of a checksum statement.
fn part(sql: &str) -> Part {
    let bound = |before: &str| {
        let (_, rest) = sql.rsplit_once(before)?;
        Some(vec![rest.chars().take_while(char::is_ascii_digit).collect()])
    };
    Part::Range { after: bound("\"id\" > "), up_to: bound("\"id\" <= ") }
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::Form { what: "a bare statement".into(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_the_statement() {
        let key = |text: &str| Some(vec![text.to_owned()]);
        let sql = "SELECT … WHERE NOT \"is_deleted\" AND \"id\" > 5 AND \"id\" <= 90) AS r";
        assert_eq!(part(sql), Part::Range { after: key("5"), up_to: key("90") });
        assert_eq!(part("SELECT … WHERE TRUE) AS r"), Part::Range { after: None, up_to: None });
    }
}
