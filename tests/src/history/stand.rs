//! What many histories share: a DMS instance with its endpoints, a bucket and the stage over it. Everything else is a
//! history's own, so that many can run at the same time and none sees another.

use pipeline::sql;
use pipeline::stage::{Auth, Stage};

use crate::{Databend, DmsSite, Error, Mysql, Sandbox, names};

/// Longer than a history: files come when the history says so.
const NEVER: i64 = 3600;

/// What histories share.
#[derive(Debug, Clone)]
pub struct Stand {
    pub(crate) sandbox: Sandbox,
    pub(super) mysql: Mysql,
    pub(super) site: DmsSite,
    pub(super) stage: String,
    /// Whether what a failing history has made stays, to be looked at.
    pub keep: bool,
}

impl Stand {
    /// Sets it up in a running sandbox.
    pub async fn new(sandbox: Sandbox) -> Result<Self, Error> {
        let mysql = Mysql::connect(&sandbox).await?;
        let stage = names::unique("histories");
        let site = DmsSite::create(&sandbox, &stage.replace('_', "-"), NEVER).await?;
        let definition = Stage {
            name: stage.clone(),
            url: format!("s3://{}/", site.bucket),
            region: Some(sandbox.aws_region.clone()),
            endpoint_url: Some(sandbox.aws_endpoint_url.clone()),
            auth: Auth::AccessKey {
                id: sandbox.aws_access_key_id.clone().into(),
                secret: sandbox.aws_secret_access_key.clone().into(),
            },
            comment: None,
        };
        let databend = Databend::connect(&sandbox).await?;
        databend.exec(&sql::create_stage(&definition)).await?;
        databend.create_own_database().await?;
        Ok(Self { sandbox, mysql, site, stage, keep: false })
    }
}
