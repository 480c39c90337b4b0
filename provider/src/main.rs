//! terraform-provider-databend

fn main() {}
