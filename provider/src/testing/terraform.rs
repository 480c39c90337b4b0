//! Terraform's walk: refresh, plan, apply.

use std::collections::BTreeMap;
use std::sync::Arc;

use tfplugin::{
    Context, Diagnostics, ImportRequest, PlanRequest, Private, Provider, ReadRequest, Resource, Schema,
    Severity, Value, testing,
};

use super::config::{Config, Declared};
use super::state::{Instance, State};
use super::{Killed, Process, contract, proposed};
use crate::provider::Databend;

/// A configuration and its state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terraform {
    pub(crate) config: Config,
    pub(crate) state: State,
}

/// What is to be done to one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Nothing,
    Create,
    Update,
    Replace,
    Destroy,
}

/// What came of a plan or an apply.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What was planned, by address.
    pub(crate) actions: BTreeMap<String, Action>,
    /// For each planned change, the attributes that differ.
    pub(crate) differences: Vec<String>,
    /// Errors, each with its resource.
    pub(crate) errors: Vec<String>,
    /// Warnings, each with its resource.
    pub(crate) warnings: Vec<String>,
}

impl Outcome {
    /// Whether there is nothing to do and nothing went wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.actions.values().all(|action| *action == Action::Nothing)
    }

    fn say(&mut self, address: &str, diagnostics: &Diagnostics) {
        for diagnostic in diagnostics {
            let text = format!("{address}: {diagnostic}");
            match diagnostic.severity {
                Severity::Error => self.errors.push(text),
                Severity::Warning => self.warnings.push(text),
            }
        }
    }
}

/// A plan: the outcome, the refreshed state, and what was planned for each declared resource.
struct Planned {
    outcome: Outcome,
    refreshed: State,
    values: State,
}

impl Terraform {
    /// A configuration that was never applied.
    pub(crate) fn new(config: Config) -> Self {
        Self { config, state: State::default() }
    }

    /// Refreshes and plans. The state stays as it is.
    pub(crate) fn plan(&self, process: &Process) -> Result<Outcome, Killed> {
        process.run(async {
            let walk = Walk::new(process).await;
            let planned = walk.plan(&self.config, &self.state).await;
            walk.end().await;
            planned.outcome
        })
    }

    /// Refreshes, plans and applies. A killed apply leaves the state as it was before.
    pub(crate) fn apply(&mut self, process: &Process) -> Result<Outcome, Killed> {
        let (outcome, state) = process.run(async {
            let walk = Walk::new(process).await;
            let planned = walk.plan(&self.config, &self.state).await;
            walk.end().await;
            if !planned.outcome.errors.is_empty() {
                return (planned.outcome, self.state.clone());
            }
            let walk = Walk::new(process).await;
            let applied = walk.apply(&self.config, planned).await;
            walk.end().await;
            applied
        })?;
        self.state = state;
        Ok(outcome)
    }

    /// `terraform import`: takes an existing object into the state. Returns the errors.
    pub(crate) fn import(
        &mut self,
        process: &Process,
        address: &str,
        id: &str,
    ) -> Result<Vec<String>, Killed> {
        let (outcome, instance) =
            process.run(async { Walk::new(process).await.import(address, id).await })?;
        if let Some(mut instance) = instance {
            let declared = self.config.resources.iter().find(|declared| declared.address == address);
            instance.dependencies = declared.map(Declared::dependencies).unwrap_or_default();
            self.state.resources.insert(address.to_owned(), instance);
        }
        Ok(outcome.errors)
    }

    /// `terraform state rm`.
    pub(crate) fn forget(&mut self, address: &str) {
        self.state.resources.remove(address);
    }

    /// An attribute of a resource in the state, as JSON.
    pub(crate) fn attribute(&self, address: &str, name: &str) -> serde_json::Value {
        let value = self.state.resources[address].value.get(name);
        tfplugin::from_value(value).unwrap_or_else(|error| panic!("{address}.{name}: {error}"))
    }

    /// Applies a configuration without resources.
    pub(crate) fn destroy(&mut self, process: &Process) -> Result<Outcome, Killed> {
        self.config = Config::default();
        self.apply(process)
    }
}

/// One walk over all resources, with a provider process of its own.
struct Walk {
    provider: Databend,
    resources: BTreeMap<String, (Arc<dyn Resource>, Arc<Schema>)>,
}

impl Walk {
    async fn new(process: &Process) -> Self {
        let provider = process.provider().await;
        let by_name = |resource: Arc<dyn Resource>| {
            let schema = Arc::new(resource.schema());
            (resource.type_name().to_owned(), (resource, schema))
        };
        let resources = provider.resources().into_iter().map(by_name).collect();
        Self { provider, resources }
    }

    /// Terraform ends the provider in an orderly way.
    async fn end(self) {
        self.provider.shutdown().await;
    }

    fn of(&self, address: &str) -> (&dyn Resource, &Arc<Schema>) {
        let ty = address.split('.').next().unwrap_or_default();
        let (resource, schema) = self.resources.get(ty).unwrap_or_else(|| panic!("no resource {ty}"));
        (resource.as_ref(), schema)
    }

    async fn plan(&self, config: &Config, state: &State) -> Planned {
        let mut outcome = Outcome::default();
        self.validate(config, &mut outcome).await;
        let refreshed = if outcome.errors.is_empty() {
            self.refresh(state, &mut outcome).await
        } else {
            State::default()
        };
        let mut values = State::default();
        if outcome.errors.is_empty() {
            for declared in &config.resources {
                self.plan_one(declared, &refreshed, &mut values, &mut outcome).await;
            }
            for address in refreshed.dependents_first() {
                if !config.resources.iter().any(|declared| declared.address == address) {
                    self.plan_destroy(&address, &refreshed, &mut outcome).await;
                }
            }
        }
        Planned { outcome, refreshed, values }
    }

    async fn validate(&self, config: &Config, outcome: &mut Outcome) {
        for declared in &config.resources {
            let (resource, schema) = self.of(declared.type_name());
            let config = declared.value(schema, &State::default());
            let found = testing::validate(resource, schema, config).await;
            outcome.say(&declared.address, &found);
        }
    }

    async fn import(&self, address: &str, id: &str) -> (Outcome, Option<Instance>) {
        let mut outcome = Outcome::default();
        let (resource, schema) = self.of(address);
        let imported = match resource.import(&Context::default(), ImportRequest { id: id.to_owned() }).await {
            Ok(response) => response.states.into_iter().next(),
            Err(diagnostics) => {
                outcome.say(address, &diagnostics);
                None
            }
        };
        let Some(imported) = imported else { return (outcome, None) };
        let value = testing::stored(schema, imported.state);
        let instance =
            Instance { value, private: imported.private, is_tainted: false, dependencies: Vec::new() };
        let state = State { resources: BTreeMap::from([(address.to_owned(), instance)]) };
        let mut refreshed = self.refresh(&state, &mut outcome).await;
        (outcome, refreshed.resources.remove(address))
    }

    async fn refresh(&self, state: &State, outcome: &mut Outcome) -> State {
        let mut refreshed = State::default();
        for (address, instance) in &state.resources {
            let (resource, schema) = self.of(address);
            let request = ReadRequest { state: instance.value.clone(), private: instance.private.clone() };
            match resource.read(&Context::default(), request).await {
                Ok(response) => {
                    outcome.say(address, &response.diagnostics);
                    if let Some(value) = response.state {
                        let value = testing::stored(schema, value);
                        assert!(value.is_wholly_known(), "{address}: read gave an unknown value");
                        let private = response.private.unwrap_or_else(|| instance.private.clone());
                        let read = Instance { value, private, ..instance.clone() };
                        refreshed.resources.insert(address.clone(), read);
                    }
                }
                Err(diagnostics) => outcome.say(address, &diagnostics),
            }
        }
        refreshed
    }

    async fn plan_one(
        &self,
        declared: &Declared,
        refreshed: &State,
        values: &mut State,
        outcome: &mut Outcome,
    ) {
        let (_, schema) = self.of(&declared.address);
        let config = declared.value(schema, values);
        let known = refreshed.resources.get(&declared.address);
        let prior = known.filter(|instance| !instance.is_tainted);
        let before = prior.map(|instance| instance.value.clone()).unwrap_or_default();
        let private = known.map(|instance| instance.private.clone()).unwrap_or_default();
        let Some((mut planned, mut private, replaces)) =
            self.ask(&declared.address, &config, &before, private, outcome).await
        else {
            return;
        };
        let action = if before.is_null() {
            if known.is_some() { Action::Replace } else { Action::Create }
        } else if replaces {
            let Some(again) =
                self.ask(&declared.address, &config, &Value::Null, Private::default(), outcome).await
            else {
                return;
            };
            (planned, private, _) = again;
            Action::Replace
        } else if planned == before {
            Action::Nothing
        } else {
            Action::Update
        };
        if action != Action::Nothing {
            differences(&declared.address, &before, &planned, &mut outcome.differences);
        }
        outcome.actions.insert(declared.address.clone(), action);
        let dependencies = declared.dependencies();
        let instance = Instance { value: planned, private, is_tainted: false, dependencies };
        values.resources.insert(declared.address.clone(), instance);
    }

    /// One `PlanResourceChange`: the planned value, private state, and whether it needs a replacement. Terraform validates
    /// first, now that more is known.
    async fn ask(
        &self,
        address: &str,
        config: &Value,
        prior: &Value,
        private: Private,
        outcome: &mut Outcome,
    ) -> Option<(Value, Private, bool)> {
        let (resource, schema) = self.of(address);
        let found = testing::validate(resource, schema, config.clone()).await;
        if found.has_errors() {
            outcome.say(address, &found);
            return None;
        }
        let proposed = testing::stored(schema, proposed::proposed(&schema.attributes, config, prior));
        let request = PlanRequest {
            schema: schema.clone(),
            config: config.clone(),
            prior: prior.clone(),
            proposed,
            private: private.clone(),
        };
        match resource.plan(&Context::default(), request).await {
            Ok(response) => {
                outcome.say(address, &response.diagnostics);
                let planned = testing::stored(schema, response.planned);
                contract::check_plan(address, &schema.attributes, config, prior, &planned);
                let replaces = response
                    .requires_replace
                    .iter()
                    .any(|path| prior.at(path.clone()) != planned.at(path.clone()));
                Some((planned, response.private.unwrap_or(private), replaces))
            }
            Err(diagnostics) => {
                outcome.say(address, &diagnostics);
                None
            }
        }
    }

    async fn plan_destroy(&self, address: &str, refreshed: &State, outcome: &mut Outcome) {
        let (resource, schema) = self.of(address);
        let instance = &refreshed.resources[address];
        let request = PlanRequest {
            schema: schema.clone(),
            config: Value::Null,
            prior: instance.value.clone(),
            proposed: Value::Null,
            private: instance.private.clone(),
        };
        match resource.plan(&Context::default(), request).await {
            Ok(response) => {
                outcome.say(address, &response.diagnostics);
                outcome.actions.insert(address.to_owned(), Action::Destroy);
                outcome.differences.push(format!("{address}: destroyed"));
            }
            Err(diagnostics) => outcome.say(address, &diagnostics),
        }
    }

    /// Destroys first, dependents before what they refer to; then creates and updates, in the order of references.
    async fn apply(&self, config: &Config, planned: Planned) -> (Outcome, State) {
        let Planned { mut outcome, refreshed, values } = planned;
        let mut state = refreshed.clone();
        let mut failed: Vec<String> = Vec::new();
        for address in refreshed.dependents_first() {
            let action = outcome.actions.get(&address);
            if matches!(action, Some(Action::Destroy | Action::Replace)) {
                // What still refers to it was not destroyed.
                let kept = failed.iter().any(|other| {
                    refreshed.resources.get(other).is_some_and(|i| i.dependencies.contains(&address))
                });
                if kept || !self.destroy(&address, &mut state, &mut outcome).await {
                    failed.push(address);
                }
            }
        }
        for declared in &config.resources {
            let action = outcome.actions[&declared.address];
            let is_blocked = declared.dependencies().iter().any(|other| failed.contains(other))
                || failed.contains(&declared.address);
            if action == Action::Nothing {
                continue;
            }
            let first = &values.resources[&declared.address].value;
            if is_blocked || !self.put(declared, first, &mut state, &mut outcome).await {
                failed.push(declared.address.clone());
            }
        }
        (outcome, state)
    }

    async fn destroy(&self, address: &str, state: &mut State, outcome: &mut Outcome) -> bool {
        let (resource, schema) = self.of(address);
        let instance = state.resources[address].clone();
        let applied = testing::apply(
            resource,
            schema,
            Value::Null,
            instance.value.clone(),
            Value::Null,
            instance.private.clone(),
        )
        .await;
        outcome.say(address, &applied.diagnostics);
        if applied.state.is_null() {
            assert!(!applied.diagnostics.has_errors(), "{address}: an error, but the state is gone");
            state.resources.remove(address);
            return true;
        }
        let left = Instance { value: applied.state, private: applied.private, ..instance };
        state.resources.insert(address.to_owned(), left);
        false
    }

    /// Creates or updates. The plan is made again first, now that every reference is known.
    async fn put(
        &self,
        declared: &Declared,
        first: &Value,
        state: &mut State,
        outcome: &mut Outcome,
    ) -> bool {
        let address = &declared.address;
        let (resource, schema) = self.of(address);
        let config = declared.value(schema, state);
        assert!(config.is_wholly_known(), "{address}: unknown in apply: {config:?}");
        let prior = state.resources.get(address);
        let before = prior.map(|instance| instance.value.clone()).unwrap_or_default();
        let private = prior.map(|instance| instance.private.clone()).unwrap_or_default();
        let mut again = Outcome::default();
        let Some((planned, private, _)) = self.ask(address, &config, &before, private, &mut again).await
        else {
            outcome.errors.append(&mut again.errors);
            return false;
        };
        contract::check_compatible(address, first, &planned);
        let applied =
            testing::apply(resource, schema, config, before.clone(), planned.clone(), private).await;
        outcome.say(address, &applied.diagnostics);
        let has_failed = applied.diagnostics.has_errors();
        if !has_failed {
            contract::check_compatible(address, &planned, &applied.state);
        }
        if applied.state.is_null() {
            state.resources.remove(address);
        } else {
            let instance = Instance {
                value: applied.state,
                private: applied.private,
                is_tainted: has_failed && before.is_null(),
                dependencies: declared.dependencies(),
            };
            state.resources.insert(address.clone(), instance);
        }
        !has_failed
    }
}

fn differences(address: &str, before: &Value, planned: &Value, out: &mut Vec<String>) {
    let Some(attributes) = planned.as_map() else { return };
    for (name, value) in attributes {
        if before.get(name) != value && !before.is_null() {
            out.push(format!("{address}.{name}: {:?} -> {value:?}", before.get(name)));
        }
    }
    if before.is_null() {
        out.push(format!("{address}: created"));
    }
}
