//! Compiles `proto/` with protox, so that no protoc is needed.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(["proto/tfplugin6.proto", "proto/plugin.proto"], ["proto"])?;
    // The client is for this crate's own tests, which play Terraform's part.
    tonic_prost_build::configure().build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
