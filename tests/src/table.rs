//! A source table, and its declaration for Terraform.

use std::collections::BTreeMap;

/// A table of the source.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Name and `MySQL` type.
    columns: Vec<(String, String)>,
    /// What `MySQL` gave the rows that were there, by column.
    defaults: BTreeMap<String, String>,
    /// The name that a column had before, by column.
    renamed: BTreeMap<String, String>,
    key: Vec<String>,
    /// The number of its resource, where that is not its place in the chain.
    number: Option<usize>,
}

impl Table {
    /// A table with these columns; those of `key` are its primary key.
    pub fn new(name: &str, columns: &[(&str, &str)], key: &[&str]) -> Self {
        Self {
            name: name.into(),
            columns: columns.iter().map(|(name, kind)| ((*name).into(), (*kind).into())).collect(),
            defaults: BTreeMap::new(),
            renamed: BTreeMap::new(),
            key: key.iter().map(|name| (*name).into()).collect(),
            number: None,
        }
    }

    /// The same with a resource whose number stays when tables before it go.
    #[must_use]
    pub fn numbered(self, number: usize) -> Self {
        Self { number: Some(number), ..self }
    }

    /// The number of its resource, where it stands at `place` in the chain.
    pub(crate) fn number(&self, place: usize) -> usize {
        self.number.unwrap_or(place)
    }

    /// Declares one more column, with its default if it has one. The source has it already.
    pub fn declare_column(&mut self, name: &str, kind: &str, default: Option<&str>) {
        self.columns.push((name.into(), kind.into()));
        self.defaults.extend(default.map(|default| (name.into(), default.into())));
    }

    /// Declares that a column has another name. It has that at the source already.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    pub fn declare_rename(&mut self, from: &str, to: &str) {
        match self.columns.iter_mut().find(|(column, _)| column == from) {
            Some(column) => to.clone_into(&mut column.0),
            None => panic!("{} has no column {from}", self.name),
        }
        self.renamed.insert(to.into(), from.into());
    }

    /// Declares another type of a column.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    pub fn declare_type(&mut self, name: &str, kind: &str) {
        match self.columns.iter_mut().find(|(column, _)| column == name) {
            Some(column) => kind.clone_into(&mut column.1),
            None => panic!("{} has no column {name}", self.name),
        }
    }

    /// The table that most tests use.
    pub fn orders() -> Self {
        let columns = [
            ("order_id", "bigint"),
            ("status", "varchar(20)"),
            ("amount", "decimal(12,2)"),
            ("note", "text"),
        ];
        Self::new("orders", &columns, &["order_id"])
    }

    /// `CREATE TABLE` at the source.
    pub fn ddl(&self, schema: &str) -> String {
        let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
        let columns = self.columns.iter().map(|(name, kind)| {
            let not_null = if self.key.contains(name) { " NOT NULL" } else { " NULL" };
            format!("{} {kind}{not_null}", quoted(name))
        });
        let key: Vec<_> = self.key.iter().map(|name| quoted(name)).collect();
        format!(
            "CREATE TABLE {}.{} ({}, PRIMARY KEY ({}))",
            quoted(schema),
            quoted(&self.name),
            columns.collect::<Vec<_>>().join(", "),
            key.join(", ")
        )
    }

    /// The resource `databend_cdc_table.t<number>`.
    pub fn resource(&self, number: usize, schema: &str) -> String {
        let columns = self.columns.iter().map(|(name, kind)| {
            let more = |key: &str, texts: &BTreeMap<String, String>| {
                texts.get(name).map(|value| format!(", {key} = {}", text(value))).unwrap_or_default()
            };
            format!(
                "    {{ name = {}, type = {}{}{} }},\n",
                text(name),
                text(kind),
                more("default", &self.defaults),
                more("renamed_from", &self.renamed)
            )
        });
        let key: Vec<_> = self.key.iter().map(|name| text(name)).collect();
        format!(
            "resource \"databend_cdc_table\" \"t{number}\" {{\n  stage = databend_cdc_stage.dms.name\n  \
             source = {{ schema = {}, table = {} }}\n  columns = [\n{}  ]\n  primary_key = [{}]\n  \
             raw = {{ database = \"{schema}_raw\" }}\n  ods = {{ database = \"{schema}_ods\" }}\n  \
             deletion_protection = false\n}}\n",
            text(schema),
            text(&self.name),
            columns.collect::<String>(),
            key.join(", ")
        )
    }
}

/// A string in HCL.
fn text(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace("${", "$${").replace("%{", "%%{"))
}
