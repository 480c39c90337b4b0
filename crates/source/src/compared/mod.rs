//! What `runbook verify` asks the source: checksums of a range of keys, rows one by one, and, to repair, their values.
//!
//! Values are read as the texts of [`pipeline::canonical`], which Databend prints alike.

mod checksum;
mod key;
mod lob;
mod rows;
mod values;

use pipeline::KeyCondition;
use pipeline::canonical::{mysql_digest, mysql_loses};
use pipeline::column::Column;

pub use checksum::Checksum;
pub use rows::{ReadRow, Selection};
pub use values::CarriedRow;

use crate::TableRef;
use crate::name::ident;

/// A table whose rows are compared.
#[derive(Debug, Clone)]
pub struct ComparedTable {
    /// Its name.
    pub name: TableRef,
    /// The columns that are compared, those of the key among them.
    pub columns: Vec<Column>,
    /// The columns of its primary key, in the order of the key.
    pub key: Vec<KeyPart>,
    /// What the keys of the rows that are compared fulfill.
    pub scope: Vec<KeyCondition>,
}

/// A column of the key.
#[derive(Debug, Clone)]
pub struct KeyPart {
    /// The column.
    pub column: Column,
    /// Whether it is an ENUM or a SET, which MySQL orders by the numbers of its members.
    pub has_members: bool,
}

impl ComparedTable {
    /// The hash of some columns.
    fn digest<'a>(columns: impl IntoIterator<Item = &'a Column>) -> String {
        mysql_digest(columns.into_iter().map(|column| (&column.ty, ident(&column.name))))
    }

    /// The condition that a row's key cannot arrive, if that can be. No merge can place such a row (`runbook status` counts
    /// it), so it is not compared.
    fn has_lost_key(&self) -> Option<String> {
        let lost = self.key.iter().filter_map(|part| mysql_loses(&part.column.ty, &ident(&part.column.name)));
        let lost: Vec<_> = lost.collect();
        (!lost.is_empty()).then(|| format!("({})", lost.join(" OR ")))
    }

    /// `FROM … WHERE …` for the rows that are compared and fulfill all conditions.
    fn rows_where(&self, conditions: Vec<String>) -> String {
        let kept = self.has_lost_key().map(|lost| format!("NOT {lost}"));
        let scope = self.scope.iter().filter_map(|condition| self.fulfills(condition));
        let all: Vec<_> = conditions.into_iter().chain(scope).chain(kept).collect();
        if all.is_empty() {
            return format!("FROM {}", self.name);
        }
        format!("FROM {} WHERE {}", self.name, all.join(" AND "))
    }
}
