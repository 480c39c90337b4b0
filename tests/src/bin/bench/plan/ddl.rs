//! The CREATE statements of an apply, sent again for other names, by the driver alone and at the provider's parallelism.

use std::time::Instant;

use e2e::{Error, Namespace, names};
use futures_util::{StreamExt, TryStreamExt, stream};
use warehouse::{Options, Warehouse, WarehouseError};

/// The provider's default of `max_concurrency`.
pub(crate) const CONCURRENCY: usize = 8;

/// What the statements alone took.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct BareDdl {
    pub(crate) statements: usize,
    pub(crate) seconds: f64,
}

/// The statements in the order in which one kind needs the other.
const KINDS: [&str; 4] = ["CREATE DATABASE ", "CREATE TABLE ", "CREATE STREAM ", "CREATE TASK "];

/// Sends those of `statements` that create databases, tables, streams and tasks, kind by kind. The tasks that others
/// come after are created first.
pub(crate) async fn run(namespace: &Namespace, statements: &[String]) -> Result<BareDdl, Error> {
    let other = names::unique("bare");
    let own = |sql: &&String| sql.contains(&namespace.name);
    let renamed: Vec<String> =
        statements.iter().filter(own).map(|sql| sql.replace(&namespace.name, &other)).collect();
    let warehouse = Warehouse::connect_with(&namespace.dsn, Options { max_sessions: CONCURRENCY })
        .await
        .map_err(|error| failed(&error))?;
    let begin = Instant::now();
    let mut sent = 0;
    for kind in KINDS {
        let of_kind = renamed.iter().filter(|sql| sql.starts_with(kind));
        let (children, roots): (Vec<_>, Vec<_>) = of_kind.partition(|sql| sql.contains(" AFTER "));
        for wave in [roots, children] {
            sent += wave.len();
            let created = wave.into_iter().map(|sql| {
                let warehouse = warehouse.clone();
                async move { warehouse.execute(sql).await }
            });
            stream::iter(created)
                .buffer_unordered(CONCURRENCY)
                .try_for_each(|_| async { Ok(()) })
                .await
                .map_err(|error| failed(&error))?;
        }
    }
    Ok(BareDdl { statements: sent, seconds: begin.elapsed().as_secs_f64() })
}

fn failed(error: &WarehouseError) -> Error {
    Error::Form { what: "the DDL without Terraform".into(), reason: error.to_string() }
}
