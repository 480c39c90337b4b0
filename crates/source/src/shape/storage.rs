//! What `InnoDB` stores tables in.

use std::collections::BTreeMap;

use crate::look::Look;
use crate::name::filename;
use crate::row::Row;
use crate::{Flavor, Server, TableRef};

/// The id of each part of each table, by the end of its name: empty where the table is not partitioned, `#P#p0` of a partition.
pub(super) struct ReadStorage<'a>(pub(super) &'a [TableRef]);

impl Look for ReadStorage<'_> {
    type Answer = BTreeMap<TableRef, BTreeMap<String, u64>>;

    fn what(&self) -> String {
        format!("what {} table{} stored in", self.0.len(), if self.0.len() == 1 { " is" } else { "s are" })
    }

    fn privilege(&self) -> String {
        "PROCESS ON *.*".to_owned()
    }

    /// `InnoDB` names a table `schema/table`, each as a name of a file, in which a `#` comes from a partition alone. Bytes are
    /// compared, since names of files have a collation that nothing else has.
    fn sql(&self, server: &Server) -> String {
        let view = match server.flavor {
            Flavor::Mysql if server.version >= (8, 0, 0) => "innodb_tables",
            _ => "innodb_sys_tables",
        };
        let named = |(place, table): (usize, &TableRef)| {
            let table = server.comparable(table);
            let (schema, table) =
                (filename(&table.schema, server.flavor)?, filename(&table.table, server.flavor)?);
            Some(format!("SELECT {place} AS place, CONCAT({schema}, '/', {table}) AS name"))
        };
        let mut asked: Vec<_> = self.0.iter().enumerate().filter_map(named).collect();
        if asked.is_empty() {
            // No table has this name.
            asked.push("SELECT 0 AS place, '/' AS name".to_owned());
        }
        // `stored` is a reserved word in MySQL.
        let name = "CAST(innodb.name AS BINARY)";
        format!(
            "SELECT asked.place AS place, innodb.table_id AS id, SUBSTRING({name}, LENGTH(asked.name) + 1) AS part FROM \
             information_schema.{view} AS innodb JOIN ({}) AS asked ON SUBSTRING_INDEX({name}, '#', 1) = asked.name",
            asked.join(" UNION ALL ")
        )
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Self::Answer, String> {
        let mut stored = BTreeMap::<TableRef, BTreeMap<String, u64>>::new();
        for row in rows {
            let place: usize = row.parse("place")?;
            let table = self.0.get(place).ok_or_else(|| format!("place {place} is none"))?;
            stored.entry(table.clone()).or_default().insert(row.text("part")?.to_owned(), row.parse("id")?);
        }
        Ok(stored)
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, crate::SourceError> {
        let row = |(place, table): (usize, &TableRef)| {
            let id = state.tables.get(table)?.id.to_string();
            Some(Row::of(&[("place", Some(&place.to_string())), ("id", Some(&id)), ("part", Some(""))]))
        };
        Ok(self.0.iter().enumerate().filter_map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    #[test]
    fn parts_are_those_of_their_table() {
        let asked = [TableRef::new("shop", "orders"), TableRef::new("shop", "log")];
        let row = |place: &str, id: &str, part: &str| {
            Row::of(&[("place", Some(place)), ("id", Some(id)), ("part", Some(part))])
        };
        let rows = [row("1", "20", "#P#p0"), row("0", "18", ""), row("1", "21", "#P#p1")];
        let stored = ReadStorage(&asked).read(&rows, &Scripted::server()).unwrap();
        assert_eq!(stored[&asked[0]], BTreeMap::from([(String::new(), 18)]));
        assert_eq!(stored[&asked[1]], BTreeMap::from([("#P#p0".to_owned(), 20), ("#P#p1".to_owned(), 21)]));
    }

    #[test]
    fn the_view_is_that_of_the_server() {
        let asked = [TableRef::new("shop", "orders")];
        let mut server = Scripted::server();
        assert!(ReadStorage(&asked).sql(&server).contains("information_schema.innodb_tables AS"));
        server.version = (5, 7, 40);
        assert!(ReadStorage(&asked).sql(&server).contains("information_schema.innodb_sys_tables AS"));
    }
}
