//! The provider itself: schema, configuration, data sources, stop.

use tracing::info_span;

use super::{Service, convert};
use crate::proto::tfplugin6 as proto;
use crate::{
    ConfigureRequest, Diagnostic, Diagnostics, ReadDataRequest, Schema, ValidateRequest, schema::Attribute,
};

impl Service {
    #[allow(clippy::unused_async, reason = "as the other calls")]
    pub(super) async fn get_provider_schema(
        &self,
        _: proto::get_provider_schema::Request,
    ) -> proto::get_provider_schema::Response {
        proto::get_provider_schema::Response {
            provider: Some(convert::schema(&self.schema)),
            resource_schemas: self
                .resources
                .iter()
                .map(|(name, offer)| (name.clone(), convert::schema(&offer.schema)))
                .collect(),
            data_source_schemas: self
                .data_sources
                .iter()
                .map(|(name, offer)| (name.clone(), convert::schema(&offer.schema)))
                .collect(),
            functions: self
                .functions
                .iter()
                .map(|(name, function)| (name.clone(), convert::function(function.as_ref())))
                .collect(),
            diagnostics: convert::diagnostics(self.problems()),
            server_capabilities: Some(proto::ServerCapabilities {
                plan_destroy: true,
                get_provider_schema_optional: true,
                move_resource_state: false,
            }),
        }
    }

    /// Mistakes in the provider's own schemas.
    fn problems(&self) -> Diagnostics {
        let of_schema = |name: &str, schema: &Schema| {
            let problems = schema.problems();
            problems.into_iter().map(|problem| format!("{name}: {problem}")).collect::<Vec<_>>()
        };
        let mut problems = of_schema("provider", &self.schema);
        for (name, offer) in self.resources.iter() {
            problems.extend(of_schema(name, &offer.schema));
        }
        for (name, offer) in self.data_sources.iter() {
            problems.extend(of_schema(name, &offer.schema));
            if offer.schema.attributes.iter().any(|Attribute { write_only, .. }| *write_only) {
                problems.push(format!("{name}: data sources have no write-only attributes"));
            }
        }
        problems.extend(self.resources.twice.iter().cloned());
        problems.extend(self.data_sources.twice.iter().cloned());
        problems.extend(self.functions.twice.iter().cloned());
        problems
            .into_iter()
            .map(|problem| {
                Diagnostic::error("The provider's schema is wrong")
                    .detail(format!("{problem}. This is a bug in the provider."))
            })
            .collect()
    }

    pub(super) async fn validate_provider_config(
        &self,
        request: proto::validate_provider_config::Request,
    ) -> proto::validate_provider_config::Response {
        let (provider, schema) = (self.provider.clone(), self.schema.clone());
        let result = self
            .calls
            .run_read(info_span!("validate_provider"), move |ctx| async move {
                let config = convert::decode(request.config, &schema.ty(), "a provider configuration")?;
                schema.check(&config).into_result()?;
                provider.validate(&ctx, ValidateRequest { config }).await
            })
            .await;
        proto::validate_provider_config::Response { diagnostics: convert::diagnostics(either(result)) }
    }

    pub(super) async fn configure_provider(
        &self,
        request: proto::configure_provider::Request,
    ) -> proto::configure_provider::Response {
        let (provider, ty) = (self.provider.clone(), self.schema.ty());
        let result = self
            .calls
            .run_read(info_span!("configure"), move |ctx| async move {
                let config = convert::decode(request.config, &ty, "a provider configuration")?;
                let request = ConfigureRequest { config, terraform_version: request.terraform_version };
                provider.configure(&ctx, request).await
            })
            .await;
        proto::configure_provider::Response { diagnostics: convert::diagnostics(either(result)) }
    }

    pub(super) async fn validate_data_resource_config(
        &self,
        request: proto::validate_data_resource_config::Request,
    ) -> proto::validate_data_resource_config::Response {
        let source = self.data_sources.get(&request.type_name).cloned();
        let result = self
            .calls
            .run_read(info_span!("validate", data_source = request.type_name), move |ctx| async move {
                let source = source?;
                let config = convert::decode(request.config, &source.schema.ty(), "a configuration")?;
                source.schema.check(&config).into_result()?;
                source.imp.validate(&ctx, ValidateRequest { config }).await
            })
            .await;
        proto::validate_data_resource_config::Response { diagnostics: convert::diagnostics(either(result)) }
    }

    pub(super) async fn read_data_source(
        &self,
        request: proto::read_data_source::Request,
    ) -> proto::read_data_source::Response {
        let source = self.data_sources.get(&request.type_name).cloned();
        let result = self
            .calls
            .run_read(info_span!("read", data_source = request.type_name), move |ctx| async move {
                let source = source?;
                let ty = source.schema.ty();
                let config = convert::decode(request.config, &ty, "a configuration")?;
                let response = source.imp.read(&ctx, ReadDataRequest { config }).await?;
                let state = convert::encode(&response.state, &ty, "a data source's state")?;
                Ok((state, response.diagnostics))
            })
            .await;
        let (state, diagnostics) = match result {
            Ok((state, diagnostics)) => (Some(state), diagnostics),
            Err(diagnostics) => (None, diagnostics),
        };
        proto::read_data_source::Response { state, diagnostics: convert::diagnostics(diagnostics) }
    }

    #[allow(clippy::unused_async, reason = "as the other calls")]
    pub(super) async fn stop_provider(
        &self,
        _: proto::stop_provider::Request,
    ) -> proto::stop_provider::Response {
        tracing::info!("asked to stop; telling the running calls");
        self.calls.stop();
        proto::stop_provider::Response::default()
    }
}

/// Checks say the same things whether they end well or not.
pub(super) fn either(result: Result<Diagnostics, Diagnostics>) -> Diagnostics {
    result.unwrap_or_else(|diagnostics| diagnostics)
}
