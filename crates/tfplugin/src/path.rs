//! Where in a value something is: `columns[3].type`.

use std::fmt;

/// One step from a value to a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// An attribute of an object.
    Attribute(String),
    /// An element of a map.
    Key(String),
    /// An element of a list, set or tuple.
    Index(usize),
}

/// The way from a resource, data source or provider configuration to one value in it.
///
/// ```
/// use tfplugin::AttributePath;
///
/// let path = AttributePath::attr("columns").index(3).attr_step("type");
/// assert_eq!(path.to_string(), "columns[3].type");
/// assert_eq!(AttributePath::parse("columns[3].type"), path);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributePath {
    steps: Vec<Step>,
}

impl AttributePath {
    /// The whole object.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path that starts at the attribute `name` of the whole object.
    pub fn attr(name: impl Into<String>) -> Self {
        Self::root().attr_step(name)
    }

    /// Goes on to the attribute `name`.
    #[must_use]
    pub fn attr_step(self, name: impl Into<String>) -> Self {
        self.step(Step::Attribute(name.into()))
    }

    /// Goes on to the element `index` of a list, set or tuple.
    #[must_use]
    pub fn index(self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// Goes on to the element `key` of a map.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// Goes on by `step`.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// This path, continued by `rest`.
    #[must_use]
    pub fn join(mut self, rest: Self) -> Self {
        self.steps.extend(rest.steps);
        self
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// True for the path of the whole object.
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// Reads the form that [`fmt::Display`] writes: `columns[3].type`, `tags["a b"]`. It is for paths that
    /// stand in source code, so what is not in brackets is an attribute name.
    pub fn parse(text: &str) -> Self {
        let mut path = Self::root();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(quoted) = rest.strip_prefix("[\"") {
                let (key, after) = quoted.split_once("\"]").unwrap_or((quoted, ""));
                path = path.key(key);
                rest = after;
            } else if let Some(bracket) = rest.strip_prefix('[') {
                let (index, after) = bracket.split_once(']').unwrap_or((bracket, ""));
                path = match index.parse() {
                    Ok(index) => path.index(index),
                    Err(_) => path.key(index),
                };
                rest = after;
            } else {
                let name = rest.strip_prefix('.').unwrap_or(rest);
                let end = name.find(['.', '[']).unwrap_or(name.len());
                let (name, after) = name.split_at(end);
                path = path.attr_step(name);
                rest = after;
            }
        }
        path
    }

    /// Puts `step` before the others; errors travel outwards, so their paths grow at the front.
    pub(crate) fn prepend(&mut self, step: Step) {
        self.steps.insert(0, step);
    }
}

impl From<&str> for AttributePath {
    fn from(text: &str) -> Self {
        Self::parse(text)
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => f.write_str(name)?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[\"{key}\"]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_terraform_writes_it() {
        let path = AttributePath::attr("tables").key("shop.orders").attr_step("columns").index(0);
        assert_eq!(path.to_string(), "tables[\"shop.orders\"].columns[0]");
    }

    #[test]
    fn parse_reads_what_display_writes() {
        for text in ["", "name", "source.schema", "columns[3].type", "tags[\"a.b\"].x", "m[0][1]"] {
            assert_eq!(AttributePath::parse(text).to_string(), text);
        }
    }
}
