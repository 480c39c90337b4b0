//! Around every call of provider code: a panic becomes a diagnostic, a lost connection does not end the call, and
//! Ctrl-C reaches it.

use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::{Context, Diagnostic, Diagnostics};

/// The calls that are running, and the way to stop them.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    running: TaskTracker,
    stop: Mutex<CancellationToken>,
}

impl Calls {
    /// Tells the running calls to stop. Later ones are not concerned: the provider goes on serving.
    pub(crate) fn stop(&self) {
        let mut token = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *token).cancel();
    }

    /// Waits until no call is running.
    pub(crate) async fn finished(&self) {
        self.running.close();
        self.running.wait().await;
        self.running.reopen();
    }

    /// Runs a call that changes nothing, until it ends or Terraform asks to stop. A call that watches its context ends
    /// with its own answer; any other is dropped where it waits.
    pub(super) async fn run_read<T, F>(
        &self,
        span: tracing::Span,
        call: impl FnOnce(Context) -> F + Send + 'static,
    ) -> Result<T, Diagnostics>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Diagnostics>> + Send + 'static,
    {
        self.run(span, |ctx| async move {
            let call = call(ctx.clone());
            tokio::select! {
                biased;
                result = call => result,
                () = ctx.cancelled() => Err(Context::stopped().into()),
            }
        })
        .await
    }

    /// Runs `call` to its end, even when Terraform goes away in the middle: what it does must not be left half done.
    pub(super) async fn run<T, F>(
        &self,
        span: tracing::Span,
        call: impl FnOnce(Context) -> F,
    ) -> Result<T, Diagnostics>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Diagnostics>> + Send + 'static,
    {
        let token = self.stop.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let call = catch_panic(call(Context::new(token)));
        let result = self.running.spawn(call.instrument(span)).await;
        let result = result.unwrap_or_else(|error| {
            Err(Diagnostic::error("The provider was stopped in the middle of a call")
                .detail(error.to_string())
                .into())
        });
        result.map_err(|mut diagnostics| {
            if !diagnostics.has_errors() {
                // Terraform takes a call without errors for a success.
                diagnostics.push(
                    Diagnostic::error("The provider failed without saying why")
                        .detail("This is a bug in the provider."),
                );
            }
            diagnostics
        })
    }
}

thread_local! {
    /// Where the last panic of this thread was. The hook runs on the thread that panics, within the same poll.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes where panics are, and logs them.
pub(crate) fn install_panic_hook() {
    panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let place = info.location().map(ToString::to_string);
        tracing::error!(place, "panic: {}", message(info.payload()));
        PLACE.set(place);
    }));
}

async fn catch_panic<T>(call: impl Future<Output = Result<T, Diagnostics>>) -> Result<T, Diagnostics> {
    let mut call = pin!(call);
    // Unwind safety: the future is not polled again after a panic, and what it shares with others is behind locks.
    poll_fn(|cx| match panic::catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(payload) => Poll::Ready(Err(panicked(payload.as_ref()).into())),
    })
    .await
}

fn panicked(payload: &(dyn Any + Send)) -> Diagnostic {
    let place = PLACE.take().map(|place| format!(" at {place}")).unwrap_or_default();
    Diagnostic::error("The provider panicked").detail(format!(
        "{}{place}. This is a bug in the provider; what was done before it is kept in the state as far as it is known.",
        message(payload)
    ))
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run<T: Send + 'static, F>(
        calls: &Calls,
        call: impl FnOnce(Context) -> F,
    ) -> Result<T, Diagnostics>
    where
        F: Future<Output = Result<T, Diagnostics>> + Send + 'static,
    {
        calls.run(tracing::Span::none(), call).await
    }

    #[tokio::test]
    async fn a_panic_becomes_a_diagnostic() {
        let calls = Calls::default();
        let result: Result<(), _> = run(&calls, |_| async { panic!("no luck") }).await;
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with("The provider panicked: no luck"), "{error}");
        assert_eq!(run(&calls, |_| async { Ok(1) }).await, Ok(1));
    }

    #[tokio::test]
    async fn stop_reaches_running_calls_and_no_later_ones() {
        let calls = Calls::default();
        let waiting = run(&calls, |ctx| async move {
            ctx.cancelled().await;
            Ok(())
        });
        let stop = async {
            tokio::task::yield_now().await;
            calls.stop();
        };
        let (waited, ()) = tokio::join!(waiting, stop);
        assert_eq!(waited, Ok(()));
        assert_eq!(run(&calls, |ctx| async move { Ok(ctx.is_cancelled()) }).await, Ok(false));
    }

    #[tokio::test]
    async fn a_read_that_does_not_watch_its_context_ends_with_stop() {
        let calls = Calls::default();
        let reading =
            calls.run_read(tracing::Span::none(), |_| std::future::pending::<Result<(), Diagnostics>>());
        let stop = async {
            tokio::task::yield_now().await;
            calls.stop();
        };
        let (read, ()) = tokio::join!(reading, stop);
        assert_eq!(read.unwrap_err().iter().next().unwrap().summary, "Cancelled");
        assert_eq!(calls.run_read(tracing::Span::none(), |_| async { Ok(1) }).await, Ok(1));
    }

    #[tokio::test]
    async fn a_read_that_watches_its_context_ends_with_its_own_answer() {
        let calls = Calls::default();
        let reading = calls.run_read(tracing::Span::none(), |ctx| async move {
            ctx.cancelled().await;
            Ok("tidy")
        });
        let stop = async {
            tokio::task::yield_now().await;
            calls.stop();
        };
        assert_eq!(tokio::join!(reading, stop).0, Ok("tidy"));
    }

    #[tokio::test]
    async fn a_call_ends_though_nobody_waits_for_it() {
        let calls = Calls::default();
        let (tx, rx) = tokio::sync::oneshot::channel();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        {
            let call = run(&calls, |_| async move {
                let _ = gone.await;
                let _ = tx.send(());
                Ok(())
            });
            let mut call = pin!(call);
            // Polled once, so that it starts; dropped at the end of the block.
            poll_fn(|cx| {
                assert!(call.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        let _ = go.send(());
        calls.finished().await;
        assert_eq!(rx.await, Ok(()));
    }

    #[tokio::test]
    async fn a_failure_always_carries_an_error() {
        let calls = Calls::default();
        let result: Result<(), _> = run(&calls, |_| async { Err(Diagnostics::new()) }).await;
        assert!(result.unwrap_err().has_errors());
    }
}
