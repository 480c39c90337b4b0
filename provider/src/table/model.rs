//! The attributes of `databend_cdc_table`, and the table that they describe.

use std::collections::BTreeMap;

use pipeline::column::Column;
use pipeline::mysql_type::MysqlType;
use pipeline::pipeline::Stored;
use pipeline::table::{
    DEFAULT_BEFORE_IMAGE_PREFIX, DEFAULT_CHANGE_SEQ_COLUMN, DEFAULT_POSITION_COLUMN, DEFAULT_RETENTION_DAYS,
    DEFAULT_ROW_PER_BLOCK, DEFAULT_TIMESTAMP_COLUMN, Table,
};
use pipeline::{Pipeline, TableName};
use serde::{Deserialize, Deserializer, Serialize};
use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics};

use super::loss::WhenLost;
use crate::diagnostics::{from_table, sentence};

/// The attributes. Any of them may be unknown in a plan, and null after an import.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct TableModel {
    pub(super) id: Attr<String>,
    pub(super) stage: Attr<String>,
    pub(super) path: Attr<String>,
    pub(super) source: Attr<SourceModel>,
    pub(super) columns: Attr<Vec<Attr<ColumnModel>>>,
    pub(super) primary_key: Attr<Vec<Attr<String>>>,
    pub(super) raw: Attr<RawModel>,
    pub(super) ods: Attr<OdsModel>,
    pub(super) timestamp_column: Attr<String>,
    pub(super) change_seq_column: Attr<String>,
    pub(super) position_column: Attr<String>,
    pub(super) before_image_prefix: Attr<String>,
    pub(super) deletion_protection: Attr<bool>,
    pub(super) raw_table: Attr<String>,
    pub(super) ods_table: Attr<String>,
    pub(super) stream: Attr<String>,
    pub(super) pipeline: Attr<Stored>,
    pub(super) unmapped_columns: Attr<Vec<String>>,
    pub(super) interrupted: Attr<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SourceModel {
    pub(super) schema: Attr<String>,
    pub(super) table: Attr<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ColumnModel {
    pub(super) name: Attr<String>,
    #[serde(rename = "type")]
    pub(super) ty: Attr<String>,
    /// `None` where there is no such key. Columns are maps to Terraform, and a plan has to keep a key that is null.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) default: Option<Attr<String>>,
    /// As the default.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) renamed_from: Option<Attr<String>>,
}

impl ColumnModel {
    /// A column without a default and with the name that it always had.
    pub(super) fn new(name: String, ty: String) -> Self {
        Self { name: Attr::Known(name), ty: Attr::Known(ty), default: None, renamed_from: None }
    }

    /// The default; null also where there is no such key.
    pub(super) fn default(&self) -> Attr<&String> {
        self.default.as_ref().map_or(Attr::Null, Attr::as_ref)
    }

    /// The name that it had before; null also where there is no such key.
    pub(super) fn renamed_from(&self) -> Attr<&String> {
        self.renamed_from.as_ref().map_or(Attr::Null, Attr::as_ref)
    }
}

/// Reads a key that is there, null or not.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Attr<String>>, D::Error> {
    Attr::deserialize(deserializer).map(Some)
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RawModel {
    pub(super) database: Attr<String>,
    pub(super) table: Attr<String>,
    pub(super) retention_days: Attr<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct OdsModel {
    pub(super) database: Attr<String>,
    pub(super) table: Attr<String>,
    pub(super) cluster_by: Attr<Vec<Attr<String>>>,
    pub(super) row_per_block: Attr<i64>,
    pub(super) when_lost: Attr<String>,
}

impl TableModel {
    /// Fills in what follows from other attributes: paths, table names and the other defaults. In a plan those are
    /// unknown so far where the configuration does not say them.
    pub(super) fn fill_defaults(&mut self, config: &Self) {
        let source_table = field(&self.source, |s| s.table.clone());
        let source_schema = field(&self.source, |s| s.schema.clone());
        if !config.path.is_known() {
            self.path = match (source_schema, &source_table) {
                (Attr::Known(schema), Attr::Known(table)) => Attr::Known(format!("{schema}/{table}/")),
                _ => Attr::Unknown,
            };
            if config.path.is_unknown() {
                self.path = Attr::Unknown;
            }
        }
        if let Attr::Known(raw) = &mut self.raw {
            let given = config.raw.known();
            raw.table = or_default(given.map(|raw| &raw.table), source_table.clone());
            let days = Attr::Known(i64::from(DEFAULT_RETENTION_DAYS));
            raw.retention_days = or_default(given.map(|raw| &raw.retention_days), days);
        }
        let cluster_key = self.default_cluster_key();
        if let Attr::Known(ods) = &mut self.ods {
            let given = config.ods.known();
            ods.table = or_default(given.map(|ods| &ods.table), source_table);
            ods.cluster_by = or_default(given.map(|ods| &ods.cluster_by), cluster_key);
            let rows = Attr::Known(i64::try_from(DEFAULT_ROW_PER_BLOCK).unwrap_or(i64::MAX));
            ods.row_per_block = or_default(given.map(|ods| &ods.row_per_block), rows);
        }
        let text =
            |given: &Attr<String>, default: &str| or_default(Some(given), Attr::Known(default.to_owned()));
        self.timestamp_column = text(&config.timestamp_column, DEFAULT_TIMESTAMP_COLUMN);
        self.change_seq_column = text(&config.change_seq_column, DEFAULT_CHANGE_SEQ_COLUMN);
        self.position_column = text(&config.position_column, DEFAULT_POSITION_COLUMN);
        self.before_image_prefix = text(&config.before_image_prefix, DEFAULT_BEFORE_IMAGE_PREFIX);
        self.deletion_protection = or_default(Some(&config.deletion_protection), Attr::Known(true));
    }

    /// The key columns that Databend can cluster by; unknown while the columns or the key are.
    fn default_cluster_key(&self) -> Attr<Vec<Attr<String>>> {
        let columns = self.parse_columns(&mut Diagnostics::new());
        match (columns, self.key()) {
            (Some(columns), Some(key)) => {
                Attr::Known(Table::default_cluster_key(&columns, &key).into_iter().map(Attr::Known).collect())
            }
            _ => Attr::Unknown,
        }
    }

    fn key(&self) -> Option<Vec<String>> {
        strings(&self.primary_key)
    }

    /// The table that the attributes describe; `None` while something that it depends on is unknown or, after an import,
    /// not there. Every mistake in what is known is reported.
    pub(super) fn table(&self) -> Result<Option<Table>, Diagnostics> {
        let mut wrong = Diagnostics::new();
        let columns = self.parse_columns(&mut wrong);
        let table = self.assemble(columns, &mut wrong);
        if let Some(text) = self.ods.known().and_then(|ods| ods.when_lost.known())
            && WhenLost::parse(text).is_none()
        {
            wrong.push(
                Diagnostic::error("Invalid table")
                    .detail(format!("Must be \"refuse\" or \"create_empty\", is \"{text}\"."))
                    .at(AttributePath::parse("ods.when_lost")),
            );
        }
        if let Some(table) = &table {
            wrong.extend(table.problems().iter().map(from_table).collect::<Diagnostics>());
        }
        wrong.into_result()?;
        Ok(table)
    }

    pub(super) fn parse_columns(&self, wrong: &mut Diagnostics) -> Option<Vec<Column>> {
        let models = self.columns.known()?;
        let mut columns = Some(Vec::with_capacity(models.len()));
        for (i, model) in models.iter().enumerate() {
            let parsed =
                model.known().and_then(|model| model.ty.known()).map(|ty| (ty.parse::<MysqlType>(), ty));
            let ty = match parsed {
                Some((Ok(ty), _)) => Some(ty),
                Some((Err(error), _)) => {
                    wrong.push(
                        Diagnostic::error("Unknown MySQL type")
                            .detail(sentence(&error.to_string()))
                            .at(AttributePath::parse(&format!("columns[{i}].type"))),
                    );
                    None
                }
                None => None,
            };
            let name = model.known().and_then(|model| model.name.known());
            match (name, ty) {
                (Some(name), Some(ty)) => {
                    if let Some(columns) = &mut columns {
                        columns.push(Column { name: name.clone(), ty });
                    }
                }
                _ => columns = None,
            }
        }
        columns
    }

    /// A text that columns may have, by column; `None` while one is unknown.
    fn column_texts(&self, text: fn(&ColumnModel) -> Attr<&String>) -> Option<BTreeMap<String, String>> {
        let mut texts = BTreeMap::new();
        for column in self.columns.known()?.iter().filter_map(Attr::known) {
            match (&column.name, text(column)) {
                (_, Attr::Unknown) => return None,
                (Attr::Known(name), Attr::Known(text)) => {
                    texts.insert(name.clone(), text.clone());
                }
                _ => {}
            }
        }
        Some(texts)
    }

    fn assemble(&self, columns: Option<Vec<Column>>, wrong: &mut Diagnostics) -> Option<Table> {
        let (source, raw, ods) = (self.source.known()?, self.raw.known()?, self.ods.known()?);
        let days = *raw.retention_days.known()?;
        let Ok(retention_days) = u32::try_from(days) else {
            wrong.push(
                Diagnostic::error("Invalid table")
                    .detail(format!("Must be 1 to 90 days, is {days}."))
                    .at(AttributePath::parse("raw.retention_days")),
            );
            return None;
        };
        let named = |attr: &Attr<String>| attr.known().cloned();
        let or_none = |attr: &Attr<String>| attr.known().cloned().filter(|text| !text.is_empty());
        let rows = *ods.row_per_block.known()?;
        let Ok(row_per_block) = u64::try_from(rows) else {
            wrong.push(
                Diagnostic::error("Invalid table")
                    .detail(format!("Must be 1000 to 1000000, is {rows}."))
                    .at(AttributePath::parse("ods.row_per_block")),
            );
            return None;
        };
        let optional = [&self.change_seq_column, &self.position_column, &self.before_image_prefix];
        if optional.into_iter().any(Attr::is_unknown) {
            return None;
        }
        Some(Table {
            stage: named(&self.stage)?,
            path: named(&self.path)?,
            source_schema: named(&source.schema)?,
            source_table: named(&source.table)?,
            columns: columns?,
            defaults: self.column_texts(ColumnModel::default)?,
            renamed: self.column_texts(ColumnModel::renamed_from)?,
            primary_key: self.key()?,
            raw: TableName::new(named(&raw.database)?, named(&raw.table)?),
            retention_days,
            ods: TableName::new(named(&ods.database)?, named(&ods.table)?),
            cluster_by: if ods.cluster_by.is_null() { Vec::new() } else { strings(&ods.cluster_by)? },
            row_per_block,
            timestamp_column: named(&self.timestamp_column)?,
            change_seq_column: or_none(&self.change_seq_column),
            position_column: or_none(&self.position_column),
            before_image_prefix: or_none(&self.before_image_prefix),
        })
    }

    /// What to do where ODS is lost and raw cannot give it back.
    pub(super) fn when_lost(&self) -> WhenLost {
        let text = self.ods.known().and_then(|ods| ods.when_lost.known());
        text.and_then(|text| WhenLost::parse(text)).unwrap_or_default()
    }

    /// The names of the columns, as far as they are known.
    pub(super) fn column_names(&self) -> Vec<String> {
        let columns = self.columns.known().map(Vec::as_slice).unwrap_or_default();
        columns.iter().filter_map(|column| column.known()?.name.known().cloned()).collect()
    }

    /// The raw table's name, if it is known.
    pub(super) fn raw_name(&self) -> Option<TableName> {
        let raw = self.raw.known()?;
        Some(TableName::new(raw.database.known()?, raw.table.known()?))
    }

    /// The ODS table's name, if it is known.
    pub(super) fn ods_name(&self) -> Option<TableName> {
        let ods = self.ods.known()?;
        Some(TableName::new(ods.database.known()?, ods.table.known()?))
    }

    /// Sets every computed attribute to what it is once the table is there.
    pub(super) fn fill_computed(&mut self, table: &Table) {
        self.id = Attr::Known(format!("{},{}", table.raw.plain(), table.ods.plain()));
        self.raw_table = Attr::Known(table.raw.plain());
        self.ods_table = Attr::Known(table.ods.plain());
        self.stream = Attr::Known(table.stream().plain());
        self.pipeline = Attr::Known(Pipeline::new(table.clone()).into());
    }
}

/// The strings of a list, if all of them are known.
pub(super) fn strings(list: &Attr<Vec<Attr<String>>>) -> Option<Vec<String>> {
    list.known()?.iter().map(|element| element.known().cloned()).collect()
}

/// A field of an object that may be null or unknown itself.
fn field<M, T>(object: &Attr<M>, get: impl Fn(&M) -> Attr<T>) -> Attr<T> {
    match object {
        Attr::Known(model) => get(model),
        Attr::Unknown => Attr::Unknown,
        Attr::Null => Attr::Null,
    }
}

/// What the configuration says, else the default.
fn or_default<T: Clone>(given: Option<&Attr<T>>, default: Attr<T>) -> Attr<T> {
    match given {
        Some(Attr::Known(value)) => Attr::Known(value.clone()),
        Some(Attr::Unknown) => Attr::Unknown,
        Some(Attr::Null) | None => default,
    }
}
