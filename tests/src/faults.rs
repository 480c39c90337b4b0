//! Faults on demand, through the sandbox's admin address.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{self, Request};
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
        let name = match service {
            Service::Databend => "databend",
            Service::Aws => "aws",
        };
        Self { address: sandbox.admin_url.trim_end_matches('/').to_owned(), path: format!("/{name}/faults") }
    }

    /// The next `count` times that `pattern` matches: `refuse`, `error`, `throttle`, `drop_before` or `drop_after`.
    pub async fn add(&self, pattern: &str, action: &str, count: u32) -> Result<(), Error> {
        self.post(&json!({ "match": pattern, "action": action, "count": count, "probability": 1.0 })).await
    }

    /// The next time that `pattern` matches, the statement is refused with this code and message.
    pub async fn refuse(&self, pattern: &str, code: u16, message: &str) -> Result<(), Error> {
        let rule = json!({
            "match": pattern, "action": "error", "count": 1, "probability": 1.0, "code": code, "message": message,
        });
        self.post(&rule).await
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

    async fn request(&self, method: &str, body: &str) -> Result<String, Error> {
        let headers = [("Content-Type", "application/json")];
        let request = Request { method, path: &self.path, headers: &headers, body: body.as_bytes() };
        let answer = http::send(&self.address, &request).await?;
        String::from_utf8(answer).map_err(|error| self.failed(method, error.to_string()))
    }

    fn failed(&self, method: &str, reason: String) -> Error {
        Error::Http { request: format!("{method} {}{}", self.address, self.path), reason }
    }
}
