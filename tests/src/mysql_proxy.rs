//! A proxy between a program and MySQL that replaces statements. The connections through it are not encrypted, so that it
//! can read them.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::{Error, Sandbox};

/// The first byte of a packet that is a statement (`COM_QUERY`).
const STATEMENT: u8 = 3;

/// A running proxy. Dropping it closes all its connections.
#[derive(Debug)]
pub struct MysqlProxy {
    /// Leads through it.
    pub dsn: String,
    accepting: JoinHandle<()>,
}

impl MysqlProxy {
    /// A proxy to the sandbox's MySQL. It replaces each statement for which `rewrite` returns another one.
    pub async fn new(
        sandbox: &Sandbox,
        rewrite: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let io = |error: std::io::Error| Error::Form {
            what: "the proxy to MySQL".into(),
            reason: error.to_string(),
        };
        let parts = sandbox.mysql_parts()?;
        let target = format!("{}:{}", parts.host, parts.port);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(io)?;
        let address = listener.local_addr().map_err(io)?.to_string();
        let dsn = format!("{}?ssl-mode=disabled", sandbox.mysql_dsn.replacen(&target, &address, 1));
        let rewrite = Arc::new(rewrite);
        let accepting = tokio::spawn(async move {
            // Dropped, and so aborted, together with this task.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (target, rewrite) = (target.clone(), rewrite.clone());
                connections.spawn(async move { connect(client, &target, &*rewrite).await });
            }
        });
        Ok(Self { dsn, accepting })
    }
}

impl Drop for MysqlProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves one connection until one side closes it.
async fn connect(
    client: TcpStream,
    target: &str,
    rewrite: &impl Fn(&str) -> Option<String>,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(target).await?.into_split();
    tokio::select! {
        passed = pass_on(&mut from_client, &mut to_server, rewrite) => passed,
        copied = tokio::io::copy(&mut from_server, &mut to_client) => copied.map(drop),
    }
}

/// Passes on packets of the client: the length in three bytes, a number in one, and the content.
async fn pass_on(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    rewrite: &impl Fn(&str) -> Option<String>,
) -> std::io::Result<()> {
    loop {
        let mut head = [0; 4];
        from.read_exact(&mut head).await?;
        let [a, b, c, number] = head;
        let mut content = vec![0; u32::from_le_bytes([a, b, c, 0]) as usize];
        from.read_exact(&mut content).await?;
        // The first packet of a command has the number 0.
        if let ([STATEMENT, text @ ..], 0) = (content.as_slice(), number)
            && let Some(other) = std::str::from_utf8(text).ok().and_then(rewrite)
        {
            content.truncate(1);
            content.extend(other.into_bytes());
        }
        // No statement of these programs fills a packet of 16 MB.
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes();
        to.write_all(&[length[0], length[1], length[2], number]).await?;
        to.write_all(&content).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_statement_is_replaced_and_the_rest_stays() {
        let login = b"\x04\x00\x00\x01\x03abc".as_slice();
        let passed = b"\x09\x00\x00\x00\x03SELECT 1".as_slice();
        let replaced = b"\x09\x00\x00\x00\x03SELECT 2".as_slice();
        let sent = [login, passed, replaced].concat();
        let mut got = Vec::new();
        let rewrite = |sql: &str| (sql == "SELECT 2").then(|| "SELECT 22".to_owned());
        // It ends where the client does.
        pass_on(&mut sent.as_slice(), &mut got, &rewrite).await.unwrap_err();
        assert_eq!(got, [login, passed, b"\x0a\x00\x00\x00\x03SELECT 22"].concat());
    }
}
