//! MySQL as the project sees it: today the runbook, later the provider too. The source is only read; the one row of a canary
//! alone is written ([`CanaryWriter`]).
//!
//! # Layout
//!
//! - [`Dsn`]: where MySQL is, the user, and how the connection is encrypted ([`SslMode`]).
//! - [`Source`]: a handle on one server, with a few sessions that are used again.
//! - [`TableRef`]: the name of a table, and the one place that quotes names and values for MySQL.
//! - [`Server`]: what a session learns when it opens: flavor, version, account.
//! - Looks, one file each: [`Source::tables`] (columns and primary keys), [`Source::count`], [`Source::estimated_rows`], [`Source::last_writes`],
//!   [`Source::clock`], [`Source::settings`], [`Source::role`] (primary or replica),
//!   [`Source::threads_running`].
//! - What DDL changes: [`Source::shapes`], in the folder `shape`.
//! - What is compared with ODS: [`Source::place_after`], [`Source::checksum`], [`Source::read_rows`],
//!   [`Source::lob_beginning`] and [`Source::carry_rows`], in the folder `compared`. The texts of values are those of [`pipeline::canonical`].
//! - What a second full load waits for: [`Source::activity`] (statements, transactions and prepared XA transactions that
//!   are open) and [`Source::position`] (the end of the binlog). One folder and one file, of several looks each.
//! - [`SourceError`]: what went wrong, and what to do about it. Never holds a secret.
//! - `scripted`: a MySQL in memory, for tests alone (feature `scripted`).
//!
//! # A new look
//!
//! A look is one SELECT or SHOW and the reading of its answer. A new one is a file with a type that implements the crate's
//! `Look` (its SQL, the privilege that it needs, how its rows are read, and the rows that the scripted source answers),
//! an `impl Source` with its public method, and a `mod` line here. `count.rs` is the shortest example.
//!
//! # Why `mysql_async`
//!
//! The end-to-end tests use it already, so there is one client. It opens single connections without a pool of its own,
//! and its errors keep the server's code and the reason of a failed handshake. Its one flaw here has a workaround in
//! `tls.rs`. sqlx has the same `ssl-mode` values, but its pool, statement cache and types are for applications; here
//! every answer is a few rows of text.

mod activity;
mod canary;
mod clock;
mod compared;
mod connection;
mod count;
mod driver;
mod dsn;
mod error;
mod estimate;
mod filled_columns;
mod last_write;
mod look;
mod name;
mod position;
mod present_keys;
mod role;
mod row;
mod running;
#[cfg(feature = "scripted")]
pub mod scripted;
mod server;
mod settings;
mod shape;
mod source;
mod table;
mod tls;
mod variables;

pub use activity::{Activity, Client, Open, OpenStatement, OpenTransaction, PreparedXa};
pub use canary::{CanaryChange, CanaryRow, CanaryWriter};
pub use clock::Clock;
pub use compared::{CarriedRow, Checksum, ComparedTable, KeyPart, ReadRow, Selection};
pub use dsn::Dsn;
pub use error::SourceError;
pub use last_write::LastWrites;
pub use name::TableRef;
pub use position::{Position, ServerIdentity};
pub use present_keys::{KeyColumn, KeyKind};
pub use role::{ReplicaReason, Role};
pub use server::{Account, Flavor, Server};
pub use settings::Settings;
pub use source::{Options, Source};
pub use table::{Column, ColumnDefault, Table, Tables};
pub use tls::SslMode;
