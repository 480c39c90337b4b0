//! Functions: `provider::databend::column_type("bigint")`.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::value::from_value;
use crate::{Diagnostic, Type, Value};

/// A pure function of its arguments, called in Terraform's language as `provider::<local name>::<name>(…)`.
pub trait Function: Send + Sync + 'static {
    /// Its name, without the provider's.
    fn name(&self) -> &str;

    /// One line.
    fn summary(&self) -> String;

    /// Markdown.
    fn description(&self) -> String;

    /// Its parameters, in order.
    fn parameters(&self) -> Vec<Parameter>;

    /// The parameter that takes all further arguments, if there is one.
    fn variadic_parameter(&self) -> Option<Parameter> {
        None
    }

    /// The type of its result.
    fn return_type(&self) -> Type;

    /// Its result for these arguments.
    fn call(&self, arguments: Arguments) -> Result<Value, FunctionError>;
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name in documentation and errors
    pub name: String,
    /// The type to which Terraform converts the argument
    pub ty: Type,
    /// Markdown
    pub description: String,
    /// Whether the function takes null; where not, Terraform refuses it.
    pub allow_null: bool,
    /// Whether the function takes unknowns; where not, Terraform takes the result for unknown without calling.
    pub allow_unknown: bool,
}

impl Parameter {
    /// A parameter that is neither null nor unknown.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self { name: name.into(), ty, description: String::new(), allow_null: false, allow_unknown: false }
    }

    /// Describes it, in Markdown.
    #[must_use]
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// The function takes null.
    #[must_use]
    pub fn allow_null(mut self) -> Self {
        self.allow_null = true;
        self
    }

    /// The function takes unknowns.
    #[must_use]
    pub fn allow_unknown(mut self) -> Self {
        self.allow_unknown = true;
        self
    }
}

/// The arguments of a call, already of their parameters' types.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    values: Vec<Value>,
    fixed: usize,
}

impl Arguments {
    /// `values` of which the first `fixed` belong to parameters and the rest to the variadic one.
    pub fn new(values: Vec<Value>, fixed: usize) -> Self {
        let fixed = fixed.min(values.len());
        Self { values, fixed }
    }

    /// All of them.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The argument at `index`, read into `T`. The error names the argument.
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T, FunctionError> {
        let value = self.values.get(index).unwrap_or(&Value::Null);
        from_value(value).map_err(|diagnostic| FunctionError::at_argument(index, &diagnostic))
    }

    /// The arguments of the variadic parameter, each read into `T`. The error names the argument.
    pub fn variadic<T: DeserializeOwned>(&self) -> Result<Vec<T>, FunctionError> {
        (self.fixed..self.values.len()).map(|index| self.get(index)).collect()
    }
}

/// Why a function has no result for its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// What is wrong and what to do
    pub text: String,
    /// The argument that is wrong, counted from 0
    pub argument: Option<usize>,
}

impl FunctionError {
    /// Wrong altogether.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: None }
    }

    /// The argument `index`, counted from 0, is wrong.
    pub fn argument(index: usize, text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: Some(index) }
    }

    /// A diagnostic about a part of the argument `index`; its path goes into the text.
    pub fn at_argument(index: usize, diagnostic: &Diagnostic) -> Self {
        // Terraform ends the sentence itself.
        Self::argument(index, diagnostic.to_string().trim_end_matches('.'))
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for FunctionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_by_position() {
        let arguments = Arguments::new(vec!["a".into(), 1.into(), 2.into()], 1);
        assert_eq!(arguments.get::<String>(0).unwrap(), "a");
        assert_eq!(arguments.variadic::<u8>().unwrap(), [1, 2]);
    }

    #[test]
    fn an_error_names_the_argument_and_the_part_of_it() {
        let arguments = Arguments::new(vec![Value::from(vec![1, 999])], 1);
        let error = arguments.get::<Vec<u8>>(0).unwrap_err();
        assert_eq!(error.argument, Some(0));
        assert!(error.text.starts_with("[1]: Invalid value"), "{error}");
    }
}
