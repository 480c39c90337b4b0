//! Errors of the crates below as Terraform's diagnostics.

use pipeline::table::{Attribute, TableError};
use tfplugin::{AttributePath, Diagnostic};
use warehouse::WarehouseError;

/// An error of Databend, under what was being done.
pub(crate) fn from_warehouse(doing: &str, error: &WarehouseError) -> Diagnostic {
    Diagnostic::error(doing).detail(error.to_string())
}

/// A mistake in a table's description, at its attribute.
pub(crate) fn from_table(error: &TableError) -> Diagnostic {
    let path = match &error.attribute {
        Attribute::Top(name) => AttributePath::attr(*name),
        Attribute::Nested(outer, inner) => AttributePath::parse(&format!("{outer}.{inner}")),
        Attribute::Element(name, index) => AttributePath::parse(&format!("{name}[{index}]")),
        Attribute::ColumnName(index) => AttributePath::parse(&format!("columns[{index}].name")),
        Attribute::ColumnType(index) => AttributePath::parse(&format!("columns[{index}].type")),
        Attribute::ColumnDefault(index) => AttributePath::parse(&format!("columns[{index}].default")),
        Attribute::ColumnRenamedFrom(index) => {
            AttributePath::parse(&format!("columns[{index}].renamed_from"))
        }
    };
    Diagnostic::error("Invalid table").detail(sentence(&error.message)).at(path)
}

/// Terraform's details are sentences.
pub(crate) fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let end = if message.ends_with(['.', ':', '!']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
