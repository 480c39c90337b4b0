//! The external stage through which Databend reads what DMS writes.

use secrecy::SecretString;

/// A stage over an S3 prefix.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Name.
    pub name: String,
    /// `s3://bucket/prefix/`.
    pub url: String,
    /// AWS region of the bucket.
    pub region: Option<String>,
    /// Endpoint of an S3 that is not AWS's.
    pub endpoint_url: Option<String>,
    /// How Databend authenticates to S3.
    pub auth: Auth,
    /// Comment.
    pub comment: Option<String>,
}

/// The three ways of authenticating; a stage has exactly one.
#[derive(Clone)]
pub enum Auth {
    /// A role that Databend assumes.
    Role {
        /// ARN of the role.
        arn: String,
        /// External id that the role's trust policy asks for.
        external_id: Option<String>,
    },
    /// A connection made with CREATE CONNECTION.
    Connection(String),
    /// An access key, which only Databend keeps.
    AccessKey {
        /// Access key id.
        id: SecretString,
        /// Secret access key.
        secret: SecretString,
    },
}

/// Never shows the key.
impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Role { arn, .. } => f.debug_struct("Role").field("arn", arn).finish_non_exhaustive(),
            Self::Connection(name) => f.debug_tuple("Connection").field(name).finish(),
            Self::AccessKey { .. } => f.write_str("AccessKey(…)"),
        }
    }
}

/// What is wrong with a stage URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StageUrlError {
    /// Not an S3 URL.
    #[error("\"{0}\" does not begin with s3://; write s3://<bucket>/<folder>/")]
    Scheme(String),
    /// No bucket.
    #[error("\"{0}\" names no bucket; write s3://<bucket>/<folder>/")]
    Bucket(String),
    /// Databend takes only folders (docs/facts/databend.md, "Stages").
    #[error("\"{0}\" has no trailing slash, which Databend requires; write \"{0}/\"")]
    TrailingSlash(String),
}

/// What is wrong with a stage name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" cannot name a stage: use lower-case letters, digits and underscores, starting with a letter, since Databend has no quotes for it in file locations like @stage/folder/"
)]
pub struct StageNameError(String);

/// What is wrong with the name of a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" cannot name a connection: use letters, digits, underscores and hyphens, starting with a letter or an underscore, as SHOW CONNECTIONS prints it"
)]
pub struct ConnectionNameError(String);

impl Stage {
    /// Checks a stage URL.
    pub fn check_url(url: &str) -> Result<(), StageUrlError> {
        let rest = url.strip_prefix("s3://").ok_or_else(|| StageUrlError::Scheme(url.to_owned()))?;
        if rest.split('/').next().is_none_or(str::is_empty) {
            return Err(StageUrlError::Bucket(url.to_owned()));
        }
        if !url.ends_with('/') {
            return Err(StageUrlError::TrailingSlash(url.to_owned()));
        }
        Ok(())
    }

    /// The bucket of a checked stage URL.
    pub fn bucket(url: &str) -> Option<&str> {
        url.strip_prefix("s3://")?.split('/').next()
    }

    /// Checks the name of a connection.
    pub fn check_connection_name(name: &str) -> Result<(), ConnectionNameError> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(legal) {
            Ok(())
        } else {
            Err(ConnectionNameError(name.to_owned()))
        }
    }

    /// Checks a stage name.
    pub fn check_name(name: &str) -> Result<(), StageNameError> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(legal) {
            Ok(())
        } else {
            Err(StageNameError(name.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        assert_eq!(Stage::check_url("s3://bucket/dms/"), Ok(()));
        assert_eq!(Stage::check_url("s3://bucket/"), Ok(()));
        for (url, says) in [
            ("s3://bucket/dms", "has no trailing slash, which Databend requires; write \"s3://bucket/dms/\""),
            ("bucket/dms/", "does not begin with s3://"),
            ("https://bucket/dms/", "does not begin with s3://"),
            ("s3:///dms/", "names no bucket"),
            ("s3://", "names no bucket"),
        ] {
            let error = Stage::check_url(url).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn names() {
        assert!(Stage::check_name("dms_s3_1").is_ok());
        for name in ["", "a b", "a/b", "ä", "a'b", "Dms", "a-b"] {
            assert!(Stage::check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn connection_names() {
        for name in ["c", "S3_prod-1", "_x"] {
            assert!(Stage::check_connection_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a.b", "1a", "-a", "a'b", "\"a\""] {
            let error = Stage::check_connection_name(name).unwrap_err().to_string();
            assert!(error.contains("use letters, digits, underscores and hyphens"), "{error}");
        }
    }

    #[test]
    fn keys_are_not_printed() {
        let auth = Auth::AccessKey { id: "AKIA".into(), secret: "hunter2".into() };
        assert_eq!(format!("{auth:?}"), "AccessKey(…)");
    }
}
