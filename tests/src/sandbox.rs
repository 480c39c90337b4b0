//! Where the sandbox and the programs under test are.

use std::env;
use std::path::PathBuf;

use crate::Error;

/// The running sandbox, as `cargo xtask test` describes it.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// `databend://…`
    pub databend_dsn: String,
    /// `mysql://user:password@host:port/`
    pub mysql_dsn: String,
    /// The address of all AWS services.
    pub aws_endpoint_url: String,
    /// What AWS requests are signed with.
    pub aws_access_key_id: String,
    /// What AWS requests are signed with.
    pub aws_secret_access_key: String,
    /// The region of all AWS resources.
    pub aws_region: String,
    /// The address of [`crate::Faults`].
    pub admin_url: String,
    /// Leads Terraform to the built provider and to AWS's.
    pub terraform_config: PathBuf,
    /// The built `runbook`.
    pub runbook: PathBuf,
}

impl Sandbox {
    /// Reads the variables.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self {
            databend_dsn: variable("DATABEND_DSN")?,
            mysql_dsn: variable("MYSQL_DSN")?,
            aws_endpoint_url: variable("AWS_ENDPOINT_URL")?,
            aws_access_key_id: variable("AWS_ACCESS_KEY_ID")?,
            aws_secret_access_key: variable("AWS_SECRET_ACCESS_KEY")?,
            aws_region: variable("AWS_REGION")?,
            admin_url: variable("SANDBOX_ADMIN_URL")?,
            terraform_config: variable("TF_CLI_CONFIG_FILE")?.into(),
            runbook: variable("DATABEND_CDC_RUNBOOK_BIN")?.into(),
        })
    }

    /// The variables that Terraform and the runbook read.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DATABEND_DSN", self.databend_dsn.clone()),
            ("MYSQL_DSN", self.mysql_dsn.clone()),
            ("AWS_ENDPOINT_URL", self.aws_endpoint_url.clone()),
            ("AWS_ACCESS_KEY_ID", self.aws_access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.aws_secret_access_key.clone()),
            ("AWS_REGION", self.aws_region.clone()),
            ("TF_CLI_CONFIG_FILE", self.terraform_config.display().to_string()),
        ]
    }

    /// User, password, host and port of the `MySQL` server: what a DMS endpoint wants one by one.
    pub fn mysql_parts(&self) -> Result<MysqlParts, Error> {
        MysqlParts::parse(&self.mysql_dsn).ok_or(Error::Dsn {
            variable: "MYSQL_DSN",
            reason: "it should read mysql://user:password@host:port/".into(),
        })
    }
}

/// The parts of a `MySQL` DSN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MysqlParts {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl MysqlParts {
    fn parse(dsn: &str) -> Option<Self> {
        let rest = dsn.strip_prefix("mysql://")?;
        let (credentials, address) = rest.trim_end_matches('/').rsplit_once('@')?;
        let (user, password) = credentials.split_once(':')?;
        let (host, port) = address.rsplit_once(':')?;
        Some(Self {
            user: user.into(),
            password: password.into(),
            host: host.into(),
            port: port.parse().ok()?,
        })
    }
}

fn variable(name: &'static str) -> Result<String, Error> {
    env::var(name).map_err(|_| Error::NoSandbox(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dsn_has_four_parts() {
        let parts = MysqlParts::parse("mysql://sandbox:secret@127.0.0.1:3307/").unwrap();
        assert_eq!((parts.user.as_str(), parts.password.as_str()), ("sandbox", "secret"));
        assert_eq!((parts.host.as_str(), parts.port), ("127.0.0.1", 3307));
        assert_eq!(MysqlParts::parse("mysql://127.0.0.1/"), None);
    }

    #[test]
    fn without_a_sandbox_the_way_out_is_named() {
        let error = variable("SANDBOX_VARIABLE_THAT_NOBODY_SETS").unwrap_err().to_string();
        assert!(error.ends_with("run cargo xtask test"), "{error}");
    }
}
