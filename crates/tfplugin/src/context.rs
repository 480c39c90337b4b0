//! What a running call knows about the outside: whether Terraform's user wants it to stop.

use std::future::Future;

use tokio_util::sync::CancellationToken;

use crate::Diagnostic;

/// Given to every call.
///
/// On Ctrl-C Terraform sends `StopProvider` and waits. Calls that only look (read, plan, validate, import, data
/// sources) are dropped where they wait. Create, update and delete are never dropped: one that takes long watches the
/// token and ends in an orderly way, with the state so far.
#[derive(Debug, Clone, Default)]
pub struct Context {
    token: CancellationToken,
}

impl Context {
    pub(crate) fn new(token: CancellationToken) -> Self {
        Self { token }
    }

    /// True after Ctrl-C.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits for Ctrl-C.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// The token itself, to hand on.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Waits for `future`, but not beyond Ctrl-C: then the future is dropped, and this is an error. For waiting and
    /// reading; not for what must not be left half done.
    pub async fn or_cancelled<T>(&self, future: impl Future<Output = T>) -> Result<T, Diagnostic> {
        tokio::select! {
            value = future => Ok(value),
            () = self.token.cancelled() => Err(Self::stopped()),
        }
    }

    /// What a call that ends on Ctrl-C answers.
    pub(crate) fn stopped() -> Diagnostic {
        Diagnostic::error("Cancelled")
            .detail("Terraform was asked to stop. Run the same command again to continue from here.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_with_the_token() {
        let context = Context::default();
        assert_eq!(context.or_cancelled(async { 1 }).await, Ok(1));
        context.token().cancel();
        let error = context.or_cancelled(std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(error.summary, "Cancelled");
    }
}
