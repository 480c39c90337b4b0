//! As much of HTTP as the sandbox's own addresses need: one request on one connection.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Error;

/// A request.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// With its query.
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

/// Sends it to `http://host:port` (or `host:port`). The body of the answer; a status other than 2xx is an error.
pub(crate) async fn send(address: &str, request: &Request<'_>) -> Result<Vec<u8>, Error> {
    let address = address.trim_start_matches("http://").trim_end_matches('/');
    let failed = |reason: String| Error::Http {
        request: format!("{} http://{address}{}", request.method, request.path),
        reason,
    };
    let io = |error: std::io::Error| failed(error.to_string());
    let mut stream = TcpStream::connect(address).await.map_err(io)?;
    stream.write_all(&request.bytes(address)).await.map_err(io)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(io)?;
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Err(failed("no answer".into()));
    };
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = answer.split_off(end + 4);
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status.starts_with('2') {
        Ok(body)
    } else {
        Err(failed(format!("{status} {}", String::from_utf8_lossy(&body))))
    }
}

impl Request<'_> {
    fn bytes(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", self.method, self.path);
        for (name, value) in self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", self.body.len()));
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body);
        bytes
    }
}
