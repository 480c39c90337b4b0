//! The socket, and the connections that come through it.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::handshake::Refusal;
use super::tls::Identity;

/// Whoever connects and does not finish the TLS handshake in this time is dropped.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// A unix socket in a folder of its own that only this user can enter. Gone when dropped.
pub(super) struct Socket {
    listener: std::os::unix::net::UnixListener,
    path: PathBuf,
    _dir: TempDir,
}

impl Socket {
    /// In `parent`, or the system's folder for temporary files.
    pub(super) fn open(parent: Option<&Path>) -> Result<Self, Refusal> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let refusal = |error| Refusal::Socket { dir: parent.clone(), error };
        let dir = tempfile::Builder::new()
            .prefix("tf-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&parent)
            .map_err(refusal)?;
        let path = dir.path().join("plugin.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).map_err(refusal)?;
        listener.set_nonblocking(true).map_err(refusal)?;
        Ok(Self { listener, path, _dir: dir })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn listener(&self) -> Result<UnixListener, Refusal> {
        let listener = self.listener.try_clone().and_then(UnixListener::from_std);
        listener.map_err(|error| Refusal::Socket { dir: self.path.clone(), error })
    }
}

/// Connections that are let in.
pub(super) struct Connections(mpsc::Receiver<io::Result<Connection>>);

impl Connections {
    /// Accepts until `end`; with an identity only those who prove theirs.
    pub(super) fn accept(
        socket: &Socket,
        identity: Option<Identity>,
        end: CancellationToken,
    ) -> Result<Self, Refusal> {
        let listener = socket.listener()?;
        let acceptor = identity.map(|identity| identity.acceptor());
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            tokio::select! {
                () = accept(&listener, acceptor, sender) => {}
                () = end.cancelled() => {}
            }
        });
        Ok(Self(receiver))
    }

    pub(super) fn into_stream(self) -> ReceiverStream<io::Result<Connection>> {
        ReceiverStream::new(self.0)
    }
}

async fn accept(
    listener: &UnixListener,
    acceptor: Option<TlsAcceptor>,
    sender: mpsc::Sender<io::Result<Connection>>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Beside the loop, so that one who is slow holds up nobody.
                tokio::spawn(let_in(stream, acceptor.clone(), sender.clone()));
            }
            Err(error) => {
                // Too many open files, for example: it may get better, and Terraform is waiting.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn let_in(
    stream: UnixStream,
    acceptor: Option<TlsAcceptor>,
    sender: mpsc::Sender<io::Result<Connection>>,
) {
    let connection = match acceptor {
        None => Connection(Box::new(stream)),
        Some(acceptor) => match tokio::time::timeout(TLS_TIMEOUT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Connection(Box::new(stream)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a connection is refused");
                return;
            }
            Err(_) => {
                tracing::warn!("a connection is refused: no TLS handshake within {TLS_TIMEOUT:?}");
                return;
            }
        },
    };
    // Nobody receives any more once the server ends.
    let _ = sender.send(Ok(connection)).await;
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection that was let in, with or without TLS.
pub(super) struct Connection(Box<dyn Stream>);

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_private_and_goes_away() {
        let parent = tempfile::tempdir().unwrap();
        let socket = Socket::open(Some(parent.path())).unwrap();
        let dir = socket.path().parent().unwrap().to_path_buf();
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(socket.path().exists());
        drop(socket);
        assert!(!dir.exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Socket::open(Some(Path::new("/nowhere/at/all"))).err().unwrap();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
