//! The rules that a table's description must follow, each with the attribute that breaks it and what to write instead.

use super::{DELETED_COLUMN, OP_COLUMN, RESERVED_PREFIX, SEQ_COLUMN, Table};
use crate::column::Column;
use crate::default_value;
use crate::name::{is_quotable, same_column as same};
use crate::sql::is_reserved;

/// What is wrong with a table's description, with the attribute it is about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TableError {
    /// Attribute path in the words of the resource, for example `columns[3].name`.
    pub attribute: Attribute,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Attributes that [`Table::problems`] speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// A top-level attribute.
    Top(&'static str),
    /// An attribute of a nested object, for example `raw.retention_days`.
    Nested(&'static str, &'static str),
    /// An element of a list of strings.
    Element(&'static str, usize),
    /// The name of a column.
    ColumnName(usize),
    /// The type of a column.
    ColumnType(usize),
    /// The default of a column.
    ColumnDefault(usize),
    /// The name that a column had before.
    ColumnRenamedFrom(usize),
}

impl Table {
    /// Everything that is wrong with this description; empty if it can be built.
    pub fn problems(&self) -> Vec<TableError> {
        let mut problems = Vec::new();
        let mut say = |attribute, message: String| problems.push(TableError { attribute, message });
        self.check_columns(&mut say);
        self.check_key(&mut say);
        self.check_names(&mut say);
        self.check_path(&mut say);
        if !(1..=90).contains(&self.retention_days) {
            say(
                Attribute::Nested("raw", "retention_days"),
                format!(
                    "must be 1 to 90 days (Databend keeps no more history for a stream), is {}",
                    self.retention_days
                ),
            );
        }
        if !(1_000..=1_000_000).contains(&self.row_per_block) {
            say(
                Attribute::Nested("ods", "row_per_block"),
                format!("must be 1000 to 1000000 (Databend takes no more), is {}", self.row_per_block),
            );
        }
        problems
    }

    fn check_columns(&self, say: &mut impl FnMut(Attribute, String)) {
        if self.columns.is_empty() {
            say(Attribute::Top("columns"), "at least the key columns must be listed".into());
        }
        let own = self.own_column_names();
        for (i, column) in self.columns.iter().enumerate() {
            let name = &column.name;
            if !is_quotable(name) {
                say(Attribute::ColumnName(i), unquotable("column", name));
            }
            if let Some(text) = self.defaults.get(name)
                && let Err(message) = default_value::sql(column, text)
            {
                say(Attribute::ColumnDefault(i), message);
            }
            if let Some(message) = self.wrong_rename(i) {
                say(Attribute::ColumnRenamedFrom(i), message);
            }
            // COPY matches names regardless of case, so two that differ only in case cannot be told apart.
            if let Some(first) = self.columns[..i].iter().find(|c| same(&c.name, name)) {
                let message = if first.name == *name {
                    format!("column \"{name}\" is listed twice; remove one")
                } else {
                    format!(
                        "columns \"{}\" and \"{name}\" differ only in case, which COPY from Parquet ignores; rename one on the way with a DMS rename rule",
                        first.name
                    )
                };
                say(Attribute::ColumnName(i), message);
            }
            if let Some(taken) = own.iter().find(|taken| same(taken, name)) {
                say(
                    Attribute::ColumnName(i),
                    format!(
                        "column \"{name}\" collides with \"{taken}\", which the pipeline adds; rename it on the way with a DMS rename-column rule, or change the attribute that names \"{taken}\""
                    ),
                );
            } else if name.to_lowercase().starts_with(RESERVED_PREFIX) {
                say(
                    Attribute::ColumnName(i),
                    format!(
                        "names that begin with \"{RESERVED_PREFIX}\" belong to the pipeline; rename \"{name}\" on the way with a DMS rename-column rule"
                    ),
                );
            }
        }
    }

    /// Why a column cannot have had the name that it is said to have had.
    fn wrong_rename(&self, i: usize) -> Option<String> {
        let name = &self.columns[i].name;
        let old = self.renamed.get(name)?;
        let own = self.own_column_names();
        let others = |c: &&Column| self.renamed.get(&c.name).is_some_and(|other| same(other, old));
        Some(if !is_quotable(old) {
            unquotable("column", old)
        } else if self.primary_key.contains(name) {
            format!(
                "\"{name}\" is in primary_key, and a column of the key keeps its name: let a DMS rename-column rule deliver it under the old one"
            )
        } else if same(old, name) {
            format!(
                "\"{old}\" and \"{name}\" are one name to MySQL and COPY, which ignore case; leave renamed_from out"
            )
        } else if self.columns.iter().any(|c| same(&c.name, old)) {
            format!(
                "\"{old}\" is listed as a column of its own, so its values in raw are not those of \"{name}\". Leave renamed_from out, and run `runbook reload` after the apply"
            )
        } else if let Some(taken) = own.iter().find(|taken| same(taken, old)) {
            format!("\"{old}\" is \"{taken}\", which the pipeline adds; write the name that the source had")
        } else if old.to_lowercase().starts_with(RESERVED_PREFIX) {
            format!(
                "names that begin with \"{RESERVED_PREFIX}\" belong to the pipeline; write the name that the source had"
            )
        } else if let Some(other) = self.columns[..i].iter().find(others) {
            format!("\"{}\" is renamed from \"{old}\", too; a column becomes one other", other.name)
        } else if self.defaults.contains_key(name) {
            format!(
                "a column with renamed_from has no default here: the rows that were there keep the values that they had as \"{old}\""
            )
        } else {
            return None;
        })
    }

    fn own_column_names(&self) -> Vec<String> {
        let mut own = vec![
            OP_COLUMN.to_owned(),
            self.timestamp_column.clone(),
            DELETED_COLUMN.to_owned(),
            SEQ_COLUMN.to_owned(),
        ];
        own.extend(self.change_seq_column.clone());
        own.extend(self.position_column.clone());
        own.extend(self.primary_key.iter().filter_map(|key| self.before_image(key)));
        own
    }

    fn check_key(&self, say: &mut impl FnMut(Attribute, String)) {
        if self.primary_key.is_empty() {
            say(
                Attribute::Top("primary_key"),
                "a table without a primary key cannot be merged: name the columns that identify a row".into(),
            );
        }
        for (i, key) in self.primary_key.iter().enumerate() {
            if !self.columns.iter().any(|c| c.name == *key) {
                let columns: Vec<_> = self.columns.iter().map(|c| c.name.as_str()).collect();
                say(
                    Attribute::Element("primary_key", i),
                    format!(
                        "\"{key}\" is not among the columns ({}); add it to columns or correct the name",
                        columns.join(", ")
                    ),
                );
            }
            if let Some(column) = self.columns.iter().find(|c| c.name == *key)
                && let Some(why) = column.ty.not_a_key()
            {
                say(
                    Attribute::Element("primary_key", i),
                    format!(
                        "\"{key}\" is {}, which cannot be a key: {why}. Use another unique key of the table",
                        column.ty
                    ),
                );
            }
            if self.primary_key[..i].contains(key) {
                say(Attribute::Element("primary_key", i), format!("\"{key}\" is listed twice; remove one"));
            }
        }
        for (i, name) in self.cluster_by.iter().enumerate() {
            let column = self.columns.iter().find(|c| c.name == *name);
            if let Some(column) = column.filter(|c| is_reserved(&c.name)) {
                say(
                    Attribute::Nested("ods", "cluster_by"),
                    format!(
                        "\"{}\" (element {i}) is a reserved word, by which Databend's engine cannot cluster a table; cluster by other columns",
                        column.name
                    ),
                );
            } else if let Some(column) = column.filter(|c| !c.ods_type().clusters()) {
                say(
                    Attribute::Nested("ods", "cluster_by"),
                    format!(
                        "\"{name}\" (element {i}) is {}, {} in Databend, which cannot cluster a table; cluster by other columns",
                        column.ty,
                        column.ods_type()
                    ),
                );
            }
            if column.is_none() {
                say(
                    Attribute::Nested("ods", "cluster_by"),
                    format!(
                        "\"{name}\" (element {i}) is not among the columns; cluster by columns of the table"
                    ),
                );
            }
        }
    }

    fn check_names(&self, say: &mut impl FnMut(Attribute, String)) {
        let names = [
            (Attribute::Nested("raw", "database"), "database", &self.raw.database),
            (Attribute::Nested("raw", "table"), "table", &self.raw.table),
            (Attribute::Nested("ods", "database"), "database", &self.ods.database),
            (Attribute::Nested("ods", "table"), "table", &self.ods.table),
            (Attribute::Top("timestamp_column"), "column", &self.timestamp_column),
        ];
        for (attribute, kind, name) in names {
            if !is_quotable(name) {
                say(attribute, unquotable(kind, name));
            }
        }
        for (attribute, name) in
            [("change_seq_column", &self.change_seq_column), ("position_column", &self.position_column)]
        {
            if let Some(name) = name.as_ref().filter(|name| !is_quotable(name)) {
                say(Attribute::Top(attribute), unquotable("column", name));
            }
        }
        // A backslash in one part and a backtick in the other meet here.
        let before = self.primary_key.iter().filter_map(|key| self.before_image(key));
        if let Some(name) = before.into_iter().find(|name| !is_quotable(name)) {
            say(Attribute::Top("before_image_prefix"), unquotable("column", &name));
        }
        if self.ods.database.contains('\\') {
            say(
                Attribute::Nested("ods", "database"),
                format!(
                    "\"{}\" holds a backslash, which Databend cannot read in a database name; choose another",
                    self.ods.database
                ),
            );
        }
        if self.raw == self.ods {
            say(
                Attribute::Nested("ods", "table"),
                format!("raw and ODS are both {}; give them different databases or tables", self.raw.plain()),
            );
        }
        // STREAM_STATUS takes 'database.stream' in one string (docs/facts/databend.md, "Tasks"). The engine writes the query behind
        // a stream as text and does not double a quote in it (docs/engine-defects.md).
        for (attribute, name) in [
            (Attribute::Nested("raw", "database"), &self.raw.database),
            (Attribute::Nested("raw", "table"), &self.raw.table),
        ] {
            if name.contains(['.', '\'', '"', '\\']) {
                say(
                    attribute,
                    format!(
                        "\"{name}\" holds a dot, quote or backslash, with which Databend's streams cannot be used; choose another name for the raw table"
                    ),
                );
            }
        }
    }

    fn check_path(&self, say: &mut impl FnMut(Attribute, String)) {
        let path = &self.path;
        if path.starts_with('/') || !path.ends_with('/') {
            say(
                Attribute::Top("path"),
                format!(
                    "must be a folder under the stage, without a leading and with a trailing slash, like \"shop/orders/\"; is \"{path}\""
                ),
            );
        }
        // A task's text is printed again by Databend without escaping its file location (databend-common-ast).
        if path.contains(['\'', '\\']) || path.chars().any(char::is_control) {
            say(
                Attribute::Top("path"),
                format!(
                    "\"{path}\" holds a quote, backslash or control character, which a Databend task cannot store; rename the table on the way with a DMS rename rule and set path to the new folder"
                ),
            );
        }
    }
}

fn unquotable(kind: &str, name: &str) -> String {
    if name.is_empty() {
        format!("a {kind} name must not be empty")
    } else {
        format!(
            "{kind} name \"{name}\" holds both a backslash and a backtick, which Databend has no way to quote; choose another"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::Column;
    use crate::table::orders;

    fn only_problem(table: &Table) -> (Attribute, String) {
        let mut problems = table.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let problem = problems.remove(0);
        (problem.attribute, problem.message)
    }

    fn column(name: &str) -> Column {
        Column { name: name.into(), ty: "int".parse().unwrap() }
    }

    #[test]
    fn a_good_table_has_no_problems() {
        assert_eq!(orders().problems(), []);
    }

    #[test]
    fn a_key_must_be_a_column() {
        let mut table = orders();
        table.primary_key = vec!["id".into()];
        let (attribute, message) = only_problem(&table);
        assert_eq!(attribute, Attribute::Element("primary_key", 0));
        assert_eq!(
            message,
            "\"id\" is not among the columns (order_id, amount, note); add it to columns or correct the name"
        );
        table.primary_key.clear();
        assert_eq!(only_problem(&table).0, Attribute::Top("primary_key"));
    }

    #[test]
    fn types_that_cannot_be_keys_are_refused() {
        for (ty, why) in
            [("float", "two spellings"), ("json", "LOB"), ("mediumtext", "LOB"), ("longblob", "LOB")]
        {
            let mut table = orders();
            table.columns[0].ty = ty.parse().unwrap();
            let (attribute, message) = only_problem(&table);
            assert_eq!(attribute, Attribute::Element("primary_key", 0));
            assert!(message.contains(why) && message.contains("cannot be a key"), "{message}");
        }
        for ty in ["double", "text", "blob", "bit(64)", "date", "enum('a')", "decimal(65,30)"] {
            let mut table = orders();
            table.columns[0].ty = ty.parse().unwrap();
            assert_eq!(table.problems(), [], "{ty}");
        }
    }

    #[test]
    fn types_that_cannot_cluster_are_refused() {
        for ty in ["json", "varbinary(16)"] {
            let mut table = orders();
            table.columns[2].ty = ty.parse().unwrap();
            table.cluster_by = vec!["note".into()];
            let (attribute, message) = only_problem(&table);
            assert_eq!(attribute, Attribute::Nested("ods", "cluster_by"));
            assert!(message.contains("cannot cluster a table"), "{message}");
        }
    }

    #[test]
    fn a_reserved_word_cannot_cluster() {
        let mut table = orders();
        table.columns.push(column("order"));
        table.cluster_by = vec!["order".into()];
        let (attribute, message) = only_problem(&table);
        assert_eq!(attribute, Attribute::Nested("ods", "cluster_by"));
        assert!(message.contains("is a reserved word"), "{message}");
    }

    #[test]
    fn duplicate_columns_are_refused_in_any_case() {
        let mut table = orders();
        table.columns.push(column("amount"));
        assert_eq!(
            only_problem(&table),
            (Attribute::ColumnName(3), "column \"amount\" is listed twice; remove one".into())
        );
        table.columns[3] = column("AMOUNT");
        assert!(only_problem(&table).1.contains("differ only in case"));
    }

    #[test]
    fn names_of_the_pipeline_are_refused_as_columns() {
        for name in ["op", "IS_DELETED", "_dms_before_order_id", "_cdc_x"] {
            let mut table = orders();
            table.columns.push(column(name));
            assert_eq!(only_problem(&table).0, Attribute::ColumnName(3), "{name}");
        }
    }

    #[test]
    fn a_path_must_be_a_folder_that_a_task_can_store() {
        for path in ["/shop/orders/", "shop/orders", "shop/o'rders/", "shop\\orders/", ""] {
            let mut table = orders();
            table.path = path.into();
            assert_eq!(only_problem(&table).0, Attribute::Top("path"), "{path}");
        }
    }

    #[test]
    fn raw_and_ods_must_differ() {
        let mut table = orders();
        table.ods = table.raw.clone();
        assert!(only_problem(&table).1.contains("raw and ODS are both raw.orders"));
    }
}
