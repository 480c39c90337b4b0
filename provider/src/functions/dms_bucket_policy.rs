//! `provider::databend::dms_bucket_policy(bucket, options...)`.

use pipeline::dms::{BucketPolicy, BucketPolicyError, BucketRole};
use serde::Deserialize;
use tfplugin::{Arguments, Attr, Function, FunctionError, Parameter, Type, Value};

use super::options::options;

/// See [`Function::description`].
pub(crate) struct DmsBucketPolicy;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    role: Attr<String>,
    #[serde(default)]
    folder: Attr<String>,
    #[serde(default)]
    kms_key_arn: Attr<String>,
}

impl Function for DmsBucketPolicy {
    fn name(&self) -> &'static str {
        "dms_bucket_policy"
    }

    fn summary(&self) -> String {
        "The policy of a role that uses the bucket between DMS and Databend".into()
    }

    fn description(&self) -> String {
        "Returns JSON for `aws_iam_role_policy.policy` or `aws_iam_policy.policy`, with no more than the role needs. \
         `role = \"dms\"`: DMS writes files below the folder. `role = \"databend\"`: Databend lists and reads files below the \
         folder, and deletes those that it has loaded."
            .into()
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter::new("bucket", Type::String).describe(
            "The bucket: its ARN, such as `aws_s3_bucket.lake.arn`, or in partition `aws` its name.",
        )]
    }

    fn variadic_parameter(&self) -> Option<Parameter> {
        Some(Parameter::new("options", Type::Dynamic).describe(
            "At most one object with `role` (`\"dms\"`, the default, or `\"databend\"`), `folder` (like `bucket_folder` of \
             `aws_dms_s3_endpoint`; default: the whole bucket) and `kms_key_arn` (the key that encrypts the files, where \
             there is one).",
        ))
    }

    fn return_type(&self) -> Type {
        Type::String
    }

    fn call(&self, arguments: Arguments) -> Result<Value, FunctionError> {
        let bucket: String = arguments.get(0)?;
        let given: Options = options(&arguments, 1)?;
        let role = match given.role.known().map(String::as_str) {
            None | Some("dms") => BucketRole::Dms,
            Some("databend") => BucketRole::Databend,
            Some(other) => {
                let text = format!("role must be \"dms\" or \"databend\", is \"{other}\"");
                return Err(FunctionError::argument(1, text));
            }
        };
        let folder = given.folder.into_known().unwrap_or_default();
        let policy = BucketPolicy::new(&bucket, &folder, given.kms_key_arn.known().map(String::as_str))
            .map_err(|error| {
                let argument = match error {
                    BucketPolicyError::Bucket(_) => 0,
                    BucketPolicyError::Folder(_) | BucketPolicyError::Key(_) => 1,
                };
                FunctionError::argument(argument, error.to_string())
            })?;
        Ok(policy.document(role).to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(bucket: &str, options: &[(&str, &str)]) -> Result<Value, FunctionError> {
        let mut values = vec![bucket.into()];
        if !options.is_empty() {
            values.push(Value::object(options.iter().map(|(name, value)| (*name, Value::from(*value)))));
        }
        DmsBucketPolicy.call(Arguments::new(values, 1))
    }

    fn json(bucket: &str, options: &[(&str, &str)]) -> serde_json::Value {
        serde_json::from_str(call(bucket, options).unwrap().as_str().unwrap()).unwrap()
    }

    #[test]
    fn dms_writes_by_default() {
        let expected = BucketPolicy::new("lake", "", None).unwrap().document(BucketRole::Dms);
        for options in [&[][..], &[("role", "dms")]] {
            assert_eq!(json("lake", options), expected);
        }
    }

    #[test]
    fn databend_reads_and_purges() {
        let expected = BucketPolicy::new("lake", "dms", None).unwrap().document(BucketRole::Databend);
        assert_eq!(json("lake", &[("role", "databend"), ("folder", "dms")]), expected);
    }

    #[test]
    fn mistakes_name_the_argument() {
        for (bucket, options, argument, text) in [
            ("s3://lake", &[("role", "dms")], 0, "\"s3://lake\" is not a bucket"),
            ("lake", &[("role", "reader")], 1, "role must be \"dms\" or \"databend\", is \"reader\""),
            ("lake", &[("folder", "/dms")], 1, "folder \"/dms\" is not a folder"),
            ("lake", &[("kms_key_arn", "alias/lake")], 1, "kms_key_arn \"alias/lake\" is not a key's ARN"),
            ("lake", &[("prefix", "dms")], 1, "folder"),
        ] {
            let error = call(bucket, options).unwrap_err();
            assert_eq!(error.argument, Some(argument), "{}", error.text);
            assert!(error.text.contains(text), "{}", error.text);
        }
    }
}
