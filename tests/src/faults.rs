//! Faults on demand, through the sandbox's admin address.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Error, Sandbox};

/// Who shall fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Statements; a rule matches their SQL text.
    Databend,
    /// Requests; a rule matches the name of the action, `StartReplicationTask` for instance.
    Aws,
}

/// The fault rules of one service. They hold for every test that uses the sandbox, so the pattern of a rule must
/// match only what the test itself does: a name of its own in the SQL text.
#[derive(Debug, Clone)]
pub struct Faults {
    address: String,
    path: String,
}

impl Faults {
    /// The rules of `service`.
    pub fn of(sandbox: &Sandbox, service: Service) -> Self {
        let address = sandbox.admin_url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let name = match service {
            Service::Databend => "databend",
            Service::Aws => "aws",
        };
        Self { address, path: format!("/{name}/faults") }
    }

    /// The next `count` times that `pattern` matches: `refuse`, `error`, `throttle`, `drop_before` or `drop_after`.
    pub async fn add(&self, pattern: &str, action: &str, count: u32) -> Result<(), Error> {
        self.post(&json!({ "match": pattern, "action": action, "count": count, "probability": 1.0 })).await
    }

    /// The next `count` times that `pattern` matches, wait before doing it.
    pub async fn delay(&self, pattern: &str, delay: Duration, count: u32) -> Result<(), Error> {
        let milliseconds = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let rule = json!({
            "match": pattern, "action": "delay", "count": count, "probability": 1.0, "delay_ms": milliseconds,
        });
        self.post(&rule).await
    }

    /// The rules that are there, with what is left of their count.
    pub async fn list(&self) -> Result<Value, Error> {
        let body = self.request("GET", "").await?;
        serde_json::from_str(&body).map_err(|error| self.failed("GET", format!("{error}: {body}")))
    }

    /// Removes all rules, those of other tests too.
    pub async fn clear(&self) -> Result<(), Error> {
        self.request("DELETE", "").await.map(drop)
    }

    async fn post(&self, rule: &Value) -> Result<(), Error> {
        self.request("POST", &rule.to_string()).await.map(drop)
    }

    /// One request on one connection: all that is needed here of HTTP.
    async fn request(&self, method: &str, body: &str) -> Result<String, Error> {
        let io = |error: std::io::Error| self.failed(method, error.to_string());
        let mut stream = TcpStream::connect(&self.address).await.map_err(io)?;
        let request = format!(
            "{method} {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            self.path,
            self.address,
            body.len(),
        );
        stream.write_all(request.as_bytes()).await.map_err(io)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.map_err(io)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status.starts_with('2') {
            Ok(body.to_owned())
        } else {
            Err(self.failed(method, format!("{status} {body}")))
        }
    }

    fn failed(&self, method: &str, reason: String) -> Error {
        Error::Admin { request: format!("{method} http://{}{}", self.address, self.path), reason }
    }
}
