//! What only the sandbox can do, through its admin address (sandbox/README.md).

use serde_json::Value;

use crate::http::{self, Request};
use crate::{Error, Sandbox};

/// The admin address.
#[derive(Debug, Clone)]
pub struct Admin(String);

impl Admin {
    /// Of this sandbox.
    pub fn of(sandbox: &Sandbox) -> Self {
        Self(sandbox.admin_url.clone())
    }

    /// `POST`s `arguments` to a path, `aws/dms/flush` for instance. Answers when that is done.
    pub async fn post(&self, path: &str, arguments: &Value) -> Result<Value, Error> {
        let (path, body) = (format!("/{path}"), arguments.to_string());
        let headers = [("Content-Type", "application/json")];
        let request = Request { method: "POST", path: &path, headers: &headers, body: body.as_bytes() };
        let answer = http::send(&self.0, &request).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| Error::Form { what: format!("the answer of {path}"), reason: error.to_string() })
    }
}
