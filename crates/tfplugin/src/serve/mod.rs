//! `main` of a provider: the handshake with Terraform, then serving until it says to end.

mod control;
mod handshake;
mod lifetime;
mod listen;
mod logging;
mod tls;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::handshake::{Handshake, Refusal};
use self::lifetime::End;
use self::listen::{Connections, Socket};
use crate::Provider;
use crate::proto::plugin::grpc_broker_server::GrpcBrokerServer;
use crate::proto::plugin::grpc_controller_server::GrpcControllerServer;
use crate::proto::plugin::grpc_stdio_server::GrpcStdioServer;
use crate::proto::tfplugin6::provider_server::ProviderServer;
use crate::rpc::{Calls, Service, install_panic_hook};

/// Terraform sends whole states. Its own SDK takes as much (docs/facts/tfplugin6.md, "Observed with Terraform", point 2).
const MAX_MESSAGE: usize = 256 << 20;

/// HTTP/2's 64 KiB windows make large states slow.
const WINDOW: u32 = 4 << 20;

/// How long running calls get to end in an orderly way when Terraform is gone. It kills a plugin two seconds after
/// `Shutdown`, so there is less time then.
const GRACE: Duration = Duration::from_mins(1);
const GRACE_AFTER_SHUTDOWN: Duration = Duration::from_millis(1500);

/// Serves `provider` to the Terraform that started this process. To be the whole of `main`:
///
/// ```no_run
/// # use tfplugin::{Context, Diagnostics, ConfigureRequest, Schema};
/// # struct Example;
/// # #[tfplugin::async_trait]
/// # impl tfplugin::Provider for Example {
/// #     fn address(&self) -> &str { "example/example" }
/// #     fn schema(&self) -> Schema { Schema::default() }
/// #     async fn configure(&self, _: &Context, _: ConfigureRequest) -> Result<Diagnostics, Diagnostics> {
/// #         Ok(Diagnostics::new())
/// #     }
/// # }
/// fn main() -> std::process::ExitCode {
///     tfplugin::serve(Example)
/// }
/// ```
///
/// Started by anyone else it says so and fails. With `--debug` it prints a `TF_REATTACH_PROVIDERS` for a Terraform in
/// another terminal, and serves until Ctrl-C: for a debugger.
pub fn serve(provider: impl Provider) -> ExitCode {
    let debug = std::env::args().skip(1).any(|argument| argument == "--debug");
    let handshake = if debug { Ok(Handshake::debug()) } else { Handshake::from_env() };
    let handshake = match handshake {
        Ok(handshake) => handshake,
        Err(refusal) => return refuse(&refusal),
    };
    logging::install(debug);
    install_panic_hook();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&Refusal::Runtime(error)),
    };
    let result = runtime.block_on(run(Arc::new(provider), handshake));
    // Calls that did not end in their time do not hold up the end.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => refuse(&refusal),
    }
}

fn refuse(refusal: &Refusal) -> ExitCode {
    // Terraform shows stderr when a plugin does not come up.
    let _ = writeln!(std::io::stderr(), "{refusal}");
    ExitCode::FAILURE
}

async fn run(provider: Arc<dyn Provider>, handshake: Handshake) -> Result<(), Refusal> {
    let socket = Socket::open(handshake.socket_dir.as_deref())?;
    // Only a debugger's Terraform has no certificate.
    let debug = handshake.client_cert.is_none();
    let identity = handshake.client_cert.as_ref().map(tls::Identity::new).transpose()?;
    let announcement = match &identity {
        Some(identity) => handshake::line(socket.path(), identity.certificate()),
        None => handshake::reattach(provider.address(), socket.path()),
    };
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{announcement}").and_then(|()| stdout.flush()).map_err(Refusal::Stdout)?;

    let calls = Arc::new(Calls::default());
    let shutdown = CancellationToken::new();
    let control = control::Control::new(shutdown.clone());
    let service = ProviderServer::new(Service::new(provider.clone(), Arc::clone(&calls)))
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let server = tonic::transport::Server::builder()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW)
        .add_service(service)
        .add_service(GrpcControllerServer::new(control.clone()))
        .add_service(GrpcStdioServer::new(control.clone()))
        .add_service(GrpcBrokerServer::new(control));

    let drained = CancellationToken::new();
    let connections = Connections::accept(&socket, identity, drained.clone())?;
    let serving =
        server.serve_with_incoming_shutdown(connections.into_stream(), drained.clone().cancelled_owned());
    let serving = tokio::spawn(serving);

    let end = lifetime::until_the_end(&shutdown, debug).await?;
    tracing::debug!(?end, "ending");
    calls.stop();
    let grace = if end == End::Shutdown { GRACE_AFTER_SHUTDOWN } else { GRACE };
    let finished = async {
        calls.finished().await;
        provider.shutdown().await;
    };
    if tokio::time::timeout(grace, finished).await.is_err() {
        tracing::error!("the provider was still at work after {grace:?}");
    }
    drained.cancel();
    // The answer to Shutdown is on its way; connections that stay open are no reason to stay.
    let _ = tokio::time::timeout(Duration::from_millis(200), serving).await;
    drop(socket);
    Ok(())
}
