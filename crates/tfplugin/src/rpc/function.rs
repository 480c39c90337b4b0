//! Functions.

use tracing::info_span;

use super::{Service, convert};
use crate::proto::tfplugin6 as proto;
use crate::{Arguments, Diagnostics, Function, FunctionError};

impl Service {
    #[allow(clippy::unused_async, reason = "as the other calls")]
    pub(super) async fn get_functions(
        &self,
        _: proto::get_functions::Request,
    ) -> proto::get_functions::Response {
        let functions = self
            .functions
            .iter()
            .map(|(name, function)| (name.clone(), convert::function(function.as_ref())))
            .collect();
        proto::get_functions::Response { functions, diagnostics: Vec::new() }
    }

    pub(super) async fn call_function(
        &self,
        request: proto::call_function::Request,
    ) -> proto::call_function::Response {
        let function = self.functions.get(&request.name).cloned();
        let result = self
            .calls
            .run(info_span!("call", function = request.name), |_| async move {
                let function = function?;
                Ok(call(function.as_ref(), request.arguments))
            })
            .await
            .unwrap_or_else(|diagnostics: Diagnostics| Err(FunctionError::new(diagnostics.to_string())));
        match result {
            Ok(result) => proto::call_function::Response { result: Some(result), error: None },
            Err(error) => {
                let function_argument = error.argument.and_then(|index| i64::try_from(index).ok());
                let error = proto::FunctionError { text: error.text, function_argument };
                proto::call_function::Response { result: None, error: Some(error) }
            }
        }
    }
}

fn call(
    function: &dyn Function,
    arguments: Vec<proto::DynamicValue>,
) -> Result<proto::DynamicValue, FunctionError> {
    let parameters = function.parameters();
    let variadic = function.variadic_parameter();
    let mut values = Vec::with_capacity(arguments.len());
    for (index, argument) in arguments.into_iter().enumerate() {
        let Some(parameter) = parameters.get(index).or(variadic.as_ref()) else {
            return Err(FunctionError::argument(index, "too many arguments"));
        };
        let value = convert::decode(Some(argument), &parameter.ty, "an argument")
            .map_err(|diagnostic| FunctionError::at_argument(index, &diagnostic))?;
        values.push(value);
    }
    let result = function.call(Arguments::new(values, parameters.len()))?;
    convert::encode(&result, &function.return_type(), "a result")
        .map_err(|diagnostic| FunctionError::new(diagnostic.to_string()))
}
