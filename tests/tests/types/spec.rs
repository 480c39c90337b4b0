//! What the tables of types and values are written in.

/// A column of one `MySQL` type, and the values that are sent through it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// The type as `information_schema` prints it: in the source's DDL and in `columns` of the resource.
    pub(crate) mysql: &'static str,
    /// What only the source's DDL says: a character set, a collation.
    pub(crate) ddl: &'static str,
    /// The values, as SQL; NULL is always sent as well.
    pub(crate) values: &'static [Value],
}

/// A value and what is expected of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value {
    /// As SQL of the source.
    pub(crate) sql: &'static str,
    /// What ODS shows.
    pub(crate) arrives: Arrives,
}

/// What ODS shows of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrives {
    /// The source's value.
    Same,
    /// Something else.
    As {
        /// As text; `None` is NULL. A long one may be given as SQL of the source after `=`.
        ods: Option<&'static str>,
        /// Who makes it so, and why.
        why: &'static str,
    },
}

impl Column {
    pub(crate) const fn new(mysql: &'static str, values: &'static [Value]) -> Self {
        Self { mysql, ddl: "", values }
    }

    pub(crate) const fn with(mysql: &'static str, ddl: &'static str, values: &'static [Value]) -> Self {
        Self { mysql, ddl, values }
    }
}

/// A value that arrives as it is.
pub(crate) const fn same(sql: &'static str) -> Value {
    Value { sql, arrives: Arrives::Same }
}

/// A value that arrives as NULL.
pub(crate) const fn null(sql: &'static str, why: &'static str) -> Value {
    Value { sql, arrives: Arrives::As { ods: None, why } }
}

/// A value that arrives as another one.
pub(crate) const fn becomes(sql: &'static str, ods: &'static str, why: &'static str) -> Value {
    Value { sql, arrives: Arrives::As { ods: Some(ods), why } }
}

/// A type as the primary key of a table of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// The type, as in [`Column`].
    pub(crate) mysql: &'static str,
    /// What only the source's DDL says.
    pub(crate) ddl: &'static str,
    /// For `TEXT` and `BLOB`, whose keys are of a part of the value only: a type of the same kind that a table can be made with, and that part.
    pub(crate) part: Option<(&'static str, &'static str)>,
    /// Different keys, as SQL: one whose row changes, one that is deleted, one that is inserted, one that becomes another, and that.
    pub(crate) values: &'static [&'static str],
    /// Further keys that the full load finds.
    pub(crate) loaded: &'static [&'static str],
    /// Further transactions, with `T` for the table.
    pub(crate) more: &'static [&'static str],
    /// What the page says of it.
    pub(crate) note: &'static str,
}

impl Key {
    pub(crate) const fn new(mysql: &'static str, values: &'static [&'static str]) -> Self {
        Self { mysql, ddl: "", part: None, values, loaded: &[], more: &[], note: "" }
    }
}
