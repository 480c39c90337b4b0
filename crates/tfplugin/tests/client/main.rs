//! A gRPC client of the tests' own plays Terraform's part, where Terraform itself does not go.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod plugin;

use std::time::Duration;

use plugin::{Plugin, object, text};
use plugin::{plugin_proto, proto};

#[tokio::test]
async fn only_the_client_of_the_handshake_gets_in() {
    let plugin = Plugin::start();
    let ours = plugin.connect(Some(&plugin.client)).await.unwrap();
    let schema = plugin::provider(ours)
        .get_provider_schema(proto::get_provider_schema::Request {})
        .await
        .unwrap()
        .into_inner();
    assert!(schema.resource_schemas.contains_key("toy_thing"));

    let stranger = plugin::client_identity();
    plugin.refuses(Some(&stranger)).await;
    plugin.refuses(None).await;
    plugin.refuses_plain_text().await;
}

#[tokio::test]
async fn a_state_of_ten_megabytes_passes() {
    let plugin = Plugin::start();
    let mut provider = plugin.configured_provider().await;
    let comment = "x".repeat(10 << 20);
    let planned = object(&[("name", text("big")), ("comment", text(&comment))]);
    let applied = provider
        .apply_resource_change(proto::apply_resource_change::Request {
            type_name: "toy_thing".to_owned(),
            planned_state: Some(planned.clone()),
            config: Some(planned),
            ..Default::default()
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(applied.diagnostics, []);
    let state = applied.new_state.unwrap();
    assert!(state.msgpack.len() > comment.len());
    let read = provider
        .read_resource(proto::read_resource::Request {
            type_name: "toy_thing".to_owned(),
            current_state: Some(state.clone()),
            private: applied.private.clone(),
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read.diagnostics, []);
    assert_eq!(read.new_state, Some(state));
    assert_eq!(read.private, applied.private);
}

#[tokio::test]
async fn stop_ends_the_running_calls_and_not_the_provider() {
    let plugin = Plugin::start();
    let provider = plugin.configured_provider().await;
    let hangs = |name: &str| {
        let mut provider = provider.clone();
        let planned = object(&[("name", text(name)), ("misbehave", text("hang late"))]);
        async move {
            let request = proto::apply_resource_change::Request {
                type_name: "toy_thing".to_owned(),
                planned_state: Some(planned.clone()),
                config: Some(planned),
                ..Default::default()
            };
            provider.apply_resource_change(request).await.unwrap().into_inner()
        }
    };
    let mut stopper = provider.clone();
    let stop = async {
        while !(plugin.world("a").exists() && plugin.world("b").exists() && plugin.world("it.hangs").exists())
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stopper.stop_provider(proto::stop_provider::Request {}).await.unwrap();
    };
    let (a, b, ()) = tokio::join!(hangs("a"), hangs("b"), stop);
    for stopped in [a, b] {
        assert_eq!(stopped.diagnostics[0].summary, "Cancelled");
        assert_ne!(stopped.new_state.unwrap().msgpack, [0xc0], "what was made is in the state");
    }
    let still = stopper.get_provider_schema(proto::get_provider_schema::Request {}).await;
    assert!(still.is_ok());
}

#[tokio::test]
async fn a_call_goes_on_when_the_connection_is_lost() {
    let plugin = Plugin::start();
    let mut provider = plugin.configured_provider().await;
    let planned = object(&[("name", text("a")), ("misbehave", text("hang early"))]);
    let request = proto::apply_resource_change::Request {
        type_name: "toy_thing".to_owned(),
        planned_state: Some(planned.clone()),
        config: Some(planned),
        ..Default::default()
    };
    let call = tokio::spawn(async move { provider.apply_resource_change(request).await });
    while !plugin.world("it.hangs").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    call.abort();
    let mut other = plugin.configured_provider().await;
    // The call is still there to be stopped: it notes that in the world.
    assert!(!plugin.world("it.was_cancelled").exists());
    other.stop_provider(proto::stop_provider::Request {}).await.unwrap();
    for _ in 0..500 {
        if plugin.world("it.was_cancelled").exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the call ended with its connection");
}

#[tokio::test]
async fn older_terraforms_may_not_set_write_only_attributes() {
    let plugin = Plugin::start();
    let mut provider = plugin.configured_provider().await;
    for allowed in [false, true] {
        let validated = provider
            .validate_resource_config(proto::validate_resource_config::Request {
                type_name: "toy_thing".to_owned(),
                config: Some(object(&[("name", text("a")), ("secret_wo", text("s"))])),
                client_capabilities: Some(proto::ClientCapabilities {
                    write_only_attributes_allowed: allowed,
                    deferral_allowed: false,
                }),
            })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(validated.diagnostics.is_empty(), allowed, "{validated:?}");
    }
}

#[tokio::test]
async fn what_does_not_fit_the_schema_is_named() {
    let plugin = Plugin::start();
    let mut provider = plugin.configured_provider().await;
    let unknown_type =
        proto::read_resource::Request { type_name: "toy_other".to_owned(), ..Default::default() };
    let answer = provider.read_resource(unknown_type).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics[0].summary, "The provider has no resource `toy_other`");
    let wrong = proto::read_resource::Request {
        type_name: "toy_thing".to_owned(),
        current_state: Some(object(&[("name", vec![0xc3])])),
        ..Default::default()
    };
    let answer = provider.read_resource(wrong.clone()).await.unwrap().into_inner();
    let diagnostic = &answer.diagnostics[0];
    assert_eq!(diagnostic.detail, "expected string, found a bool");
    let step = &diagnostic.attribute.as_ref().unwrap().steps[0];
    let name = proto::attribute_path::step::Selector::AttributeName("name".to_owned());
    assert_eq!(step.selector, Some(name));
    assert_eq!(answer.new_state, wrong.current_state, "the state is as before");
}

#[tokio::test]
async fn calls_of_later_protocols_are_not_implemented() {
    let plugin = Plugin::start();
    let channel = plugin.connect(Some(&plugin.client)).await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/tfplugin6.Provider/GetMetadata");
    let status = client.unary(tonic::Request::new(()), path, codec).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn shutdown_ends_the_process_and_removes_the_socket() {
    let mut plugin = Plugin::start();
    let channel = plugin.connect(Some(&plugin.client)).await.unwrap();
    // What Terraform has open all the time: it must not hold up the end.
    let stdio = plugin_proto::grpc_stdio_client::GrpcStdioClient::new(channel.clone()).stream_stdio(()).await;
    assert!(stdio.is_ok());
    plugin_proto::grpc_controller_client::GrpcControllerClient::new(channel)
        .shutdown(plugin_proto::Empty {})
        .await
        .unwrap();
    let socket = plugin.socket.clone();
    // Terraform kills a plugin that takes longer than two seconds.
    assert!(plugin.wait(Duration::from_secs(2)).success());
    assert!(!socket.exists());
    assert!(!socket.parent().unwrap().exists());
}
