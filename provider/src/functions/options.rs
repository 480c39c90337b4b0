//! Options: one object as the last, optional argument of a function.

use serde::de::DeserializeOwned;
use tfplugin::{Arguments, FunctionError};

/// The options that follow `fixed` arguments; `T`'s defaults where the call has none.
pub(super) fn options<T: DeserializeOwned + Default>(
    arguments: &Arguments,
    fixed: usize,
) -> Result<T, FunctionError> {
    if arguments.values().len() > fixed + 1 {
        return Err(FunctionError::argument(fixed + 1, "give at most one object of options"));
    }
    Ok(arguments.variadic()?.pop().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use tfplugin::Value;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        size: Option<i64>,
    }

    fn read(given: Vec<Value>) -> Result<Options, FunctionError> {
        let values = std::iter::once("fixed".into()).chain(given).collect();
        options(&Arguments::new(values, 1), 1)
    }

    #[test]
    fn one_object_or_none() {
        let object = |name: &str| Value::object([(name, Value::from(3))]);
        assert_eq!(read(vec![]).unwrap(), Options::default());
        assert_eq!(read(vec![object("size")]).unwrap(), Options { size: Some(3) });
        let error = read(vec![object("size"), object("size")]).unwrap_err();
        assert_eq!((error.argument, error.text.as_str()), (Some(2), "give at most one object of options"));
        let error = read(vec![object("sice")]).unwrap_err();
        assert_eq!(error.argument, Some(1));
        assert!(error.text.contains("size"), "{}", error.text);
    }
}
