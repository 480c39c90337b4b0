//! What `build.rs` makes of `proto/`.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::pedantic,
    reason = "generated; the descriptions are in proto/"
)]

/// Terraform's side: `package tfplugin6`.
pub mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}

/// The plugin's own life: `package plugin`.
pub mod plugin {
    tonic::include_proto!("plugin");
}
