//! `provider::databend::dms_trust_policy(account_id, region)`.

use pipeline::dms::{TrustPolicyError, trust_policy};
use tfplugin::{Arguments, Function, FunctionError, Parameter, Type, Value};

/// See [`Function::description`].
pub(crate) struct DmsTrustPolicy;

impl Function for DmsTrustPolicy {
    fn name(&self) -> &'static str {
        "dms_trust_policy"
    }

    fn summary(&self) -> String {
        "The assume_role_policy of the role with which DMS writes to the bucket".into()
    }

    fn description(&self) -> String {
        "Returns JSON for `aws_iam_role.assume_role_policy`. It trusts the global and the regional service of DMS, on behalf of \
         resources of this account and region alone (`aws:SourceAccount`, `aws:SourceArn`; DMS 3.4.7 or newer). It is not for \
         `dms-vpc-role` and `dms-cloudwatch-logs-role`, the account's own roles: with these conditions DMS writes no logs."
            .into()
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![
            Parameter::new("account_id", Type::String)
                .describe("The account of the DMS task: 12 digits, such as `data.aws_caller_identity.current.account_id`."),
            Parameter::new("region", Type::String)
                .describe("The region of the DMS task, such as `data.aws_region.current.name`."),
        ]
    }

    fn return_type(&self) -> Type {
        Type::String
    }

    fn call(&self, arguments: Arguments) -> Result<Value, FunctionError> {
        let (account_id, region) = (arguments.get::<String>(0)?, arguments.get::<String>(1)?);
        let policy = trust_policy(&account_id, &region).map_err(|error| {
            let argument = match error {
                TrustPolicyError::Account(_) => 0,
                TrustPolicyError::Region(_) => 1,
            };
            FunctionError::argument(argument, error.to_string())
        })?;
        Ok(policy.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(account_id: &str, region: &str) -> Result<Value, FunctionError> {
        DmsTrustPolicy.call(Arguments::new(vec![account_id.into(), region.into()], 2))
    }

    #[test]
    fn returns_the_policy_as_json() {
        let policy = call("123456789012", "eu-central-1").unwrap();
        let policy: serde_json::Value = serde_json::from_str(policy.as_str().unwrap()).unwrap();
        assert_eq!(policy, trust_policy("123456789012", "eu-central-1").unwrap());
    }

    #[test]
    fn mistakes_name_the_argument() {
        let error = call("1234", "eu-central-1").unwrap_err();
        assert_eq!(error.argument, Some(0));
        assert!(error.text.contains("12 digits"), "{}", error.text);
        let error = call("123456789012", "eu-central-1a").unwrap_err();
        assert_eq!(error.argument, Some(1));
        assert!(error.text.contains("\"eu-central-1a\" is not an AWS region"), "{}", error.text);
    }
}
