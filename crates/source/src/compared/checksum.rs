//! The checksum of a range of keys, and where the range ends.

use std::fmt::Write as _;
use std::time::Duration;

use pipeline::Part;
use pipeline::canonical::mysql_loses;

use super::ComparedTable;
use crate::driver;
use crate::look::Look;
use crate::name::ident;
use crate::row::{Row, single};
use crate::{Options, Server, Source, SourceError};

/// How many rows a part has, and what identifies them together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// The number of rows.
    pub rows: u64,
    /// The sums of two parts of the rows' hashes.
    pub sums: [u64; 2],
    /// How many values of a column cannot arrive as they are, by column.
    pub lost: Vec<(String, u64)>,
}

impl Source {
    /// Returns the place ([`crate::ReadRow::place`]) of the last of `limit` rows after a place; `None` if there are fewer rows.
    pub async fn place_after(
        &self,
        table: &ComparedTable,
        after: Option<&[String]>,
        limit: u64,
    ) -> Result<Option<Vec<String>>, SourceError> {
        self.look(&PlaceAfter { table, after, limit }).await
    }

    /// Counts the rows of a part and adds up what identifies them.
    pub async fn checksum(&self, table: &ComparedTable, part: &Part) -> Result<Checksum, SourceError> {
        self.look(&ChecksumOf { table, part }).await
    }
}

struct PlaceAfter<'a> {
    table: &'a ComparedTable,
    after: Option<&'a [String]>,
    limit: u64,
}

impl Look for PlaceAfter<'_> {
    type Answer = Option<Vec<String>>;

    fn what(&self) -> String {
        format!("a key of {}", self.table.name)
    }

    fn privilege(&self) -> String {
        format!("SELECT ON {}", self.table.name)
    }

    fn sql(&self, _server: &Server) -> String {
        let after = self.after.map(|after| self.table.is_after(after));
        format!(
            "SELECT {} {} ORDER BY {} LIMIT 1 OFFSET {}",
            self.table.place_texts().join(", "),
            self.table.rows_where(after.into_iter().collect()),
            self.table.order().join(", "),
            self.limit.saturating_sub(1)
        )
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Option<Vec<String>>, String> {
        let place = |row| super::rows::texts(row, "place", self.table.key.len());
        rows.first().map(place).transpose()
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

struct ChecksumOf<'a> {
    table: &'a ComparedTable,
    part: &'a Part,
}

impl ChecksumOf<'_> {
    /// The columns with values that may not arrive, and the condition that one does not.
    fn lossy(&self) -> Vec<(&str, String)> {
        let columns = self.table.columns.iter();
        let lossy = columns.filter_map(|column| {
            Some((column.name.as_str(), mysql_loses(&column.ty, &ident(&column.name))?))
        });
        lossy.collect()
    }
}

impl Look for ChecksumOf<'_> {
    type Answer = Checksum;

    fn what(&self) -> String {
        format!("the checksum of rows of {}", self.table.name)
    }

    fn privilege(&self) -> String {
        format!("SELECT ON {}", self.table.name)
    }

    fn sql(&self, _server: &Server) -> String {
        let (mut counted, mut flags) = (String::new(), String::new());
        for (place, (_, lost)) in self.lossy().iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(counted, ", COALESCE(SUM(lost_{place}), 0) AS lost_{place}");
            let _ = write!(flags, ", {lost} AS lost_{place}");
        }
        // The LIMIT keeps the server from computing each digest twice, once for each sum.
        format!(
            "SELECT COUNT(*) AS row_count, COALESCE(SUM(CRC32(LEFT(d, 16))), 0) AS sum_0, \
             COALESCE(SUM(CRC32(RIGHT(d, 16))), 0) AS sum_1{counted} FROM (SELECT {} AS d{flags} {} \
             LIMIT 18446744073709551615) AS r",
            ComparedTable::digest(&self.table.columns),
            self.table.rows_where(self.table.is_in(self.part))
        )
    }

    fn read(&self, rows: &[Row], _server: &Server) -> Result<Checksum, String> {
        let row = single(rows)?;
        let lost = self.lossy().into_iter().enumerate();
        Ok(Checksum {
            rows: row.parse("row_count")?,
            sums: [row.parse("sum_0")?, row.parse("sum_1")?],
            lost: lost
                .map(|(n, (name, _))| Ok((name.to_owned(), row.parse(&format!("lost_{n}"))?)))
                .collect::<Result<_, String>>()?,
        })
    }

    fn limit(&self, options: &Options) -> Duration {
        options.statement_timeout
    }

    fn explain(&self, error: SourceError, address: &str) -> SourceError {
        driver::of_table(error, &self.table.name, address)
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, SourceError> {
        let count = state.table(&self.table.name)?.rows.to_string();
        let lost: Vec<_> = (0..self.lossy().len()).map(|n| format!("lost_{n}")).collect();
        let mut cells = vec![("row_count", Some(count.as_str())), ("sum_0", Some("0")), ("sum_1", Some("0"))];
        cells.extend(lost.iter().map(|name| (name.as_str(), Some("0"))));
        Ok(vec![Row::of(&cells)])
    }
}

#[cfg(test)]
mod tests {
    use pipeline::column::Column;

    use super::*;
    use crate::TableRef;
    use crate::compared::KeyPart;
    use crate::scripted::Scripted;

    fn table(columns: &[(&str, &str)], key: usize) -> ComparedTable {
        let column = |(name, ty): &(&str, &str)| Column { name: (*name).into(), ty: ty.parse().unwrap() };
        let columns: Vec<_> = columns.iter().map(column).collect();
        let key = columns[..key].iter().map(|column| KeyPart { column: column.clone(), has_members: false });
        ComparedTable { name: TableRef::new("shop", "t"), key: key.collect(), columns, scope: Vec::new() }
    }

    #[test]
    fn a_range_is_one_statement_and_counts_what_cannot_arrive() {
        let table = table(&[("id", "bigint"), ("day", "date")], 1);
        let part = Part::Range { after: Some(vec!["5".into()]), up_to: Some(vec!["9".into()]) };
        let sql = ChecksumOf { table: &table, part: &part }.sql(&Scripted::server());
        assert!(
            sql.starts_with(
                "SELECT COUNT(*) AS row_count, COALESCE(SUM(CRC32(LEFT(d, 16))), 0) AS sum_0, \
                 COALESCE(SUM(CRC32(RIGHT(d, 16))), 0) AS sum_1, COALESCE(SUM(lost_0), 0) AS lost_0 FROM \
                 (SELECT SHA2(CONCAT_WS(',', COALESCE(CONVERT(`id` + 0 USING utf8mb4), 'N'), "
            ),
            "{sql}"
        );
        assert!(
            sql.ends_with(
                " AS lost_0 FROM `shop`.`t` WHERE `id` > 5 AND `id` <= 9 LIMIT 18446744073709551615) AS r"
            ),
            "{sql}"
        );
    }

    #[test]
    fn a_boundary_follows_the_order_of_the_key() {
        let table = table(&[("a", "int"), ("b", "varchar(9)")], 2);
        let after = ["1".to_owned(), "x".to_owned()];
        let sql = PlaceAfter { table: &table, after: Some(&after), limit: 100 }.sql(&Scripted::server());
        assert_eq!(
            sql,
            "SELECT CONVERT(`a` + 0 USING utf8mb4) AS place_0, CONVERT(`b` USING utf8mb4) AS place_1 FROM `shop`.`t` \
             WHERE (`a` >= 1 AND (`a` > 1 OR `b` > 'x')) ORDER BY `a`, `b` LIMIT 1 OFFSET 99"
        );
    }

    #[test]
    fn what_is_compared_may_be_a_part_of_the_table() {
        let mut table = table(&[("a", "int"), ("b", "varchar(9)")], 2);
        table.scope = ["a>=5", "b=it's"].map(|condition| condition.parse().unwrap()).into();
        let sql = PlaceAfter { table: &table, after: None, limit: 1 }.sql(&Scripted::server());
        let wanted = "FROM `shop`.`t` WHERE `a` >= 5 AND `b` = 'it''s' AND CONVERT(`b` USING utf8mb4) COLLATE utf8mb4_bin = \
                      'it''s' AND CHAR_LENGTH(`b`) = CHAR_LENGTH('it''s') ORDER BY";
        assert!(sql.contains(wanted), "{sql}");
    }

    #[test]
    fn a_row_whose_key_cannot_arrive_is_left_out() {
        let table = table(&[("day", "date")], 1);
        let part = Part::Range { after: None, up_to: None };
        let sql = ChecksumOf { table: &table, part: &part }.sql(&Scripted::server());
        assert!(sql.contains("FROM `shop`.`t` WHERE NOT ((YEAR(`day`) = 0 OR "), "{sql}");
    }
}
