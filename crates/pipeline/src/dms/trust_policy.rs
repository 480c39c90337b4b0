//! The trust policy of the role with which DMS writes to the bucket.

use serde_json::{Value, json};

/// An argument from which no trust policy can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustPolicyError {
    /// Not an account id.
    #[error(
        "\"{0}\" is not an AWS account id: write its 12 digits as a string, for example data.aws_caller_identity.current.account_id"
    )]
    Account(String),
    /// Not a region, or in a partition whose names are not known here.
    #[error(
        "\"{0}\" is not an AWS region: write its code, for example \"eu-central-1\" or data.aws_region.current.name"
    )]
    Region(String),
}

/// Lets DMS assume the role, on behalf of resources of this account and region alone (docs/facts/dms.md §7). DMS comes as
/// the global or as the regional service, which serverless replications use.
pub fn trust_policy(account_id: &str, region: &str) -> Result<Value, TrustPolicyError> {
    if account_id.len() != 12 || !account_id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TrustPolicyError::Account(account_id.to_owned()));
    }
    let (partition, suffix) = partition(region).ok_or_else(|| TrustPolicyError::Region(region.to_owned()))?;
    Ok(json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": { "Service": [format!("dms.{suffix}"), format!("dms.{region}.{suffix}")] },
            "Condition": {
                "StringEquals": { "aws:SourceAccount": account_id },
                "ArnLike": { "aws:SourceArn": format!("arn:{partition}:dms:{region}:{account_id}:*") },
            },
        }],
    }))
}

/// The partition of a region and the suffix of its service names.
fn partition(region: &str) -> Option<(&'static str, &'static str)> {
    let words: Vec<&str> = region.split('-').collect();
    let (number, names) = words.split_last()?;
    let is_name = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if names.len() < 2 || !names.iter().all(is_name) || !is_number {
        return None;
    }
    match names {
        ["cn", ..] => Some(("aws-cn", "amazonaws.com.cn")),
        ["us", "gov", ..] => Some(("aws-us-gov", "amazonaws.com")),
        // The isolated partitions have suffixes of their own.
        [_, iso, ..] if iso.starts_with("iso") => None,
        _ => Some(("aws", "amazonaws.com")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dms_of_the_account_alone_is_trusted() {
        assert_eq!(
            trust_policy("123456789012", "eu-central-1").unwrap(),
            json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": { "Service": ["dms.amazonaws.com", "dms.eu-central-1.amazonaws.com"] },
                    "Condition": {
                        "StringEquals": { "aws:SourceAccount": "123456789012" },
                        "ArnLike": { "aws:SourceArn": "arn:aws:dms:eu-central-1:123456789012:*" },
                    },
                }],
            })
        );
    }

    #[test]
    fn other_partitions_have_other_names() {
        for (region, service, arn) in [
            (
                "us-gov-west-1",
                "dms.us-gov-west-1.amazonaws.com",
                "arn:aws-us-gov:dms:us-gov-west-1:123456789012:*",
            ),
            ("cn-north-1", "dms.cn-north-1.amazonaws.com.cn", "arn:aws-cn:dms:cn-north-1:123456789012:*"),
        ] {
            let policy = trust_policy("123456789012", region).unwrap();
            let statement = &policy["Statement"][0];
            assert_eq!(statement["Principal"]["Service"][1], service);
            assert_eq!(statement["Condition"]["ArnLike"]["aws:SourceArn"], arn);
        }
    }

    #[test]
    fn wrong_arguments_are_told_apart() {
        for account in ["", "12345678901", "1234567890123", "12345678901a", "123-456-789-012"] {
            let error = trust_policy(account, "us-east-1").unwrap_err();
            assert_eq!(error, TrustPolicyError::Account(account.into()));
        }
        for region in ["", "us", "east-1", "us-east", "us-east-1a", "US-EAST-1", "us-east-*", "us-iso-east-1"]
        {
            let error = trust_policy("123456789012", region).unwrap_err();
            assert_eq!(error, TrustPolicyError::Region(region.into()));
        }
    }
}
