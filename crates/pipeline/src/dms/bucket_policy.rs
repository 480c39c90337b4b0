//! The permissions on the bucket between DMS and Databend, as policies of the two roles that use it.

use serde_json::{Value, json};

/// A role that uses the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketRole {
    /// DMS writes, tags and deletes files.
    Dms,
    /// Databend lists and reads files, and deletes those that it has loaded (`PURGE`).
    Databend,
}

/// A bucket, the folder in it, and the key of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketPolicy {
    bucket_arn: String,
    /// Without slashes at its ends; empty for the whole bucket.
    folder: String,
    kms_key_arn: Option<String>,
}

/// An argument from which no policy can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketPolicyError {
    /// Neither a name nor an ARN.
    #[error(
        "\"{0}\" is not a bucket: write its name, for example \"my-lake\", or its ARN, for example aws_s3_bucket.lake.arn"
    )]
    Bucket(String),
    /// Not a folder, or one that IAM would read as a pattern.
    #[error(
        "folder \"{0}\" is not a folder: write its path without a slash at the beginning, for example \"dms/shop\"; * and ? are wildcards and $ starts a variable in IAM"
    )]
    Folder(String),
    /// Not the ARN of a key.
    #[error(
        "kms_key_arn \"{0}\" is not a key's ARN: write one as arn:aws:kms:REGION:ACCOUNT:key/ID, for example aws_kms_key.lake.arn"
    )]
    Key(String),
}

impl BucketPolicy {
    /// `bucket` is a name or, also outside of partition `aws`, an ARN. The files are in `folder`, or anywhere in the
    /// bucket where that is empty. `kms_key_arn` is the key that encrypts the files, where there is one.
    pub fn new(bucket: &str, folder: &str, kms_key_arn: Option<&str>) -> Result<Self, BucketPolicyError> {
        let bucket_arn = arn(bucket).ok_or_else(|| BucketPolicyError::Bucket(bucket.to_owned()))?;
        let path = folder.strip_suffix('/').unwrap_or(folder);
        let is_path = path.split('/').all(|part| !part.is_empty())
            && !path.contains(|c: char| "*?$".contains(c) || c.is_control());
        if !folder.is_empty() && !is_path {
            return Err(BucketPolicyError::Folder(folder.to_owned()));
        }
        if let Some(key) = kms_key_arn
            && !is_key(key)
        {
            return Err(BucketPolicyError::Key(key.to_owned()));
        }
        Ok(Self { bucket_arn, folder: path.to_owned(), kms_key_arn: kms_key_arn.map(str::to_owned) })
    }

    /// The policy of a role (docs/facts/dms.md §7).
    pub fn document(&self, role: BucketRole) -> Value {
        let objects = match self.folder.as_str() {
            "" => format!("{}/*", self.bucket_arn),
            folder => format!("{}/{folder}/*", self.bucket_arn),
        };
        let mut statements = match role {
            BucketRole::Dms => vec![
                // AWS's list of what DMS needs has no condition on the listing.
                allow("List", &["s3:ListBucket"], &self.bucket_arn),
                allow("Write", &["s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging"], &objects),
            ],
            BucketRole::Databend => {
                let mut list = allow("List", &["s3:ListBucket"], &self.bucket_arn);
                if !self.folder.is_empty() {
                    let below = format!("{}/*", self.folder);
                    list["Condition"] = json!({ "StringLike": { "s3:prefix": [below] } });
                }
                vec![list, allow("ReadAndPurge", &["s3:GetObject", "s3:DeleteObject"], &objects)]
            }
        };
        if let Some(key) = &self.kms_key_arn {
            statements.push(match role {
                // Decrypt as well: S3 needs it to assemble an upload of several parts.
                BucketRole::Dms => allow("Encrypt", &["kms:GenerateDataKey", "kms:Decrypt"], key),
                BucketRole::Databend => allow("Decrypt", &["kms:Decrypt"], key),
            });
        }
        json!({ "Version": "2012-10-17", "Statement": statements })
    }
}

fn allow(sid: &str, actions: &[&str], resource: &str) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": [resource] })
}

/// The ARN of a bucket that is given by name or ARN.
fn arn(bucket: &str) -> Option<String> {
    let (prefix, name) = match bucket.rsplit_once(":::") {
        Some((prefix, name)) => (prefix, name),
        None => ("arn:aws:s3", bucket),
    };
    let partition = prefix.strip_prefix("arn:")?.strip_suffix(":s3")?;
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    // The rules of S3 for names of general purpose buckets, except for those about reserved words.
    let is_name = (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    (partition.starts_with("aws") && is_word(partition) && is_name).then(|| format!("{prefix}:::{name}"))
}

fn is_key(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    matches!(parts.as_slice(), ["arn", _, "kms", region, account, key]
        if !region.is_empty() && !account.is_empty()
            && key.strip_prefix("key/").is_some_and(|id| !id.is_empty() && !id.contains(['*', '?', '$'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn policy(bucket: &str, folder: &str) -> BucketPolicy {
        BucketPolicy::new(bucket, folder, None).unwrap()
    }

    #[test]
    fn dms_writes_below_the_folder() {
        assert_eq!(
            policy("lake", "dms/shop").document(BucketRole::Dms),
            json!({
                "Version": "2012-10-17",
                "Statement": [
                    { "Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::lake"] },
                    { "Sid": "Write", "Effect": "Allow",
                      "Action": ["s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging"],
                      "Resource": ["arn:aws:s3:::lake/dms/shop/*"] },
                ],
            })
        );
    }

    #[test]
    fn databend_reads_and_purges_below_the_folder() {
        assert_eq!(
            policy("lake", "dms/shop/").document(BucketRole::Databend),
            json!({
                "Version": "2012-10-17",
                "Statement": [
                    { "Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::lake"],
                      "Condition": { "StringLike": { "s3:prefix": ["dms/shop/*"] } } },
                    { "Sid": "ReadAndPurge", "Effect": "Allow", "Action": ["s3:GetObject", "s3:DeleteObject"],
                      "Resource": ["arn:aws:s3:::lake/dms/shop/*"] },
                ],
            })
        );
    }

    #[test]
    fn without_a_folder_the_whole_bucket_is_meant() {
        for role in [BucketRole::Dms, BucketRole::Databend] {
            let document = policy("arn:aws-cn:s3:::lake", "").document(role);
            assert_eq!(document["Statement"][0]["Resource"], json!(["arn:aws-cn:s3:::lake"]));
            assert_eq!(document["Statement"][0]["Condition"], Value::Null);
            assert_eq!(document["Statement"][1]["Resource"], json!(["arn:aws-cn:s3:::lake/*"]));
        }
    }

    #[test]
    fn each_role_may_use_the_key_as_it_must() {
        let policy = BucketPolicy::new("lake", "", Some(KEY)).unwrap();
        for (role, sid, actions) in [
            (BucketRole::Dms, "Encrypt", json!(["kms:GenerateDataKey", "kms:Decrypt"])),
            (BucketRole::Databend, "Decrypt", json!(["kms:Decrypt"])),
        ] {
            assert_eq!(
                policy.document(role)["Statement"][2],
                json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": [KEY] })
            );
        }
    }

    #[test]
    fn wrong_arguments_are_told_apart() {
        for bucket in [
            "",
            "ab",
            "Lake",
            "lake/dms",
            "s3://lake",
            "la*e",
            "arn:aws:s3:::",
            "arn:aws:s3:::lake/*",
            "arn:aws:sqs:::lake",
            "arn:a*:s3:::lake",
        ] {
            assert_eq!(BucketPolicy::new(bucket, "", None), Err(BucketPolicyError::Bucket(bucket.into())));
        }
        for folder in ["/", "/dms", "dms//shop", "dms/*", "dms?", "${aws:username}", "a\nb"] {
            assert_eq!(
                BucketPolicy::new("lake", folder, None),
                Err(BucketPolicyError::Folder(folder.into()))
            );
        }
        for key in [
            "",
            "alias/lake",
            "arn:aws:kms:us-east-1:123456789012:alias/lake",
            "arn:aws:kms:us-east-1:1:key/*",
        ] {
            assert_eq!(BucketPolicy::new("lake", "", Some(key)), Err(BucketPolicyError::Key(key.into())));
        }
    }
}
