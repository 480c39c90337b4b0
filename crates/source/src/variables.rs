//! Global variables of the server.

use std::collections::BTreeMap;

use crate::name::literal;
use crate::row::Row;

/// Returns the statement that reads global variables. `SELECT @@name` would fail where a version has no such variable.
pub(crate) fn sql(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
    format!("SHOW GLOBAL VARIABLES WHERE variable_name IN ({})", names.join(", "))
}

/// Values of global variables by lowercase name.
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(crate) fn read(rows: &[Row]) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        for row in rows {
            // MariaDB and MySQL print it as Variable_name and Value.
            values.insert(row.text("variable_name")?.to_lowercase(), row.text("value")?.to_owned());
        }
        Ok(Self(values))
    }

    /// Returns a value; `None` where the server has no such variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    pub(crate) fn is_on(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| matches!(value.to_uppercase().as_str(), "ON" | "1"))
    }
}

/// Returns the rows of the scripted source: all variables that it has.
#[cfg(feature = "scripted")]
pub(crate) fn scripted(state: &crate::scripted::State) -> Vec<Row> {
    let row =
        |(name, value): (&String, &String)| Row::of(&[("variable_name", Some(name)), ("value", Some(value))]);
    state.variables.iter().map(row).collect()
}
