//! What a program says to Databend: every statement is passed on, and kept.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::{Error, Sandbox};

/// A way to the sandbox's Databend on which a test can listen. It ends when it is dropped.
#[derive(Debug)]
pub struct Tap {
    dsn: String,
    heard: Heard,
    accepting: JoinHandle<()>,
}

type Heard = Arc<Mutex<Vec<String>>>;

impl Tap {
    /// A new one.
    pub async fn new(sandbox: &Sandbox) -> Result<Self, Error> {
        let io =
            |error: std::io::Error| Error::Form { what: "the tap".to_owned(), reason: error.to_string() };
        let target = address(&sandbox.databend_dsn)
            .ok_or(Error::Dsn { variable: "DATABEND_DSN", reason: "it names no host and port".into() })?
            .to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(io)?;
        let own = listener.local_addr().map_err(io)?.to_string();
        let heard = Heard::default();
        let (dsn, keep) = (sandbox.databend_dsn.replacen(&target, &own, 1), heard.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, target.clone(), keep.clone()));
            }
        });
        Ok(Self { dsn, heard, accepting })
    }

    /// The DSN that leads through it.
    pub fn dsn(&self) -> &str {
        &self.dsn
    }

    /// The SQL text of every statement since the last call, in order.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a statement that begins so was heard since the last [`take`](Self::take).
    pub fn has_heard(&self, beginning: &str) -> bool {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().any(|sql| sql.starts_with(beginning))
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// `host:port` of a DSN.
fn address(dsn: &str) -> Option<&str> {
    dsn.split_once('@')?.1.split(['/', '?']).next().filter(|address| address.contains(':'))
}

async fn pass_on(client: TcpStream, target: String, heard: Heard) {
    let Ok(server) = TcpStream::connect(&target).await else { return };
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let answers =
        tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await.map(drop) });
    // A connection that is cut on one side is cut on the other: a lost answer must reach the program as one.
    listen(from_client, to_server, &heard).await;
    let _ = answers.await;
}

async fn listen(mut client: impl AsyncRead + Unpin, mut server: OwnedWriteHalf, heard: &Heard) {
    let (mut unread, mut chunk) = (Vec::new(), vec![0; 16 * 1024]);
    while let Ok(n @ 1..) = client.read(&mut chunk).await {
        unread.extend_from_slice(&chunk[..n]);
        while let Some((request, length)) = first_request(&unread) {
            if let Some(sql) = request {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(sql);
            }
            unread.drain(..length);
        }
        if server.write_all(&chunk[..n]).await.is_err() {
            return;
        }
    }
}

/// The SQL of the first request in `bytes`, if it is a query, and the request's length; `None` while it is not whole.
fn first_request(bytes: &[u8]) -> Option<(Option<String>, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]);
    let length: usize = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    let body = bytes.get(head..head + length)?;
    let sql = text.starts_with("POST /v1/query ").then(|| {
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        document["sql"].as_str().unwrap_or_default().to_owned()
    });
    Some((sql, head + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_told_from_other_requests() {
        let body = r#"{"sql":"SELECT 1"}"#;
        let query = format!("POST /v1/query HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let whole = query.as_bytes();
        assert_eq!(first_request(whole), Some((Some("SELECT 1".to_owned()), whole.len())));
        assert_eq!(first_request(&whole[..whole.len() - 1]), None);
        let other = b"GET /v1/query/1/final HTTP/1.1\r\n\r\n";
        assert_eq!(first_request(other), Some((None, other.len())));
    }

    #[test]
    fn the_address_is_between_user_and_database() {
        let dsn = "databend://root:@127.0.0.1:8000/default?sslmode=disable";
        assert_eq!(address(dsn), Some("127.0.0.1:8000"));
    }
}
