//! The admission of a later full load.

use super::SideTable;
use crate::boundary::Boundary;
use crate::column::DatabendColumn;
use crate::sql::changes::{raw, same_key};
use crate::sql::floor::raise_floor;
use crate::sql::horizon::forget_emptied;
use crate::sql::merge::{merge, merge_at};
use crate::sql::placed::placed;
use crate::sql::session::WITHOUT_COMPACTION;
use crate::sql::{add_column, ident, idents, literal};
use crate::table::{DELETED_COLUMN, OP_COLUMN, SEQ_COLUMN, Table};

/// A later full load that is complete and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Its place in the order of changes.
    pub boundary: Boundary,
    /// The columns that the side table and raw have in common: names as in raw.
    pub columns: Vec<String>,
}

/// The statements of the transaction that admits a load, without BEGIN and COMMIT:
///
/// 1. the floor, so that every merge from here on passes over changes below the boundary;
/// 2. a MERGE of what the stream shows. A merge of a task that was bound before has read the same stream and cannot commit
///    beside it;
/// 3. the rows of the load into raw, at the boundary;
/// 4. deletes at the boundary, for keys that ODS has below it and the load does not have;
/// 5. a MERGE of the rows at the boundary. It reads raw, since whether a stream shows rows of its own transaction is
///    documented nowhere. The next scheduled merge reads them again, which changes nothing;
/// 6. ODS no longer waits for a load, if it did.
pub fn admit(table: &Table, admission: &Admission) -> Vec<String> {
    let side = SideTable::of_load(table, admission.boundary);
    let key = admission.boundary.order_key(table);
    vec![
        raise_floor(table, &key),
        merge(table),
        insert_load(table, &side, admission),
        insert_deletes(table, &side, admission.boundary),
        merge_at(table, &key),
        forget_emptied(&table.raw),
    ]
}

/// `ALTER TABLE … ADD COLUMN` on raw for columns that only the load has: an INSERT does not evolve the schema as COPY does.
pub fn take_in_columns(table: &Table, missing: &[DatabendColumn]) -> Vec<String> {
    missing.iter().map(|column| add_column(&table.raw, column)).collect()
}

fn insert_load(table: &Table, side: &SideTable, admission: &Admission) -> String {
    let placed = placed(table, admission.boundary);
    let is_given = |name: &String| name != OP_COLUMN && placed.iter().all(|(given, _)| given != name);
    let taken: Vec<_> = admission.columns.iter().filter(|name| is_given(name)).collect();
    let names = [OP_COLUMN.to_owned()]
        .into_iter()
        .chain(placed.iter().map(|(name, _)| name.clone()))
        .chain(taken.iter().map(|name| (*name).clone()));
    let values = [literal("I")]
        .into_iter()
        .chain(placed.iter().map(|(_, value)| value.clone()))
        .chain(taken.iter().map(|name| raw(name)));
    format!(
        "INSERT INTO {} ({}) SELECT {WITHOUT_COMPACTION} {} FROM {} AS r",
        table.raw,
        idents(names.collect::<Vec<_>>()),
        values.collect::<Vec<_>>().join(", "),
        side.name(),
    )
}

fn insert_deletes(table: &Table, side: &SideTable, boundary: Boundary) -> String {
    let placed = placed(table, boundary);
    let keys: Vec<_> = table.primary_key.iter().map(|key| format!("t.{}", ident(key))).collect();
    let names = [OP_COLUMN.to_owned()]
        .into_iter()
        .chain(placed.iter().map(|(name, _)| name.clone()))
        .chain(table.primary_key.iter().cloned());
    let values = [literal("D")].into_iter().chain(placed.iter().map(|(_, value)| value.clone())).chain(keys);
    format!(
        "INSERT INTO {} ({}) SELECT {WITHOUT_COMPACTION} {} FROM {} AS t WHERE NOT t.{} AND t.{} < {} AND NOT EXISTS (SELECT 1 FROM {} AS r \
         WHERE {})",
        table.raw,
        idents(names.collect::<Vec<_>>()),
        values.collect::<Vec<_>>().join(", "),
        table.ods,
        ident(DELETED_COLUMN),
        ident(SEQ_COLUMN),
        literal(&boundary.order_key(table)),
        side.name(),
        same_key(table),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;
    use crate::table::orders;

    const KEY: &str = "20260301120001000000000000000000000";

    fn admission() -> Admission {
        Admission {
            boundary: Boundary::after("2026-03-01T12:00:00.5Z".parse().unwrap()),
            columns: orders().raw_columns().into_iter().map(|column| column.name).collect(),
        }
    }

    #[test]
    fn the_load_takes_its_place_at_the_boundary() {
        let [_, _, load, deletes, merge, _] = admit(&orders(), &admission()).try_into().unwrap();
        assert_eq!(
            load,
            format!(
                concat!(
                    r#"INSERT INTO "raw"."orders" ("Op", "_dms_ingestion_timestamp", "_dms_change_seq", "order_id", "amount", "#,
                    r#""note", "_dms_position", "_dms_before_order_id") SELECT {HINT} 'I', '2026-03-01 12:00:01.000000', '{KEY}', "#,
                    r#"r."order_id", r."amount", r."note", r."_dms_position", r."_dms_before_order_id" FROM "#,
                    r#""raw"."orders__load_20260301120001" AS r"#
                ),
                KEY = KEY,
                HINT = WITHOUT_COMPACTION
            )
        );
        assert_eq!(
            deletes,
            format!(
                concat!(
                    r#"INSERT INTO "raw"."orders" ("Op", "_dms_ingestion_timestamp", "_dms_change_seq", "order_id") SELECT "#,
                    "{HINT} 'D', '2026-03-01 12:00:01.000000', ",
                    r#"'{KEY}', t."order_id" FROM "ods"."orders" AS t WHERE NOT t."is_deleted" AND t."_cdc_seq" < '{KEY}' "#,
                    r#"AND NOT EXISTS (SELECT 1 FROM "raw"."orders__load_20260301120001" AS r WHERE t."order_id" = r."order_id")"#
                ),
                KEY = KEY,
                HINT = WITHOUT_COMPACTION
            )
        );
        assert!(merge.contains(&format!(r#"WHERE COALESCE(r."_dms_change_seq", '') = '{KEY}'"#)), "{merge}");
    }

    #[test]
    fn the_floor_comes_first() {
        let all = admit(&orders(), &admission());
        assert!(all[0].starts_with(r#"INSERT INTO "databend_cdc"."floors""#), "{}", all[0]);
        for sql in &all {
            assert_parses(sql);
        }
    }

    #[test]
    fn without_a_sequence_the_time_is_the_place() {
        let mut table = orders();
        table.change_seq_column = None;
        let columns = table.raw_columns().into_iter().map(|column| column.name).collect();
        let all = admit(&table, &Admission { columns, ..admission() });
        assert!(
            all[2].starts_with(
                r#"INSERT INTO "raw"."orders" ("Op", "_dms_ingestion_timestamp", "order_id", "amount", "note", "_dms_position", "_dms_before_order_id") SELECT"#
            ) && all[2].contains(r#"'I', '2026-03-01 12:00:00.999999', r."order_id""#),
            "{}",
            all[2]
        );
        for sql in &all {
            assert_parses(sql);
        }
    }

    #[test]
    fn columns_that_only_the_load_has_go_into_raw_first() {
        let column = DatabendColumn::nullable("added", crate::data_type::DatabendType::Varchar);
        assert_eq!(
            take_in_columns(&orders(), &[column]),
            [r#"ALTER TABLE "raw"."orders" ADD COLUMN "added" VARCHAR NULL"#]
        );
    }
}
