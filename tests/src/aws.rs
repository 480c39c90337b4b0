//! AWS as the tests use it beside the product: buckets and their files, roles, calls of DMS, and what only the sandbox can
//! do to them. Without an SDK: the sandbox checks no signatures, only which service a request is for.

use serde_json::{Value, json};

use crate::http::{self, Request};
use crate::{Admin, Error, Sandbox};

/// The sandbox's AWS.
#[derive(Debug, Clone)]
pub struct Aws {
    address: String,
    admin: Admin,
    region: String,
}

impl Aws {
    /// That of `sandbox`.
    pub fn of(sandbox: &Sandbox) -> Self {
        Self {
            address: sandbox.aws_endpoint_url.clone(),
            admin: Admin::of(sandbox),
            region: sandbox.aws_region.clone(),
        }
    }

    /// A call of DMS: `DescribeReplicationTasks` and its parameters, as the API reference writes them.
    pub async fn dms(&self, action: &str, parameters: Value) -> Result<Value, Error> {
        let target = format!("AmazonDMSv20160101.{action}");
        let (authorization, body) = (self.authorization("dms"), parameters.to_string());
        let headers = [
            ("X-Amz-Target", target.as_str()),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("Authorization", authorization.as_str()),
        ];
        let request = Request { method: "POST", path: "/", headers: &headers, body: body.as_bytes() };
        json(action, &http::send(&self.address, &request).await?)
    }

    /// What only the sandbox can do: `dms/flush` for instance, with its arguments.
    pub async fn admin(&self, call: &str, arguments: Value) -> Result<Value, Error> {
        self.admin.post(&format!("aws/{call}"), &arguments).await
    }

    /// A role with which DMS may write to `bucket`: its ARN.
    pub async fn create_role(&self, name: &str, bucket: &str) -> Result<String, Error> {
        let trust = statement(&json!({
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "dms.amazonaws.com" },
        }));
        let policy = statement(&json!({
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging", "s3:ListBucket"],
            "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")],
        }));
        let answer =
            self.iam("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)]).await?;
        self.iam(
            "PutRolePolicy",
            &[("RoleName", name), ("PolicyName", "write"), ("PolicyDocument", &policy)],
        )
        .await?;
        between(&answer, "<Arn>", "</Arn>").next().map(str::to_owned).ok_or_else(|| Error::Form {
            what: "the answer to CreateRole".into(),
            reason: format!("it has no ARN: {answer}"),
        })
    }

    /// A bucket.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), Error> {
        self.s3("PUT", &format!("/{bucket}"), &[]).await.map(drop)
    }

    /// The keys of a bucket, in order.
    pub async fn keys(&self, bucket: &str) -> Result<Vec<String>, Error> {
        self.keys_under(bucket, "").await
    }

    /// The keys of a bucket that begin with `prefix`, in order.
    pub async fn keys_under(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Error> {
        let path = format!("/{bucket}?list-type=2&encoding-type=url&prefix={}", encoded(prefix));
        let answer = self.s3("GET", &path, &[]).await?;
        let answer = String::from_utf8_lossy(&answer);
        Ok(between(&answer, "<Key>", "</Key>").map(decoded).collect())
    }

    /// A file.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Vec<u8>, Error> {
        self.s3("GET", &format!("/{bucket}/{}", encoded(key)), &[]).await
    }

    /// Writes a file.
    pub async fn put(&self, bucket: &str, key: &str, content: &[u8]) -> Result<(), Error> {
        self.s3("PUT", &format!("/{bucket}/{}", encoded(key)), content).await.map(drop)
    }

    /// Removes a file.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), Error> {
        self.s3("DELETE", &format!("/{bucket}/{}", encoded(key)), &[]).await.map(drop)
    }

    async fn s3(&self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
        let authorization = self.authorization("s3");
        let headers = [("Authorization", authorization.as_str())];
        http::send(&self.address, &Request { method, path, headers: &headers, body }).await
    }

    async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String, Error> {
        let mut body = format!("Action={action}&Version=2010-05-08");
        for (name, value) in parameters {
            body.push_str(&format!("&{name}={}", encoded(value)));
        }
        let authorization = self.authorization("iam");
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Authorization", authorization.as_str()),
        ];
        let request = Request { method: "POST", path: "/", headers: &headers, body: body.as_bytes() };
        Ok(String::from_utf8_lossy(&http::send(&self.address, &request).await?).into_owned())
    }

    /// A signature that nobody checks; its scope names the service.
    fn authorization(&self, service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{}/{service}/aws4_request, SignedHeaders=host, Signature=none",
            self.region
        )
    }
}

fn statement(statement: &Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

fn json(what: &str, body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Form {
        what: format!("the answer to {what}"),
        reason: format!("{error}: {}", String::from_utf8_lossy(body)),
    })
}

/// Every text between `start` and `end`: all that is needed here of XML.
fn between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split(end).next())
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let byte = match tail {
            [high, low, ..] if *first == b'%' => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_the_way_through_a_url() {
        for key in ["shop/orders/LOAD00000001.parquet", "shöp/it's 100% \"a\"+b/x"] {
            assert_eq!(decoded(&encoded(key)), key);
        }
        assert_eq!(encoded("a b/c"), "a%20b/c");
    }

    #[test]
    fn keys_are_read_from_a_listing() {
        let xml = "<Contents><Key>a/1</Key></Contents><Contents><Key>b%20c</Key></Contents>";
        let keys: Vec<_> = between(xml, "<Key>", "</Key>").map(decoded).collect();
        assert_eq!(keys, ["a/1", "b c"]);
    }
}
