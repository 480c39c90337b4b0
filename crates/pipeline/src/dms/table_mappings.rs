//! The `table_mappings` of a replication task.

use serde_json::{Value, json};

use crate::table::{DEFAULT_BEFORE_IMAGE_PREFIX, DEFAULT_CHANGE_SEQ_COLUMN, DEFAULT_POSITION_COLUMN};

/// A table to replicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedTable {
    /// MySQL schema.
    pub schema: String,
    /// MySQL table.
    pub table: String,
}

/// Names of the columns that the rules add; empty for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingOptions {
    /// Column with the change sequence.
    pub change_seq_column: String,
    /// Column with the binlog file and offset.
    pub position_column: String,
    /// Prefix of the key's before-image columns.
    pub before_image_prefix: String,
}

impl Default for MappingOptions {
    fn default() -> Self {
        Self {
            change_seq_column: DEFAULT_CHANGE_SEQ_COLUMN.to_owned(),
            position_column: DEFAULT_POSITION_COLUMN.to_owned(),
            before_image_prefix: DEFAULT_BEFORE_IMAGE_PREFIX.to_owned(),
        }
    }
}

/// Tables or options from which no mappings can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// DMS refuses a task without a selection rule.
    #[error("no tables: list at least one as {{ schema = \"shop\", table = \"orders\" }}")]
    Empty,
    /// The same table twice.
    #[error("table {0} is listed twice; remove one")]
    Twice(String),
    /// No name.
    #[error("element {0} has an empty schema or table name")]
    Unnamed(usize),
    /// Two rules would add the same column.
    #[error("change_seq_column and position_column are both \"{0}\"; give each a name of its own")]
    SameColumn(String),
}

/// One selection rule per table, and for each table three transformations:
///
/// - the change sequence, which orders changes: all changes of a transaction carry one timestamp;
/// - the stream position, which places a change before or after a load, also where the sequence cannot;
/// - the key's before image: DMS writes a changed key as one U row with the new key alone, and the old row would stay
///   in ODS indefinitely.
///
/// All three: docs/facts/dms.md §2.
pub fn table_mappings(tables: &[MappedTable], options: &MappingOptions) -> Result<Value, MappingError> {
    if tables.is_empty() {
        return Err(MappingError::Empty);
    }
    let (seq, position) = (&options.change_seq_column, &options.position_column);
    // COPY fails on two columns whose names differ in case alone (docs/facts/databend.md).
    if !seq.is_empty() && seq.eq_ignore_ascii_case(position) {
        return Err(MappingError::SameColumn(position.clone()));
    }
    let mut rules = Rules(Vec::new());
    for (i, table) in tables.iter().enumerate() {
        if table.schema.is_empty() || table.table.is_empty() {
            return Err(MappingError::Unnamed(i));
        }
        if tables[..i].contains(table) {
            return Err(MappingError::Twice(format!("{}.{}", table.schema, table.table)));
        }
        let locator = json!({ "schema-name": exactly(&table.schema), "table-name": exactly(&table.table) });
        rules.add(json!({ "rule-type": "selection", "object-locator": locator, "rule-action": "include" }));
        for (column, expression) in [(seq, "$AR_H_CHANGE_SEQ"), (position, "$AR_H_STREAM_POSITION")] {
            if column.is_empty() {
                continue;
            }
            rules.add(json!({
                "rule-type": "transformation",
                "rule-target": "column",
                "object-locator": locator,
                "rule-action": "add-column",
                "value": column,
                "expression": expression,
                "data-type": { "type": "string", "length": 50 },
            }));
        }
        if !options.before_image_prefix.is_empty() {
            rules.add(json!({
                "rule-type": "transformation",
                "rule-target": "column",
                "object-locator": locator,
                "rule-action": "add-before-image-columns",
                "before-image-def": { "column-prefix": options.before_image_prefix, "column-suffix": "", "column-filter": "pk-only" },
            }));
        }
    }
    Ok(json!({ "rules": rules.0 }))
}

/// A name that matches nothing else: `%`, `_` and `[` are wildcards in an object locator, and stand for themselves in
/// brackets (AWS DMS user guide, "Wildcards in table mapping").
fn exactly(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '%' | '_' | '[') {
            out.extend(['[', c, ']']);
        } else {
            out.push(c);
        }
    }
    out
}

/// Rules, numbered in order: DMS wants unique ids and names.
struct Rules(Vec<Value>);

impl Rules {
    fn add(&mut self, mut rule: Value) {
        let id = (self.0.len() + 1).to_string();
        if let Some(object) = rule.as_object_mut() {
            object.insert("rule-id".into(), id.clone().into());
            object.insert("rule-name".into(), id.into());
        }
        self.0.push(rule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> MappedTable {
        MappedTable { schema: "shop".into(), table: "orders".into() }
    }

    #[test]
    fn each_table_is_selected_ordered_placed_and_keeps_its_old_key() {
        let mappings = table_mappings(&[orders()], &MappingOptions::default()).unwrap();
        assert_eq!(
            mappings,
            json!({ "rules": [
                { "rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
                  "object-locator": { "schema-name": "shop", "table-name": "orders" } },
                { "rule-type": "transformation", "rule-id": "2", "rule-name": "2", "rule-target": "column",
                  "rule-action": "add-column", "value": "_dms_change_seq", "expression": "$AR_H_CHANGE_SEQ",
                  "data-type": { "type": "string", "length": 50 },
                  "object-locator": { "schema-name": "shop", "table-name": "orders" } },
                { "rule-type": "transformation", "rule-id": "3", "rule-name": "3", "rule-target": "column",
                  "rule-action": "add-column", "value": "_dms_position", "expression": "$AR_H_STREAM_POSITION",
                  "data-type": { "type": "string", "length": 50 },
                  "object-locator": { "schema-name": "shop", "table-name": "orders" } },
                { "rule-type": "transformation", "rule-id": "4", "rule-name": "4", "rule-target": "column",
                  "rule-action": "add-before-image-columns",
                  "before-image-def": { "column-prefix": "_dms_before_", "column-suffix": "", "column-filter": "pk-only" },
                  "object-locator": { "schema-name": "shop", "table-name": "orders" } },
            ] })
        );
    }

    #[test]
    fn empty_names_leave_the_rules_out() {
        let none = MappingOptions {
            change_seq_column: String::new(),
            position_column: String::new(),
            before_image_prefix: String::new(),
        };
        let mappings = table_mappings(&[orders()], &none).unwrap();
        assert_eq!(mappings["rules"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_name_selects_no_other_table() {
        let table = MappedTable { schema: "my_shop".into(), table: "100%[a]".into() };
        let mappings = table_mappings(&[table], &MappingOptions::default()).unwrap();
        for rule in mappings["rules"].as_array().unwrap() {
            assert_eq!(
                rule["object-locator"],
                json!({ "schema-name": "my[_]shop", "table-name": "100[%][[]a]" })
            );
        }
    }

    #[test]
    fn bad_lists_are_refused() {
        let options = MappingOptions::default();
        assert_eq!(table_mappings(&[], &options), Err(MappingError::Empty));
        assert_eq!(
            table_mappings(&[orders(), orders()], &options),
            Err(MappingError::Twice("shop.orders".into()))
        );
        let unnamed = MappedTable { schema: "shop".into(), table: String::new() };
        assert_eq!(table_mappings(&[unnamed], &options), Err(MappingError::Unnamed(0)));
        let same = MappingOptions { position_column: "_DMS_change_seq".into(), ..options };
        assert_eq!(
            table_mappings(&[orders()], &same),
            Err(MappingError::SameColumn("_DMS_change_seq".into()))
        );
    }
}
