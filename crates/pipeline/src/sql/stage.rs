//! CREATE, ALTER and DROP STAGE. The grammar takes no quoted stage name, so [`Stage::check_name`] admits only names that
//! need no quotes.

use secrecy::ExposeSecret;

use crate::sql::literal;
use crate::stage::{Auth, Stage};

/// `CREATE STAGE`.
pub fn create_stage(stage: &Stage) -> String {
    format!("CREATE STAGE {}", definition(stage))
}

/// `CREATE OR REPLACE STAGE`: the only way to change a stage's connection, since ALTER STAGE … SET URL wipes
/// credentials and endpoint (docs/facts/databend.md, "Stages").
pub fn replace_stage(stage: &Stage) -> String {
    format!("CREATE OR REPLACE STAGE {}", definition(stage))
}

fn definition(stage: &Stage) -> String {
    let mut connection = Vec::new();
    let mut add = |key: &str, value: &str| connection.push(format!("{key} = {}", literal(value)));
    match &stage.auth {
        Auth::Role { arn, external_id } => {
            add("ROLE_ARN", arn);
            if let Some(id) = external_id {
                add("EXTERNAL_ID", id);
            }
        }
        Auth::Connection(name) => add("CONNECTION_NAME", name),
        Auth::AccessKey { id, secret } => {
            add("ACCESS_KEY_ID", id.expose_secret());
            add("SECRET_ACCESS_KEY", secret.expose_secret());
        }
    }
    if let Some(region) = &stage.region {
        add("REGION", region);
    }
    if let Some(endpoint) = &stage.endpoint_url {
        add("ENDPOINT_URL", endpoint);
    }
    format!("{} URL = {} CONNECTION = ({})", stage.name, literal(&stage.url), connection.join(", "))
}

/// `ALTER STAGE … SET COMMENT`: CREATE STAGE drops its COMMENT silently (docs/facts/databend.md, "Stages").
pub fn set_stage_comment(name: &str, comment: &str) -> String {
    format!("ALTER STAGE {} SET COMMENT = {}", name, literal(comment))
}

/// `DROP STAGE IF EXISTS`.
pub fn drop_stage(name: &str) -> String {
    format!("DROP STAGE IF EXISTS {name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::assert_parses;

    #[test]
    fn exact_text() {
        let mut stage = Stage {
            name: "dms".into(),
            url: "s3://bucket/dms/".into(),
            region: Some("us-east-1".into()),
            endpoint_url: Some("http://127.0.0.1:9".into()),
            auth: Auth::Role { arn: "arn:aws:iam::1:role/r".into(), external_id: Some("x".into()) },
            comment: None,
        };
        assert_eq!(
            create_stage(&stage),
            "CREATE STAGE dms URL = 's3://bucket/dms/' CONNECTION = (ROLE_ARN = 'arn:aws:iam::1:role/r', EXTERNAL_ID = 'x', REGION = 'us-east-1', ENDPOINT_URL = 'http://127.0.0.1:9')"
        );
        stage.auth = Auth::AccessKey { id: "a".into(), secret: "s'".into() };
        assert!(replace_stage(&stage).contains("ACCESS_KEY_ID = 'a', SECRET_ACCESS_KEY = 's'''"));
        for sql in
            [create_stage(&stage), replace_stage(&stage), set_stage_comment("dms", "it's"), drop_stage("dms")]
        {
            assert_parses(&sql);
        }
    }
}
