//! `toy_thing`: an attribute of every kind, and every way to fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tfplugin::{
    ApplyResponse, Attr, Attribute, Context, CreateRequest, DeleteRequest, DeleteResponse, Diagnostic,
    Diagnostics, ImportRequest, ImportResponse, Plan, PlanRequest, PlanResponse, Private, ReadRequest,
    ReadResponse, Resource, Schema, Type, UpdateRequest, UpgradeRequest, ValidateRequest, Value, async_trait,
    from_value, to_value,
};

use crate::world::World;

pub(crate) struct Thing {
    pub(crate) world: Arc<World>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Model {
    name: String,
    comment: Option<String>,
    size: Attr<f64>,
    labels: Option<BTreeMap<String, String>>,
    columns: Option<Vec<Column>>,
    limits: Option<Limits>,
    users: Option<BTreeMap<String, User>>,
    ports: Option<Vec<Port>>,
    owner: Option<BTreeMap<String, Option<String>>>,
    anything: Value,
    secret_wo: Option<String>,
    secret_version: Option<u32>,
    key: Option<Vec<String>>,
    protected: Option<bool>,
    misbehave: Option<String>,
    id: Attr<String>,
    summary: Attr<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Column {
    name: String,
    r#type: String,
    mapped: Attr<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Limits {
    rows: Option<u64>,
    burst: Attr<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct User {
    role: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Port {
    number: u16,
}

impl Model {
    /// Makes the computed attributes known.
    fn compute(&mut self) {
        self.id = Attr::Known(format!("thing/{}", self.name));
        self.size = std::mem::take(&mut self.size).or(1.5);
        if self.size.is_unknown() {
            self.size = Attr::Known(1.5);
        }
        for column in self.columns.iter_mut().flatten() {
            column.mapped = Attr::Known(column.r#type.to_uppercase());
        }
        if let Some(limits) = &mut self.limits
            && !limits.burst.is_known()
        {
            limits.burst = Attr::Known(10);
        }
        self.summary = Attr::Known(self.summary());
    }

    fn summary(&self) -> String {
        let columns = self.columns.as_ref().map_or(0, Vec::len);
        format!("{} with {columns} columns: {}", self.name, self.comment.as_deref().unwrap_or("-"))
    }
}

/// What is kept in private state.
#[derive(Debug, Serialize, Deserialize)]
struct Generation {
    generation: u32,
}

impl Thing {
    /// Writes the thing, as Terraform's state has it and beside it the secret that state never has.
    fn store(&self, model: &Model, config: &Value) -> Result<Value, Diagnostic> {
        let mut model = model.clone();
        model.compute();
        let state = to_value(&model)?;
        self.world.write(&model.name, &serde_json::Value::from(&state).to_string())?;
        if let Some(secret) = config.get("secret_wo").as_str() {
            self.world.write(&format!("{}.secret", model.name), secret)?;
        }
        Ok(state)
    }

    async fn misbehave(&self, how: Option<&str>, ctx: &Context, when: &str) -> Result<(), Diagnostic> {
        match how {
            Some(how) if how == format!("fail {when}") => {
                Err(Diagnostic::error("Told to fail").detail("It was asked for.").at("misbehave"))
            }
            Some(how) if how == format!("panic {when}") => panic!("told to panic {when}"),
            Some(how) if how == format!("hang {when}") => {
                self.world.write("it.hangs", "")?;
                let waited = ctx.or_cancelled(tokio::time::sleep(Duration::from_mins(1))).await;
                self.world.write("it.was_cancelled", "")?;
                waited
            }
            // Does not watch the context.
            Some(how) if how == format!("sleep {when}") => {
                self.world.write("it.sleeps", "")?;
                tokio::time::sleep(Duration::from_mins(1)).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Resource for Thing {
    fn type_name(&self) -> &'static str {
        "toy_thing"
    }

    fn schema(&self) -> Schema {
        Schema::new(
            "A thing.",
            vec![
                Attribute::string("name").required().describe("Its name."),
                Attribute::string("comment").optional().describe("About it."),
                Attribute::number("size").optional_computed().describe("1.5 by default."),
                Attribute::map("labels", Type::String).optional(),
                Attribute::nested_list(
                    "columns",
                    vec![
                        Attribute::string("name").required(),
                        Attribute::string("type").required(),
                        Attribute::string("mapped").computed(),
                    ],
                )
                .optional(),
                Attribute::nested_single(
                    "limits",
                    vec![
                        Attribute::integer("rows").optional(),
                        Attribute::integer("burst").optional_computed(),
                    ],
                )
                .optional(),
                Attribute::nested_map("users", vec![Attribute::string("role").required()]).optional(),
                Attribute::nested_set("ports", vec![Attribute::integer("number").required()]).optional(),
                Attribute::strict_object(
                    "owner",
                    vec![
                        Attribute::string("name").required().describe("As others know it."),
                        Attribute::string("mail").optional().describe("Where to write to."),
                    ],
                )
                .optional()
                .describe("Whose it is."),
                Attribute::dynamic("anything").optional(),
                Attribute::string("secret_wo").optional().write_only(),
                Attribute::integer("secret_version").optional(),
                Attribute::list("key", Type::String).optional(),
                Attribute::bool("protected").optional().describe("Not to be destroyed."),
                Attribute::string("misbehave").optional(),
                Attribute::string("id").computed(),
                Attribute::string("summary").computed(),
            ],
        )
        .version(2)
    }

    async fn validate(&self, _: &Context, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        let mut found = Diagnostics::new();
        for (index, column) in request.config.get("columns").as_list().unwrap_or_default().iter().enumerate()
        {
            if column.get("type").as_str() == Some("strng") {
                let path = tfplugin::AttributePath::attr("columns").index(index).attr_step("type");
                found.push(Diagnostic::error("Unknown type").detail("Did you mean `text`?").at(path));
            }
        }
        if request.config.get("comment").as_str() == Some("odd") {
            found.push(Diagnostic::warning("An odd comment").at("comment"));
        }
        Ok(found)
    }

    async fn plan(&self, ctx: &Context, request: PlanRequest) -> Result<PlanResponse, Diagnostics> {
        if request.is_destroy() {
            if request.prior.get("protected").as_bool() == Some(true) {
                return Err(Diagnostic::error("The thing is protected")
                    .detail("Set `protected = false` and apply that first.")
                    .at("protected")
                    .into());
            }
            return Ok(PlanResponse::default().with(
                Diagnostic::warning("A thing is to be destroyed").detail("It cannot be brought back."),
            ));
        }
        self.misbehave(request.config.get("misbehave").as_str(), ctx, "plan").await?;
        let mut plan = Plan::new(request);
        plan.replace_if_changed(&["name"]);
        plan.recompute_if_changed("summary", &["comment", "columns"]);
        // Known while planning: the mapped type follows from the type.
        let count = plan.planned().get("columns").as_list().map_or(0, <[Value]>::len);
        for index in 0..count {
            let mapped = plan.planned().at(format!("columns[{index}].type").as_str());
            if let Some(mapped) = mapped.as_str().map(str::to_uppercase) {
                plan.set(format!("columns[{index}].mapped").as_str(), mapped);
            }
        }
        Ok(plan.finish())
    }

    async fn read(&self, ctx: &Context, request: ReadRequest) -> Result<ReadResponse, Diagnostics> {
        let name = request.state.get("name").as_str().unwrap_or_default().to_owned();
        let Some(text) = self.world.read(&name)? else { return Ok(ReadResponse::gone()) };
        let json: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| Diagnostic::error("The thing is damaged").detail(error.to_string()))?;
        let mut state = Value::from(json);
        // A file of JSON does not tell the type of a dynamic value.
        if state.get("anything") == request.state.get("anything").untyped() {
            state.set("anything", request.state.get("anything").clone());
        }
        let model: Model = from_value(&state)?;
        self.misbehave(model.misbehave.as_deref(), ctx, "read").await?;
        Ok(ReadResponse::new(state))
    }

    async fn create(&self, ctx: &Context, request: CreateRequest) -> Result<ApplyResponse, Diagnostics> {
        let model: Model = from_value(&request.planned)?;
        self.misbehave(model.misbehave.as_deref(), ctx, "early").await?;
        request.so_far.set(self.store(&model, &request.config)?);
        self.misbehave(model.misbehave.as_deref(), ctx, "late").await?;
        let mut response = ApplyResponse::new(self.store(&model, &request.config)?);
        response.private = Some(Private::from_json(&Generation { generation: 1 })?);
        Ok(response)
    }

    async fn update(&self, ctx: &Context, request: UpdateRequest) -> Result<ApplyResponse, Diagnostics> {
        let model: Model = from_value(&request.planned)?;
        self.misbehave(model.misbehave.as_deref(), ctx, "update").await?;
        let generation = request.private.to_json::<Generation>()?.map_or(0, |private| private.generation) + 1;
        let mut response = ApplyResponse::new(self.store(&model, &request.config)?);
        response.private = Some(Private::from_json(&Generation { generation })?);
        self.world.write(&format!("{}.generation", model.name), &generation.to_string())?;
        Ok(response)
    }

    async fn delete(&self, ctx: &Context, request: DeleteRequest) -> Result<DeleteResponse, Diagnostics> {
        let model: Model = from_value(&request.state)?;
        self.misbehave(model.misbehave.as_deref(), ctx, "delete").await?;
        for suffix in ["", ".secret", ".generation"] {
            self.world.remove(&format!("{}{suffix}", model.name))?;
        }
        Ok(DeleteResponse::default())
    }

    async fn import(&self, _: &Context, request: ImportRequest) -> Result<ImportResponse, Diagnostics> {
        let Some(name) = request.id.strip_prefix("thing/") else {
            return Err(Diagnostic::error("Wrong id")
                .detail(format!("`{}` should be `thing/<name>`.", request.id))
                .into());
        };
        Ok(ImportResponse::new(Value::object([("name", name.into())])))
    }

    async fn upgrade(&self, _: &Context, mut request: UpgradeRequest) -> Result<Value, Diagnostics> {
        // Before version 2 the name was called title.
        if request.version < 2
            && let Some(state) = request.state.as_object_mut()
            && let Some(title) = state.remove("title")
        {
            state.insert("name".to_owned(), title);
        }
        Ok(request.lenient()?)
    }
}
