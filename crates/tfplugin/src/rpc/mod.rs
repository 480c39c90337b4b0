//! The service `tfplugin6.Provider`: each call decodes by the schema, runs provider code behind `guard::Calls::run`, and
//! answers with a state and diagnostics. Nothing here ends in a gRPC error: Terraform shows those badly.

mod convert;
mod function;
mod guard;
pub(crate) mod lookup;
mod provider;
mod resource;
pub(crate) mod settle;

use std::sync::Arc;

pub(crate) use guard::{Calls, install_panic_hook};
use tonic::{Request, Response, Status};

use self::lookup::{Offer, Offers};
use crate::proto::tfplugin6 as proto;
use crate::{DataSource, Function, Provider, Resource, Schema};

/// The provider as Terraform sees it.
pub(crate) struct Service {
    provider: Arc<dyn Provider>,
    schema: Schema,
    resources: Offers<Offer<dyn Resource>>,
    data_sources: Offers<Offer<dyn DataSource>>,
    functions: Offers<Arc<dyn Function>>,
    calls: Arc<Calls>,
}

impl Service {
    pub(crate) fn new(provider: Arc<dyn Provider>, calls: Arc<Calls>) -> Self {
        let resources = provider.resources().into_iter().map(|resource| {
            let schema = Arc::new(resource.schema());
            (resource.type_name().to_owned(), Offer { schema, imp: resource })
        });
        let data_sources = provider.data_sources().into_iter().map(|source| {
            let schema = Arc::new(source.schema());
            (source.type_name().to_owned(), Offer { schema, imp: source })
        });
        let functions =
            provider.functions().into_iter().map(|function| (function.name().to_owned(), function));
        Self {
            schema: provider.schema(),
            resources: Offers::new("resource", resources),
            data_sources: Offers::new("data source", data_sources),
            functions: Offers::new("function", functions),
            provider,
            calls,
        }
    }
}

/// Each RPC is a method of the same name in one of the modules.
macro_rules! forward {
    ($($rpc:ident: $module:ident),+ $(,)?) => {
        #[tonic::async_trait]
        impl proto::provider_server::Provider for Service {
            $(
                async fn $rpc(
                    &self,
                    request: Request<proto::$module::Request>,
                ) -> Result<Response<proto::$module::Response>, Status> {
                    tracing::trace!(rpc = stringify!($rpc), "called");
                    Ok(Response::new(Service::$rpc(self, request.into_inner()).await))
                }
            )+
        }
    };
}

forward! {
    get_provider_schema: get_provider_schema,
    validate_provider_config: validate_provider_config,
    validate_resource_config: validate_resource_config,
    validate_data_resource_config: validate_data_resource_config,
    upgrade_resource_state: upgrade_resource_state,
    configure_provider: configure_provider,
    read_resource: read_resource,
    plan_resource_change: plan_resource_change,
    apply_resource_change: apply_resource_change,
    import_resource_state: import_resource_state,
    read_data_source: read_data_source,
    get_functions: get_functions,
    call_function: call_function,
    stop_provider: stop_provider,
}
