//! Log lines as Terraform takes them: hclog's JSON on stderr, each at its level (docs/facts/tfplugin6.md, "The plugin
//! handshake"). `TF_LOG_PROVIDER` or `TF_LOG` says from which level on.

use std::fmt;
use std::io::Write;

use serde_json::{Map, Value as Json, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber, span};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// These say at their lower levels what only their own developers want to know.
const CHATTY: [&str; 6] = ["h2", "hyper", "hyper_util", "rustls", "tonic", "tower"];

/// Sends this process's log to Terraform. A subscriber that the provider installed itself stays.
pub(super) fn install(debug: bool) {
    let level = std::env::var("TF_LOG_PROVIDER").or_else(|_| std::env::var("TF_LOG"));
    let level = match level {
        Ok(level) => level_named(&level),
        // A developer with a debugger sees stderr himself.
        Err(_) if debug => LevelFilter::DEBUG,
        Err(_) => LevelFilter::ERROR,
    };
    let filter = Targets::new()
        .with_default(level)
        .with_targets(CHATTY.map(|target| (target, level.min(LevelFilter::WARN))));
    let _ = tracing_subscriber::registry().with(Hclog.with_filter(filter)).try_init();
}

/// Terraform's level names; `JSON` is its word for everything, as JSON.
fn level_named(name: &str) -> LevelFilter {
    match name.to_ascii_uppercase().as_str() {
        "OFF" => LevelFilter::OFF,
        "ERROR" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// Writes each event as one line of JSON, with the fields of the spans around it.
struct Hclog;

/// The fields of a span.
struct Fields(Map<String, Json>);

impl<S> Layer<S> for Hclog
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        let mut fields = Map::new();
        attributes.record(&mut Collect(&mut fields));
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(Fields(fields));
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id)
            && let Some(Fields(fields)) = span.extensions_mut().get_mut()
        {
            values.record(&mut Collect(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Map::new();
        for span in ctx.event_scope(event).into_iter().flatten().collect::<Vec<_>>().iter().rev() {
            fields.insert("call".to_owned(), json!(span.name()));
            if let Some(Fields(of_span)) = span.extensions().get() {
                fields.extend(of_span.clone());
            }
        }
        event.record(&mut Collect(&mut fields));
        let metadata = event.metadata();
        let line = line(*metadata.level(), metadata.target(), fields);
        // One write, so that lines of different threads do not mix. There is no other place to complain to.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

fn line(level: Level, module: &str, mut fields: Map<String, Json>) -> String {
    let message = fields.remove("message").unwrap_or_else(|| json!(""));
    fields.insert("@level".to_owned(), json!(level.as_str().to_ascii_lowercase()));
    fields.insert("@message".to_owned(), message);
    fields.insert("@module".to_owned(), json!(module));
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ");
    fields.insert("@timestamp".to_owned(), json!(now.to_string()));
    format!("{}\n", Json::Object(fields))
}

/// Collects fields as JSON.
struct Collect<'a>(&'a mut Map<String, Json>);

impl Collect<'_> {
    fn insert(&mut self, field: &Field, value: impl Into<Json>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Collect<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_hclog_json() {
        let fields = Map::from_iter([
            ("message".to_owned(), json!("made \"it\"\nwell")),
            ("table".to_owned(), json!("orders")),
        ]);
        let line = line(Level::WARN, "provider::table", fields);
        assert_eq!(line.matches('\n').count(), 1);
        let json: Json = serde_json::from_str(&line).unwrap();
        assert_eq!(json["@level"], "warn");
        assert_eq!(json["@message"], "made \"it\"\nwell");
        assert_eq!(json["@module"], "provider::table");
        assert_eq!(json["table"], "orders");
        assert!(chrono::DateTime::parse_from_rfc3339(json["@timestamp"].as_str().unwrap()).is_ok());
    }

    #[test]
    fn levels_have_terraforms_names() {
        assert_eq!(level_named("warn"), LevelFilter::WARN);
        assert_eq!(level_named("JSON"), LevelFilter::TRACE);
        assert_eq!(level_named("off"), LevelFilter::OFF);
    }
}
