//! Resources.

use tracing::info_span;

use super::lookup::Offer;
use super::provider::either;
use super::settle::{self, Settled};
use super::{Service, convert};
use crate::proto::tfplugin6 as proto;
use crate::{
    Context, CreateRequest, DeleteRequest, Diagnostic, Diagnostics, ImportRequest, PlanRequest, Private,
    ReadRequest, Resource, Severity, SoFar, UpdateRequest, UpgradeRequest, Value,
};

impl Service {
    pub(super) async fn validate_resource_config(
        &self,
        request: proto::validate_resource_config::Request,
    ) -> proto::validate_resource_config::Response {
        let resource = self.resources.get(&request.type_name).cloned();
        let result = self
            .calls
            .run_read(info_span!("validate", resource = request.type_name), move |ctx| async move {
                let resource = resource?;
                let config = convert::decode(request.config, &resource.schema.ty(), "a configuration")?;
                if !request.client_capabilities.unwrap_or_default().write_only_attributes_allowed {
                    refuse_write_only(&resource, &config)?;
                }
                resource.check(&ctx, config).await
            })
            .await;
        proto::validate_resource_config::Response { diagnostics: convert::diagnostics(either(result)) }
    }

    pub(super) async fn upgrade_resource_state(
        &self,
        request: proto::upgrade_resource_state::Request,
    ) -> proto::upgrade_resource_state::Response {
        let resource = self.resources.get(&request.type_name).cloned();
        let result = self
            .calls
            .run_read(info_span!("upgrade", resource = request.type_name), move |ctx| async move {
                upgrade(&resource?, &ctx, request.version, request.raw_state.unwrap_or_default()).await
            })
            .await;
        let (upgraded_state, diagnostics) = split(result.map(|state| (state, Diagnostics::new())));
        proto::upgrade_resource_state::Response { upgraded_state, diagnostics }
    }

    pub(super) async fn read_resource(
        &self,
        request: proto::read_resource::Request,
    ) -> proto::read_resource::Response {
        let resource = self.resources.get(&request.type_name).cloned();
        let (before, private) = (request.current_state.clone(), request.private.clone());
        let result = self
            .calls
            .run_read(info_span!("read", resource = request.type_name), move |ctx| async move {
                let Offer { schema, imp } = resource?;
                let ty = schema.ty();
                let state = convert::decode(request.current_state, &ty, "a state")?;
                let request = ReadRequest { state, private: Private(request.private) };
                let response = imp.read(&ctx, request).await?;
                let state = schema.without_write_only(response.state.unwrap_or_default());
                Ok((convert::encode(&state, &ty, "a state")?, response.private, response.diagnostics))
            })
            .await;
        match result {
            Ok((state, new_private, diagnostics)) => proto::read_resource::Response {
                new_state: Some(state),
                private: new_private.map_or(private, |private| private.0),
                diagnostics: convert::diagnostics(diagnostics),
            },
            Err(diagnostics) => proto::read_resource::Response {
                new_state: before,
                private,
                diagnostics: convert::diagnostics(diagnostics),
            },
        }
    }

    pub(super) async fn plan_resource_change(
        &self,
        request: proto::plan_resource_change::Request,
    ) -> proto::plan_resource_change::Response {
        let resource = self.resources.get(&request.type_name).cloned();
        let prior_private = request.prior_private.clone();
        let result = self
            .calls
            .run_read(info_span!("plan", resource = request.type_name), move |ctx| async move {
                let Offer { schema, imp } = resource?;
                let ty = schema.ty();
                let request = PlanRequest {
                    config: convert::decode(request.config, &ty, "a configuration")?,
                    prior: convert::decode(request.prior_state, &ty, "a prior state")?,
                    proposed: convert::decode(request.proposed_new_state, &ty, "a proposed state")?,
                    private: Private(request.prior_private),
                    schema: schema.clone(),
                };
                let destroy = request.is_destroy();
                let mut response = imp.plan(&ctx, request).await?;
                if destroy {
                    response.planned = Value::Null;
                }
                let planned = schema.without_write_only(std::mem::take(&mut response.planned));
                Ok((convert::encode(&planned, &ty, "a plan")?, response))
            })
            .await;
        match result {
            Ok((planned, response)) => proto::plan_resource_change::Response {
                planned_state: Some(planned),
                requires_replace: response.requires_replace.iter().map(convert::path).collect(),
                planned_private: response.private.map_or(prior_private, |private| private.0),
                diagnostics: convert::diagnostics(response.diagnostics),
            },
            Err(diagnostics) => proto::plan_resource_change::Response {
                diagnostics: convert::diagnostics(diagnostics),
                ..Default::default()
            },
        }
    }

    pub(super) async fn apply_resource_change(
        &self,
        request: proto::apply_resource_change::Request,
    ) -> proto::apply_resource_change::Response {
        // If the request cannot even be read, everything is as before.
        let before = (request.prior_state.clone(), request.planned_private.clone());
        match self.apply(request).await {
            Ok((state, settled)) => proto::apply_resource_change::Response {
                new_state: Some(state),
                private: settled.private.0,
                diagnostics: convert::diagnostics(settled.diagnostics),
            },
            Err(diagnostics) => proto::apply_resource_change::Response {
                new_state: before.0,
                private: before.1,
                diagnostics: convert::diagnostics(diagnostics),
            },
        }
    }

    async fn apply(
        &self,
        request: proto::apply_resource_change::Request,
    ) -> Result<(proto::DynamicValue, Settled), Diagnostics> {
        let Offer { schema, imp } = self.resources.get(&request.type_name)?.clone();
        let ty = schema.ty();
        let prior = convert::decode(request.prior_state, &ty, "a prior state")?;
        let planned = convert::decode(request.planned_state, &ty, "a plan")?;
        let config = convert::decode(request.config, &ty, "a configuration")?;
        let private = Private(request.planned_private);
        let so_far = SoFar::default();

        let mut settled = if planned.is_null() {
            let span = info_span!("delete", resource = request.type_name);
            let request =
                DeleteRequest { state: prior.clone(), private: private.clone(), so_far: so_far.clone() };
            let result = self.calls.run(span, |ctx| async move { imp.delete(&ctx, request).await }).await;
            settle::deleted(prior, private, &so_far, result)
        } else if prior.is_null() {
            let span = info_span!("create", resource = request.type_name);
            let request = CreateRequest {
                config: config.clone(),
                planned,
                private: private.clone(),
                so_far: so_far.clone(),
            };
            let offer = Offer { schema: schema.clone(), imp: imp.clone() };
            let result = self
                .calls
                .run(span, |ctx| async move {
                    refuse_invalid(&offer, &ctx, config).await?;
                    imp.create(&ctx, request).await
                })
                .await;
            settle::applied(&schema, prior, private, &so_far, result)
        } else {
            let span = info_span!("update", resource = request.type_name);
            let request = UpdateRequest {
                config: config.clone(),
                prior: prior.clone(),
                planned,
                private: private.clone(),
                so_far: so_far.clone(),
            };
            let offer = Offer { schema: schema.clone(), imp: imp.clone() };
            let result = self
                .calls
                .run(span, |ctx| async move {
                    refuse_invalid(&offer, &ctx, config).await?;
                    imp.update(&ctx, request).await
                })
                .await;
            settle::applied(&schema, prior, private, &so_far, result)
        };
        let state = match convert::encode(&settled.state, &ty, "a state") {
            Ok(state) => state,
            Err(diagnostic) => {
                settled.diagnostics.push(diagnostic);
                settled.state = settle::what_fits(settled.state, &ty);
                convert::encode(&settled.state, &ty, "a state")?
            }
        };
        Ok((state, settled))
    }

    pub(super) async fn import_resource_state(
        &self,
        request: proto::import_resource_state::Request,
    ) -> proto::import_resource_state::Response {
        let resource = self.resources.get(&request.type_name).cloned();
        let type_name = request.type_name.clone();
        let result = self
            .calls
            .run_read(info_span!("import", resource = request.type_name), move |ctx| async move {
                let Offer { schema, imp } = resource?;
                let response = imp.import(&ctx, ImportRequest { id: request.id }).await?;
                let mut states = Vec::new();
                for imported in response.states {
                    let state = schema.without_write_only(imported.state);
                    states.push((convert::encode(&state, &schema.ty(), "a state")?, imported.private));
                }
                Ok((states, response.diagnostics))
            })
            .await;
        let (states, diagnostics) = result.unwrap_or_else(|diagnostics| (Vec::new(), diagnostics));
        let imported_resources = states
            .into_iter()
            .map(|(state, private)| proto::import_resource_state::ImportedResource {
                type_name: type_name.clone(),
                state: Some(state),
                private: private.0,
            })
            .collect();
        proto::import_resource_state::Response {
            imported_resources,
            diagnostics: convert::diagnostics(diagnostics),
        }
    }
}

/// Validates again what may have been unknown when it was validated, before anything is changed. Warnings were said then.
async fn refuse_invalid(
    resource: &Offer<dyn Resource>,
    ctx: &Context,
    config: Value,
) -> Result<(), Diagnostics> {
    let found = either(resource.check(ctx, config).await);
    if !found.has_errors() {
        return Ok(());
    }
    Err(found.into_iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect())
}

async fn upgrade(
    resource: &Offer<dyn Resource>,
    ctx: &Context,
    version: i64,
    raw: proto::RawState,
) -> Result<proto::DynamicValue, Diagnostics> {
    let Offer { schema, imp } = resource;
    if version > schema.version {
        return Err(Diagnostic::error("The stored state was written by a newer version of the provider")
            .detail(format!(
                "It has version {version} of the schema, and this provider knows up to {}. Use a provider at least as \
                 new as the one that wrote it.",
                schema.version
            ))
            .into());
    }
    let state = serde_json::from_slice(&raw.json).map_err(|error| {
        Diagnostic::error("The stored state cannot be read").detail(format!("It is no JSON: {error}."))
    })?;
    let request = UpgradeRequest { schema: schema.clone(), version, state };
    let state = schema.without_write_only(imp.upgrade(ctx, request).await?);
    Ok(convert::encode(&state, &schema.ty(), "an upgraded state")?)
}

/// Terraform before 1.11 would store write-only values.
fn refuse_write_only(resource: &Offer<dyn Resource>, config: &Value) -> Result<(), Diagnostics> {
    let found: Diagnostics = resource
        .schema
        .write_only_set(config)
        .into_iter()
        .map(|path| {
            Diagnostic::error("Write-only attributes need Terraform 1.11 or later")
                .detail("This version would store the value in its state. Upgrade Terraform, or leave the attribute out.")
                .at(path)
        })
        .collect();
    found.into_result().map(|_| ())
}

fn split(
    result: Result<(proto::DynamicValue, Diagnostics), Diagnostics>,
) -> (Option<proto::DynamicValue>, Vec<proto::Diagnostic>) {
    match result {
        Ok((state, diagnostics)) => (Some(state), convert::diagnostics(diagnostics)),
        Err(diagnostics) => (None, convert::diagnostics(diagnostics)),
    }
}
