//! Functions: with fixed parameters, with any number of them, of any type, and one that panics.

use std::sync::Arc;

use serde::Deserialize;
use tfplugin::{Arguments, Function, FunctionError, Parameter, Type, Value};

pub(crate) fn all() -> Vec<Arc<dyn Function>> {
    vec![Arc::new(Repeat), Arc::new(Join), Arc::new(Describe), Arc::new(Crash)]
}

/// `repeat(text, times)`
struct Repeat;

impl Function for Repeat {
    fn name(&self) -> &'static str {
        "repeat"
    }

    fn summary(&self) -> String {
        "Repeats a text.".to_owned()
    }

    fn description(&self) -> String {
        "`repeat(\"ab\", 2)` is `abab`.".to_owned()
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter::new("text", Type::String), Parameter::new("times", Type::Number)]
    }

    fn return_type(&self) -> Type {
        Type::String
    }

    fn call(&self, arguments: Arguments) -> Result<Value, FunctionError> {
        let times: i64 = arguments.get(1)?;
        let times = usize::try_from(times).map_err(|_| FunctionError::argument(1, "must not be negative"))?;
        Ok(arguments.get::<String>(0)?.repeat(times).into())
    }
}

/// `join(separator, parts...)`
struct Join;

impl Function for Join {
    fn name(&self) -> &'static str {
        "join"
    }

    fn summary(&self) -> String {
        "Joins texts.".to_owned()
    }

    fn description(&self) -> String {
        "`join(\"-\", \"a\", \"b\")` is `a-b`.".to_owned()
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter::new("separator", Type::String)]
    }

    fn variadic_parameter(&self) -> Option<Parameter> {
        Some(Parameter::new("parts", Type::String).allow_null())
    }

    fn return_type(&self) -> Type {
        Type::String
    }

    fn call(&self, arguments: Arguments) -> Result<Value, FunctionError> {
        let parts: Vec<Option<String>> = arguments.variadic()?;
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        Ok(parts.join(&arguments.get::<String>(0)?).into())
    }
}

/// `describe(options)`: takes an object some of whose attributes may be missing, gives an object.
struct Describe;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    name: String,
    sizes: Option<Vec<u8>>,
}

impl Function for Describe {
    fn name(&self) -> &'static str {
        "describe"
    }

    fn summary(&self) -> String {
        "Describes a thing.".to_owned()
    }

    fn description(&self) -> String {
        String::new()
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter::new("options", Type::Dynamic)]
    }

    fn return_type(&self) -> Type {
        Type::Dynamic
    }

    fn call(&self, arguments: Arguments) -> Result<Value, FunctionError> {
        let options: Options = arguments.get(0)?;
        let total: u32 = options.sizes.iter().flatten().map(|size| u32::from(*size)).sum();
        Ok(Value::object([("name", Value::from(options.name)), ("total", total.into())]))
    }
}

/// `crash()`
struct Crash;

impl Function for Crash {
    fn name(&self) -> &'static str {
        "crash"
    }

    fn summary(&self) -> String {
        "Panics.".to_owned()
    }

    fn description(&self) -> String {
        String::new()
    }

    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }

    fn return_type(&self) -> Type {
        Type::Bool
    }

    fn call(&self, _: Arguments) -> Result<Value, FunctionError> {
        panic!("told to crash")
    }
}
