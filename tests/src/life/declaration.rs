//! What a configuration has to say of a column, as a finding says it.

use crate::Table;

/// A change of `columns`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Declaration {
    /// A column is added.
    Add { name: String, ty: String, default: Option<String> },
    /// A column takes the place of another one.
    Rename { from: String, to: String },
    /// A column has another type.
    Type { name: String, ty: String },
}

impl Declaration {
    /// All that a text says.
    pub(super) fn all_in(text: &str) -> Vec<Self> {
        let elements = text.split("{ name = ").skip(1).filter_map(|rest| {
            let element = rest.split(" }").next()?;
            let value = |key: &str| quoted(element.split(&format!("{key} = ")).nth(1)?);
            let (name, ty) = (quoted(element)?, value("type")?);
            Some(match (value("renamed_from"), rest.split(" }").nth(1)) {
                (Some(from), _) => Self::Rename { from, to: name },
                (None, Some(after)) if after.starts_with(" in columns") => Self::Type { name, ty },
                _ => Self::Add { name, ty, default: value("default") },
            })
        });
        let types = text.split("write type = ").skip(1).filter_map(|rest| {
            let ty = quoted(rest)?;
            Some(Self::Type { name: quoted(rest.split(" for ").nth(1)?)?, ty })
        });
        elements.chain(types).collect()
    }

    /// Writes it in the declaration of a table.
    pub(super) fn write(&self, table: &mut Table) {
        match self {
            Self::Add { name, ty, default } => table.declare_column(name, ty, default.as_deref()),
            Self::Rename { from, to } => table.declare_rename(from, to),
            Self::Type { name, ty } => table.declare_type(name, ty),
        }
    }
}

/// The string in quotes that a text begins with.
fn quoted(text: &str) -> Option<String> {
    let mut inside = text.strip_prefix('"')?.chars();
    let mut value = String::new();
    loop {
        match inside.next()? {
            '"' => return Some(value),
            '\\' => value.push(inside.next()?),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_findings_say_is_read() {
        let text = r#"add { name = "n", type = "int(11)", default = "a \"b\"" } to columns, write { name = "w", type = "int", renamed_from = "v" } in place of "v" in columns, write { name = "x", type = "bigint" } in columns, write type = "decimal(14,2)" for "amount" in columns of its databend_cdc_table"#;
        let text_of = |text: &str| text.to_owned();
        assert_eq!(
            Declaration::all_in(text),
            [
                Declaration::Add {
                    name: text_of("n"),
                    ty: text_of("int(11)"),
                    default: Some(text_of("a \"b\""))
                },
                Declaration::Rename { from: text_of("v"), to: text_of("w") },
                Declaration::Type { name: text_of("x"), ty: text_of("bigint") },
                Declaration::Type { name: text_of("amount"), ty: text_of("decimal(14,2)") },
            ]
        );
    }
}
