//! `toy_count`: how many things there are.

use std::sync::Arc;

use tfplugin::{
    Attribute, Context, DataSource, Diagnostic, Diagnostics, ReadDataRequest, ReadDataResponse, Schema,
    Value, async_trait,
};

use crate::world::World;

pub(crate) struct Count {
    pub(crate) world: Arc<World>,
}

#[async_trait]
impl DataSource for Count {
    fn type_name(&self) -> &'static str {
        "toy_count"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            "How many things there are.",
            vec![
                Attribute::string("prefix").optional().describe("Of their names."),
                Attribute::integer("total").computed(),
                Attribute::nested_list("things", vec![Attribute::string("name").computed()]).computed(),
            ],
        )
    }

    async fn read(&self, _: &Context, request: ReadDataRequest) -> Result<ReadDataResponse, Diagnostics> {
        let prefix = request.config.get("prefix").as_str().unwrap_or_default().to_owned();
        let failed =
            |error: std::io::Error| Diagnostic::error("The world cannot be read").detail(error.to_string());
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.world.file("")?).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            if name.starts_with(&prefix) && !name.contains('.') {
                names.push(name);
            }
        }
        names.sort();
        let things: Vec<_> =
            names.iter().map(|name| Value::object([("name", name.as_str().into())])).collect();
        Ok(ReadDataResponse::new(Value::object([
            ("prefix", request.config.get("prefix").clone()),
            ("total", i64::try_from(names.len()).map_or(Value::Null, Value::from)),
            ("things", things.into()),
        ])))
    }
}
