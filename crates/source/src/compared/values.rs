//! Rows with their values, to write them elsewhere.

use std::time::Duration;

use pipeline::canonical::is_lob;
use pipeline::column::Column;
use pipeline::{Part, carry};

use super::ComparedTable;
use super::rows::texts;
use crate::driver;
use crate::look::Look;
use crate::name::ident;
use crate::row::Row;
use crate::{Options, Server, Source, SourceError};

/// A row whose values can be carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedRow {
    /// The texts of its key, as [`pipeline::canonical`] has them.
    pub key: Vec<String>,
    /// A text per column of the table ([`pipeline::carry`]). `None` where a value is so long that the server does not give it: its
    /// `max_allowed_packet` is shorter.
    pub values: Option<Vec<Option<String>>>,
}

impl Source {
    /// Reads the rows that have one of these keys, with their values. A key whose row is gone is not among them.
    pub async fn carry_rows(
        &self,
        table: &ComparedTable,
        keys: &[Vec<String>],
    ) -> Result<Vec<CarriedRow>, SourceError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.look(&Values { table, part: Part::Keys(keys.to_vec()) }).await
    }
}

struct Values<'a> {
    table: &'a ComparedTable,
    part: Part,
}

impl Values<'_> {
    /// The columns of which a value may be too long, by their places.
    fn long(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.table.columns.iter().enumerate().filter(|(_, column)| is_lob(&column.ty))
    }
}

impl Look for Values<'_> {
    type Answer = Vec<CarriedRow>;

    fn what(&self) -> String {
        format!("values of rows of {}", self.table.name)
    }

    fn privilege(&self) -> String {
        format!("SELECT ON {}", self.table.name)
    }

    fn sql(&self, _server: &Server) -> String {
        let mut select = self.table.key_texts();
        for (place, column) in self.table.columns.iter().enumerate() {
            let text = carry::mysql_text(&column.ty, &ident(&column.name));
            select.push(format!("{text} AS value_{place}"));
        }
        let given =
            self.long().map(|(place, column)| format!("{} IS NULL AS none_{place}", ident(&column.name)));
        select.extend(given);
        format!("SELECT {} {}", select.join(", "), self.table.rows_where(self.table.is_in(&self.part)))
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Vec<CarriedRow>, String> {
        let read = |row: &Row| {
            let values = (0..self.table.columns.len())
                .map(|place| Ok(row.optional(&format!("value_{place}"))?.map(str::to_owned)))
                .collect::<Result<Vec<_>, String>>()?;
            let mut is_whole = true;
            for (place, _) in self.long() {
                is_whole &= values[place].is_some() || row.text(&format!("none_{place}"))? == "1";
            }
            let key = texts(row, "key", self.table.key.len())?;
            Ok(CarriedRow { key, values: is_whole.then_some(values) })
        };
        rows.iter().map(read).collect()
    }

    fn limit(&self, options: &Options) -> Duration {
        options.statement_timeout
    }

    fn explain(&self, error: SourceError, address: &str) -> SourceError {
        driver::of_table(error, &self.table.name, address)
    }

    /// Every column of a row has its key as its text: tests tell rows apart by nothing else.
    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        state.table(&self.table.name)?;
        let Part::Keys(keys) = &self.part else { return Ok(Vec::new()) };
        let is_present = |key: &&Vec<String>| state.keys.contains(&(self.table.name.clone(), (*key).clone()));
        let row = |key: &Vec<String>| {
            let text = key.join(" ");
            let mut cells: Vec<_> = (0..).map(|place| format!("key_{place}")).zip(key.clone()).collect();
            cells.extend((0..self.table.columns.len()).map(|place| (format!("value_{place}"), text.clone())));
            cells.extend(self.long().map(|(place, _)| (format!("none_{place}"), "0".to_owned())));
            let cells: Vec<_> =
                cells.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
            Row::of(&cells)
        };
        Ok(keys.iter().filter(is_present).map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TableRef;
    use crate::compared::KeyPart;
    use crate::scripted::Scripted;

    fn table() -> ComparedTable {
        let column = |name: &str, ty: &str| Column { name: name.into(), ty: ty.parse().unwrap() };
        let id = column("id", "int");
        ComparedTable {
            name: TableRef::new("shop", "t"),
            key: vec![KeyPart { column: id.clone(), has_members: false }],
            columns: vec![id, column("doc", "longtext")],
            scope: Vec::new(),
        }
    }

    #[test]
    fn a_long_value_comes_with_whether_it_is_null() {
        let table = table();
        let look = Values { table: &table, part: Part::Keys(vec![vec!["5".into()]]) };
        assert_eq!(
            look.sql(&Scripted::server()),
            "SELECT CONVERT(`id` + 0 USING utf8mb4) AS key_0, CONVERT(`id` + 0 USING utf8mb4) AS value_0, \
             CONVERT(`doc` USING utf8mb4) AS value_1, `doc` IS NULL AS none_1 FROM `shop`.`t` WHERE ((`id` = 5))"
        );
    }

    #[test]
    fn a_value_that_the_server_does_not_give_is_no_null() {
        let table = table();
        let look = Values { table: &table, part: Part::Keys(vec![vec!["5".into()]]) };
        let read = |text: Option<&str>, none: &str| {
            let cells =
                [("key_0", Some("5")), ("value_0", Some("5")), ("value_1", text), ("none_1", Some(none))];
            look.read(&[Row::of(&cells)], &Scripted::server()).unwrap().remove(0).values
        };
        assert_eq!(read(Some("x"), "0"), Some(vec![Some("5".to_owned()), Some("x".to_owned())]));
        assert_eq!(read(None, "1"), Some(vec![Some("5".to_owned()), None]));
        assert_eq!(read(None, "0"), None);
    }
}
