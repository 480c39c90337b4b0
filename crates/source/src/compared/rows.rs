//! Rows one by one: their keys, digests of groups of columns, and the texts of JSON columns.

use std::time::Duration;

use pipeline::Part;
use pipeline::canonical::{is_compared_as_json, mysql_text};
use pipeline::column::Column;

use super::ComparedTable;
use crate::driver;
use crate::look::Look;
use crate::name::ident;
use crate::row::Row;
use crate::{Options, Server, Source, SourceError};

/// Which rows are read.
#[derive(Debug, Clone)]
pub enum Selection<'a> {
    /// Those of a part.
    Part(&'a Part),
    /// The next ones in the order of the key.
    Page {
        /// The place of the last row of the page before ([`ReadRow::place`]).
        after: Option<&'a [String]>,
        /// How many.
        limit: u64,
    },
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRow {
    /// The texts of its key.
    pub key: Vec<String>,
    /// Its place in the order of the key, which a page begins after.
    pub place: Vec<String>,
    /// A digest per group of columns.
    pub digests: Vec<String>,
    /// The texts of its JSON columns.
    pub json: Vec<Option<String>>,
}

impl Source {
    /// Reads rows: their keys, a digest per group of columns, and the texts of JSON columns if `with_json`.
    pub async fn read_rows(
        &self,
        table: &ComparedTable,
        groups: &[Vec<&Column>],
        with_json: bool,
        selection: Selection<'_>,
    ) -> Result<Vec<ReadRow>, SourceError> {
        self.look(&Rows { table, groups, with_json, selection }).await
    }
}

struct Rows<'a> {
    table: &'a ComparedTable,
    groups: &'a [Vec<&'a Column>],
    with_json: bool,
    selection: Selection<'a>,
}

impl Rows<'_> {
    fn json(&self) -> Vec<&Column> {
        let json = self.table.columns.iter().filter(|column| is_compared_as_json(&column.ty));
        json.filter(|_| self.with_json).collect()
    }
}

impl Look for Rows<'_> {
    type Answer = Vec<ReadRow>;

    fn what(&self) -> String {
        format!("rows of {}", self.table.name)
    }

    fn privilege(&self) -> String {
        format!("SELECT ON {}", self.table.name)
    }

    fn sql(&self, _server: &Server) -> String {
        let mut select = self.table.key_texts();
        select.extend(self.table.place_texts());
        for (place, group) in self.groups.iter().enumerate() {
            let digest = ComparedTable::digest(group.iter().copied());
            select.push(format!("{digest} AS digest_{place}"));
        }
        for (place, column) in self.json().into_iter().enumerate() {
            let text = mysql_text(&column.ty, &ident(&column.name));
            select.push(format!("{text} AS json_{place}"));
        }
        let (conditions, end) = match &self.selection {
            Selection::Part(part) => (self.table.is_in(part), String::new()),
            Selection::Page { after, limit } => (
                after.map(|after| self.table.is_after(after)).into_iter().collect(),
                format!(" ORDER BY {} LIMIT {limit}", self.table.order().join(", ")),
            ),
        };
        format!("SELECT {} {}{end}", select.join(", "), self.table.rows_where(conditions))
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Vec<ReadRow>, String> {
        let read = |row: &Row| {
            let json = (0..self.json().len()).map(|n| row.optional(&format!("json_{n}")));
            Ok(ReadRow {
                key: texts(row, "key", self.table.key.len())?,
                place: texts(row, "place", self.table.key.len())?,
                digests: texts(row, "digest", self.groups.len())?,
                json: json.map(|text| Ok(text?.map(str::to_owned))).collect::<Result<_, String>>()?,
            })
        };
        rows.iter().map(read).collect()
    }

    fn limit(&self, options: &Options) -> Duration {
        options.statement_timeout
    }

    fn explain(&self, error: SourceError, address: &str) -> SourceError {
        driver::of_table(error, &self.table.name, address)
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        state.table(&self.table.name)?;
        Ok(Vec::new())
    }
}

/// Reads the columns `name_0`, `name_1`, … of a row.
pub(super) fn texts(row: &Row, name: &str, count: usize) -> Result<Vec<String>, String> {
    (0..count).map(|place| row.text(&format!("{name}_{place}")).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TableRef;
    use crate::compared::KeyPart;
    use crate::scripted::Scripted;

    #[test]
    fn members_are_paged_by_their_number() {
        let column = |name: &str, ty: &str| Column { name: name.into(), ty: ty.parse().unwrap() };
        let (kind, doc) = (column("kind", "enum('b','a')"), column("doc", "json"));
        let table = ComparedTable {
            name: TableRef::new("shop", "t"),
            key: vec![KeyPart { column: kind.clone(), has_members: true }],
            columns: vec![kind.clone(), doc],
            scope: Vec::new(),
        };
        let groups = [vec![&kind]];
        let after = ["2".to_owned()];
        let selection = Selection::Page { after: Some(&after), limit: 10 };
        let rows = Rows { table: &table, groups: &groups, with_json: true, selection };
        assert_eq!(
            rows.sql(&Scripted::server()),
            "SELECT CONVERT(`kind` USING utf8mb4) AS key_0, `kind` + 0 AS place_0, SHA2(CONCAT_WS(',', \
             COALESCE(CONCAT(CHAR_LENGTH(`kind`), ':', CONVERT(`kind` USING utf8mb4)), 'N')), 256) AS digest_0, \
             CONVERT(`doc` USING utf8mb4) AS json_0 FROM `shop`.`t` WHERE `kind` + 0 > 2 ORDER BY `kind` + 0 LIMIT 10"
        );
    }
}
