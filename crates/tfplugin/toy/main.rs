//! A provider to test with. Its world is a folder: a thing is a file in it.

mod count;
mod functions;
mod thing;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use serde::Deserialize;
use tfplugin::{
    Attr, Attribute, ConfigureRequest, Context, DataSource, Diagnostic, Diagnostics, Function, Provider,
    Resource, Schema, ValidateRequest, async_trait, from_value,
};
use world::World;

struct Toy {
    world: Arc<World>,
}

#[derive(Deserialize)]
struct Config {
    dir: Attr<String>,
}

#[async_trait]
impl Provider for Toy {
    fn address(&self) -> &'static str {
        "example/toy"
    }

    fn schema(&self) -> Schema {
        let dir = Attribute::string("dir").optional().describe("The folder that is the world.");
        Schema::new("A toy.", vec![dir])
    }

    async fn validate(&self, _: &Context, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        let config: Config = from_value(&request.config)?;
        if config.dir.known().is_some_and(String::is_empty) {
            return Err(Diagnostic::error("Empty folder").detail("Name a folder.").at("dir").into());
        }
        Ok(Diagnostics::new())
    }

    async fn configure(&self, _: &Context, request: ConfigureRequest) -> Result<Diagnostics, Diagnostics> {
        let config: Config = from_value(&request.config)?;
        tracing::info!(terraform = request.terraform_version, "configured");
        if let Attr::Known(dir) = config.dir {
            self.world.set_dir(dir);
        }
        Ok(Diagnostics::new())
    }

    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        vec![Arc::new(thing::Thing { world: Arc::clone(&self.world) })]
    }

    fn data_sources(&self) -> Vec<Arc<dyn DataSource>> {
        vec![Arc::new(count::Count { world: Arc::clone(&self.world) })]
    }

    fn functions(&self) -> Vec<Arc<dyn Function>> {
        functions::all()
    }
}

fn main() -> ExitCode {
    tfplugin::serve(Toy { world: Arc::default() })
}
