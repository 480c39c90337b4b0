//! Tables and their columns are read by two statements. Where the answers do not fit together, what does not is read again.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use pipeline::TableName;
use pipeline::sql::catalog as sql;

use super::TableInfo;
use super::read::{by_table, table};
use super::touched::rows;
use crate::{Row, Warehouse, WarehouseError};

/// How often, and with which pause, answers that do not fit together are asked for again.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);
/// The engine of the tables that have columns in any case.
const FUSE: &str = "FUSE";

/// Tables with their columns.
pub(super) struct Matched {
    pub(super) tables: HashMap<TableName, TableInfo>,
    /// Those of them whose columns Databend does not show. Somebody who works on such a table would add all its columns again,
    /// so for him it is an error; others may have tables that nobody can read.
    pub(super) unread: HashSet<TableName>,
}

/// The tables with their columns, from the answers of both statements.
///
/// A table may be dropped or created between the two, and Databend leaves a table out that it cannot read at that moment
/// (docs/facts/databend.md, "ALTER TABLE, transactions").
pub(super) async fn tables(
    warehouse: &Warehouse,
    table_rows: &[Row],
    column_rows: &[Row],
) -> Result<Matched, WarehouseError> {
    let (mut known, mut odd) = pair(table_rows, column_rows)?;
    for _ in 0..ATTEMPTS {
        if odd.is_empty() {
            break;
        }
        tracing::debug!(
            tables = odd.len(),
            "tables without columns, or columns without a table: reading them again"
        );
        tokio::time::sleep(PAUSE).await;
        let (table_rows, column_rows) = tokio::try_join!(
            rows(warehouse, &odd, sql::tables, sql::tables_named),
            rows(warehouse, &odd, sql::columns, sql::columns_named),
        )?;
        for name in &odd {
            known.remove(name);
        }
        let (again, still_odd) = pair(&table_rows, &column_rows)?;
        known.extend(again);
        odd = still_odd;
    }
    let unread = known.iter().filter(|(_, info)| lacks_columns(info)).map(|(name, _)| name.clone()).collect();
    Ok(Matched { tables: known, unread })
}

/// What it means that the columns of a table that somebody works on are not shown.
pub(super) fn unread(table: &TableName) -> WarehouseError {
    WarehouseError::Decode {
        statement: "SELECT FROM system.columns".to_owned(),
        detail: format!("it shows no columns of table {}, which exists", table.plain()),
    }
}

/// Tables by name, and the names that are in one of the answers only.
fn pair(
    table_rows: &[Row],
    column_rows: &[Row],
) -> Result<(HashMap<TableName, TableInfo>, Vec<TableName>), WarehouseError> {
    let mut columns = by_table(column_rows)?;
    let mut tables = HashMap::new();
    for row in table_rows {
        let name = TableName::new(row.get::<String>("database")?, row.get::<String>("name")?);
        let info = table(row, columns.remove(&name).unwrap_or_default())?;
        tables.insert(name, info);
    }
    let without = tables.iter().filter(|(_, info)| lacks_columns(info)).map(|(name, _)| name.clone());
    let odd = without.chain(columns.into_keys()).collect();
    Ok((tables, odd))
}

fn lacks_columns(info: &TableInfo) -> bool {
    info.engine == FUSE && info.columns.is_empty()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::Object;
    use crate::scripted::Scripted;

    fn ours() -> TableName {
        TableName::new("raw", "t")
    }

    fn scripted() -> Arc<Scripted> {
        let scripted = Scripted::new();
        scripted.sql("CREATE DATABASE raw").unwrap();
        scripted.sql("CREATE TABLE raw.t (id BIGINT NULL)").unwrap();
        scripted
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_answer_leaves_out_is_read_again() {
        for left_out in ["system.columns", "system.tables"] {
            let scripted = scripted();
            scripted.answer_nothing(move |sql| sql.contains(left_out));
            let warehouse = Warehouse::scripted(scripted).await.unwrap();
            let seen = warehouse.catalog().snapshot(&warehouse, &[ours()]).await.unwrap();
            let table = seen.table(&ours());
            assert_eq!(table.map(|table| table.columns.len()), Some(1), "{left_out}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_of_ours_that_goes_on_without_columns_is_an_error() {
        let scripted = scripted();
        for _ in 0..=ATTEMPTS {
            scripted.answer_nothing(|sql| sql.contains("system.columns"));
        }
        let warehouse = Warehouse::scripted(scripted).await.unwrap();
        let error = warehouse.catalog().snapshot(&warehouse, &[ours()]).await.unwrap_err().to_string();
        assert!(error.contains("no columns of table raw.t"), "{error}");
        // It is read again for who asks next.
        let seen = warehouse.catalog().snapshot(&warehouse, &[ours()]).await.unwrap();
        assert_eq!(seen.table(&ours()).map(|table| table.columns.len()), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_of_others_without_columns_is_nobodys_error() {
        let scripted = scripted();
        scripted.sql("CREATE TABLE raw.others (id BIGINT NULL)").unwrap();
        let warehouse = Warehouse::scripted(scripted.clone()).await.unwrap();
        let others = TableName::new("raw", "others");
        scripted.hide_columns(&others);
        let seen = warehouse.catalog().snapshot(&warehouse, &[ours()]).await.unwrap();
        assert_eq!(seen.table(&ours()).map(|table| table.columns.len()), Some(1));
        let theirs = [Object::Table(others)];
        let error = warehouse.catalog().snapshot_of(&warehouse, &theirs).await.unwrap_err().to_string();
        assert!(error.contains("no columns of table raw.others"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_is_dropped_between_the_two_is_gone() {
        let scripted = scripted();
        scripted.answer_nothing(|sql| sql.contains("system.columns"));
        scripted.answer_nothing(|sql| sql.contains("system.tables") && sql.contains("name = 't'"));
        scripted.answer_nothing(|sql| sql.contains("system.columns") && sql.contains("\"table\" = 't'"));
        let warehouse = Warehouse::scripted(scripted).await.unwrap();
        let seen = warehouse.catalog().snapshot(&warehouse, &[ours()]).await.unwrap();
        assert_eq!(seen.table(&ours()), None);
    }
}
