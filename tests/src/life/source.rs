//! A table of the source as it is now.

use super::declaration::Declaration;
use super::model::{Born, Change, Ddl, Filled, Type};
use crate::{Error, Table};

/// How many different keys there are.
pub(super) const KEYS: u8 = 12;

/// A column as the source has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) not_null: bool,
    /// The default as a literal.
    pub(super) default: Option<String>,
}

/// A table as the source has it.
#[derive(Debug, Clone)]
pub(super) struct SourceTable {
    pub(super) name: String,
    wide_key: bool,
    /// Beside the key.
    pub(super) columns: Vec<Column>,
    /// How many columns it has ever had.
    named: usize,
    /// Whether the table is gone.
    pub(super) is_gone: bool,
}

/// A table that DDL changes.
pub(super) struct Altered {
    /// What is sent.
    pub(super) statements: Vec<String>,
    /// The table after it.
    pub(super) after: SourceTable,
    /// What the configuration has to say then.
    pub(super) follows: Option<Declaration>,
}

/// Whether the source refuses DDL for what the rows have: a value that does not fit, or is none of the new type.
pub(super) fn refuses(error: &Error) -> bool {
    let Error::Mysql { source: mysql_async::Error::Server(error), .. } = error else { return false };
    [1067, 1264, 1265, 1292, 1366, 1406, 1411, 1658, 1690].contains(&error.code)
}

impl Change {
    /// Its table.
    pub(super) fn table(&self) -> u8 {
        match *self {
            Self::Insert { table, .. }
            | Self::Update { table, .. }
            | Self::Delete { table, .. }
            | Self::Rekey { table, .. } => table,
        }
    }
}

impl Ddl {
    /// Whether the table is gone after it.
    pub(super) fn removes_table(self) -> bool {
        self == Self::Gone
    }
}

impl Type {
    /// As `columns` and DDL have it.
    pub(super) fn text(self) -> String {
        match self {
            Self::Int => "int".into(),
            Self::BigInt => "bigint".into(),
            Self::Varchar(length) => format!("varchar({length})"),
            Self::Decimal(digits, scale) => format!("decimal({digits},{scale})"),
            Self::DateTime(0) => "datetime".into(),
            Self::DateTime(digits) => format!("datetime({digits})"),
        }
    }

    /// A value, which a column of this type holds.
    fn value(self, number: u16) -> String {
        match self {
            Self::Int => (i64::from(number) * 32_749 - 1_000_000_000).to_string(),
            Self::BigInt => (i64::from(number) * 1_000_000_007_000 - 7).to_string(),
            Self::Varchar(length) => {
                let text = format!("é {number} 😀 and more than that");
                format!("'{}'", text.chars().take(length.into()).collect::<String>().trim_end())
            }
            Self::Decimal(_, scale) => {
                let scale = usize::from(scale);
                format!("-{}.{}", number, &"987654321"[..scale.clamp(1, 9)])
            }
            Self::DateTime(digits) => {
                let fraction = format!(".{:06}", u32::from(number) * 13 + 400_000);
                let fraction = if digits == 0 { "" } else { &fraction[..=usize::from(digits.min(6))] };
                format!("'2026-{:02}-28 23:59:58{fraction}'", 1 + number % 12)
            }
        }
    }

    /// A type of the same kind that holds more.
    fn wider(self) -> Option<Self> {
        match self {
            Self::Int => Some(Self::BigInt),
            Self::Varchar(length) => Some(Self::Varchar(length.saturating_mul(2))),
            Self::Decimal(digits, scale) if digits < 30 => Some(Self::Decimal(digits + 4, scale)),
            Self::DateTime(digits) if digits < 6 => Some(Self::DateTime(6)),
            _ => None,
        }
    }

    /// A type of the same kind that holds less.
    fn narrower(self) -> Option<Self> {
        match self {
            Self::BigInt => Some(Self::Int),
            Self::Varchar(length) if length > 3 => Some(Self::Varchar(length - 3)),
            Self::Decimal(digits, scale) if scale > 1 => Some(Self::Decimal(digits, scale - 1)),
            Self::DateTime(digits) if digits > 0 => Some(Self::DateTime(0)),
            _ => None,
        }
    }
}

fn quoted(name: &str) -> String {
    format!("`{name}`")
}

/// The parts of a key.
fn key(number: u8, wide: bool) -> Vec<String> {
    let number = number % KEYS;
    // As many rows share the first part as the second.
    if wide {
        vec![(number / 3).to_string(), format!("'k {}'", number % 3)]
    } else {
        vec![number.to_string()]
    }
}

impl SourceTable {
    /// The `number`th table of a life.
    pub(super) fn new(number: usize, born: &Born) -> Self {
        let column = |(place, ty): (usize, &Type)| Column {
            name: format!("c{place}"),
            ty: *ty,
            not_null: false,
            default: None,
        };
        Self {
            name: format!("t{number}"),
            wide_key: born.wide_key,
            columns: born.columns.iter().enumerate().map(column).collect(),
            named: born.columns.len(),
            is_gone: false,
        }
    }

    /// As it is declared when it is made.
    pub(super) fn declared(&self) -> Table {
        let types: Vec<_> = self.columns.iter().map(|column| column.ty.text()).collect();
        let mut columns = vec![("id", "int")];
        columns.extend(self.wide_key.then_some(("part", "varchar(20)")));
        columns
            .extend(self.columns.iter().zip(&types).map(|(column, ty)| (column.name.as_str(), ty.as_str())));
        Table::new(&self.name, &columns, &["id", "part"][..1 + usize::from(self.wide_key)])
    }

    /// The name in a statement; `NAME` is the schema.
    fn at(&self) -> String {
        format!("NAME.{}", quoted(&self.name))
    }

    fn key_names(&self) -> &'static [&'static str] {
        if self.wide_key { &["id", "part"] } else { &["id"] }
    }

    fn is(&self, number: u8) -> String {
        let parts = self.key_names().iter().zip(key(number, self.wide_key));
        parts.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(" AND ")
    }

    fn column(&self, number: u8) -> Option<usize> {
        (!self.columns.is_empty()).then(|| usize::from(number) % self.columns.len())
    }

    /// An INSERT of a row.
    pub(super) fn insert(&self, number: u8, value: u16) -> String {
        let mut names: Vec<_> = self.key_names().iter().map(|name| quoted(name)).collect();
        let mut values = key(number, self.wide_key);
        for (place, column) in (0_u16..).zip(&self.columns) {
            names.push(quoted(&column.name));
            let value = value.wrapping_add(place) % 400;
            let is_null = !column.not_null && value.is_multiple_of(7);
            values.push(if is_null { "NULL".into() } else { column.ty.value(value) });
        }
        format!("INSERT INTO {} ({}) VALUES ({})", self.at(), names.join(", "), values.join(", "))
    }

    /// INSERTs of rows.
    pub(super) fn fill(&self, rows: u8) -> Vec<String> {
        (0..rows.min(KEYS)).map(|number| self.insert(number, u16::from(number) * 3 + 1)).collect()
    }

    /// A change as a statement.
    pub(super) fn change(&self, change: &Change) -> Option<String> {
        let at = self.at();
        Some(match *change {
            Change::Insert { key, value, .. } => self.insert(key, value),
            Change::Update { key, column, value, .. } => {
                let column = &self.columns[self.column(column)?];
                let is_null = !column.not_null && value.is_multiple_of(7);
                let value = if is_null { "NULL".into() } else { column.ty.value(value % 400) };
                format!("UPDATE {at} SET {} = {value} WHERE {}", quoted(&column.name), self.is(key))
            }
            Change::Delete { key, .. } => format!("DELETE FROM {at} WHERE {}", self.is(key)),
            Change::Rekey { from, to, .. } => {
                let parts = self.key_names().iter().zip(key(to, self.wide_key));
                let set = parts.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>();
                format!("UPDATE {at} SET {} WHERE {}", set.join(", "), self.is(from))
            }
        })
    }

    /// What DDL does; nothing where the table has nothing for it.
    pub(super) fn ddl(&self, ddl: Ddl) -> Option<Altered> {
        let (at, mut after, mut follows) = (self.at(), self.clone(), None);
        let alter = |what: String| vec![format!("ALTER TABLE {at} {what}")];
        let statements = match ddl {
            Ddl::Add { ty, filled, first } => {
                let name = format!("c{}", self.named);
                let default = (filled != Filled::Null).then(|| ty.value(5));
                let form = match filled {
                    Filled::Null => "NULL".to_owned(),
                    Filled::Default => format!("NULL DEFAULT {}", ty.value(5)),
                    Filled::NotNull => format!("NOT NULL DEFAULT {}", ty.value(5)),
                };
                let place = if first { " FIRST" } else { "" };
                let column = Column { name, ty, not_null: filled == Filled::NotNull, default };
                let statement =
                    alter(format!("ADD COLUMN {} {} {form}{place}", quoted(&column.name), ty.text()));
                follows = Some(Declaration::Add {
                    name: column.name.clone(),
                    ty: ty.text(),
                    default: column.default.as_ref().map(|default| default.trim_matches('\'').to_owned()),
                });
                after.named += 1;
                after.columns.push(column);
                statement
            }
            Ddl::Drop { column } if self.columns.len() > 1 => {
                let dropped = after.columns.remove(self.column(column)?);
                alter(format!("DROP COLUMN {}", quoted(&dropped.name)))
            }
            Ddl::Drop { .. } => return None,
            Ddl::Rename { column } => {
                let column = &mut after.columns[self.column(column)?];
                let new = format!("c{}", self.named);
                after.named += 1;
                let old = std::mem::replace(&mut column.name, new);
                follows = Some(Declaration::Rename { from: old.clone(), to: column.name.clone() });
                alter(format!("rename column {} TO {}", quoted(&old), quoted(&column.name)))
            }
            Ddl::Cross { column } => {
                let one = self.column(column)?;
                let like = |other: &usize| {
                    *other != one && self.columns[*other] == self.columns[one].named(*other, self)
                };
                let other = (0..self.columns.len()).find(like)?;
                let (a, b) = (&self.columns[one], &self.columns[other]);
                alter(format!(
                    "CHANGE {} {}, CHANGE {} {}",
                    quoted(&a.name),
                    b.definition(),
                    quoted(&b.name),
                    a.definition()
                ))
            }
            Ddl::Widen { column } => {
                let statements = self.modify(&mut after, column, Type::wider)?;
                let wider = &after.columns[self.column(column)?];
                follows = Some(Declaration::Type { name: wider.name.clone(), ty: wider.ty.text() });
                statements
            }
            Ddl::Narrow { column } => self.modify(&mut after, column, Type::narrower)?,
            Ddl::Retype { column, ty } => self.modify(&mut after, column, |was| (was != ty).then_some(ty))?,
            Ddl::Reorder { column } => {
                let column = &self.columns[self.column(column)?];
                alter(format!("MODIFY {} FIRST", column.definition()))
            }
            Ddl::SetDefault { column } => {
                let column = &mut after.columns[self.column(column)?];
                let default = column.ty.value(9);
                column.default = Some(default.clone());
                alter(format!("ALTER COLUMN {} SET DEFAULT {default}", quoted(&column.name)))
            }
            Ddl::Index { column } => {
                let column = &self.columns[self.column(column)?];
                alter(format!("ADD INDEX ({})", quoted(&column.name)))
            }
            Ddl::Truncate => vec![format!("TRUNCATE TABLE {at}")],
            Ddl::Recreate => vec![
                format!("CREATE TABLE NAME.kept LIKE {at}"),
                format!("DROP TABLE {at}"),
                format!("CREATE TABLE {at} LIKE NAME.kept"),
                "DROP TABLE NAME.kept".to_owned(),
                self.insert(1, 11),
                self.insert(9, 12),
            ],
            Ddl::Swap => {
                let (new, old) = (format!("NAME.{}_new", self.name), format!("NAME.{}_old", self.name));
                vec![
                    format!("CREATE TABLE {new} LIKE {at}"),
                    format!("INSERT INTO {new} SELECT * FROM {at} WHERE id < 3"),
                    format!("rename table {at} TO {old}, {new} TO {at}"),
                    format!("DROP TABLE {old}"),
                ]
            }
            Ddl::Rebuild => alter("ENGINE = InnoDB, FORCE".to_owned()),
            Ddl::DropPartition => vec![
                format!(
                    "ALTER TABLE {at} PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (2), PARTITION p1 VALUES LESS THAN MAXVALUE)"
                ),
                format!("ALTER TABLE {at} DROP PARTITION p0"),
            ],
            Ddl::Gone => {
                after.is_gone = true;
                vec![format!("DROP TABLE {at}")]
            }
        };
        Some(Altered { statements, after, follows })
    }

    fn modify(&self, after: &mut Self, column: u8, to: impl Fn(Type) -> Option<Type>) -> Option<Vec<String>> {
        let column = &mut after.columns[self.column(column)?];
        // A default of the old type may be none of the new one.
        column.ty = to(column.ty)?;
        column.default = column.default.is_some().then(|| column.ty.value(5));
        Some(vec![format!("ALTER TABLE {} MODIFY {}", self.at(), column.definition())])
    }
}

impl Column {
    /// The same with the name of another column.
    fn named(&self, other: usize, of: &SourceTable) -> Self {
        Self { name: of.columns[other].name.clone(), ..self.clone() }
    }

    /// As DDL defines it.
    fn definition(&self) -> String {
        let default = self.default.as_ref().map(|value| format!(" DEFAULT {value}")).unwrap_or_default();
        let null = if self.not_null { "NOT NULL" } else { "NULL" };
        format!("{} {} {null}{default}", quoted(&self.name), self.ty.text())
    }
}
