//! The attributes of `databend_cdc_stage`, and the checks of a configuration.

use pipeline::Stage;
use pipeline::stage::Auth;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tfplugin::{Diagnostic, Diagnostics, Value};

use crate::diagnostics::sentence;

/// The attributes. Write-only ones have a value in the configuration alone, and are never written to a state.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct StageModel {
    pub(super) name: String,
    pub(super) url: Option<String>,
    pub(super) region: Option<String>,
    pub(super) endpoint_url: Option<String>,
    pub(super) role_arn: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) connection_name: Option<String>,
    #[serde(skip_serializing)]
    pub(super) access_key_id_wo: Option<SecretString>,
    #[serde(skip_serializing)]
    pub(super) secret_access_key_wo: Option<SecretString>,
    pub(super) credentials_version: Option<i64>,
    pub(super) has_credentials: Option<bool>,
    pub(super) comment: Option<String>,
}

impl StageModel {
    /// The stage that a checked configuration describes.
    pub(super) fn stage(&self) -> Result<Stage, Diagnostic> {
        let auth =
            match (&self.role_arn, &self.connection_name, &self.access_key_id_wo, &self.secret_access_key_wo)
            {
                (Some(arn), None, None, None) => {
                    Auth::Role { arn: arn.clone(), external_id: self.external_id.clone() }
                }
                (None, Some(name), None, None) => Auth::Connection(name.clone()),
                (None, None, Some(id), Some(secret)) => {
                    Auth::AccessKey { id: id.clone(), secret: secret.clone() }
                }
                _ => return Err(authentication()),
            };
        Ok(Stage {
            name: self.name.clone(),
            url: self.url.clone().unwrap_or_default(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            auth,
            comment: self.comment.clone(),
        })
    }
}

fn authentication() -> Diagnostic {
    Diagnostic::error("A stage authenticates in exactly one way")
        .detail("Set role_arn (with external_id if its trust policy asks for one), or connection_name, or both access_key_id_wo and secret_access_key_wo.")
        .at("role_arn")
}

/// Everything that is wrong with a configuration, as far as its values are known.
pub(super) fn problems(config: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    if let Some(name) = config.get("name").as_str()
        && let Err(error) = Stage::check_name(name)
    {
        found.push(Diagnostic::error("Invalid stage name").detail(sentence(&error.to_string())).at("name"));
    }
    if let Some(url) = config.get("url").as_str()
        && let Err(error) = Stage::check_url(url)
    {
        found.push(Diagnostic::error("Invalid stage URL").detail(sentence(&error.to_string())).at("url"));
    }
    if let Some(endpoint) = config.get("endpoint_url").as_str().filter(|endpoint| !endpoint.is_empty())
        && !(endpoint.starts_with("http://") || endpoint.starts_with("https://"))
    {
        found.push(
            Diagnostic::error("Invalid endpoint")
                .detail(format!("\"{endpoint}\" must start with https:// or http://."))
                .at("endpoint_url"),
        );
    }
    // An empty text is not the same as no value to Databend, and never what is meant. An empty comment is no comment.
    let never_empty = [
        "region",
        "endpoint_url",
        "role_arn",
        "external_id",
        "connection_name",
        "access_key_id_wo",
        "secret_access_key_wo",
    ];
    for name in never_empty.into_iter().filter(|name| config.get(name).as_str() == Some("")) {
        found.push(
            Diagnostic::error(format!("Empty {name}"))
                .detail(format!("{name} is \"\". Give it a value, or set it to null or remove it for none."))
                .at(name),
        );
    }
    if let Some(name) = config.get("connection_name").as_str().filter(|name| !name.is_empty())
        && let Err(error) = Stage::check_connection_name(name)
    {
        found.push(
            Diagnostic::error("Invalid connection name")
                .detail(sentence(&error.to_string()))
                .at("connection_name"),
        );
    }
    let ways = ["role_arn", "connection_name", "access_key_id_wo"];
    let unknown = ways.iter().any(|way| config.get(way).is_unknown());
    let set =
        ways.iter().map(|way| config.get(way)).filter(|way| !way.is_null() && !way.is_unknown()).count();
    if set > 1 || (set == 0 && !unknown) {
        found.push(authentication());
    }
    let half = |one: &str, other: &str| {
        let one = config.get(one);
        !one.is_null() && !one.is_unknown() && config.get(other).is_null()
    };
    for (one, other) in
        [("access_key_id_wo", "secret_access_key_wo"), ("secret_access_key_wo", "access_key_id_wo")]
    {
        if half(one, other) {
            found.push(
                Diagnostic::error("Half an access key")
                    .detail(format!("{one} is set, so {other} must be set too."))
                    .at(one),
            );
        }
    }
    // Databend answers 4000: "connection_name can not be used with other connection options".
    for option in ["region", "endpoint_url"] {
        if is_set(config, option) && is_set(config, "connection_name") {
            found.push(
                Diagnostic::error("A connection brings its own region and endpoint")
                    .detail(format!("With connection_name, Databend takes no {option}: remove it here, and set it in CREATE CONNECTION."))
                    .at(option),
            );
        }
    }
    if half("external_id", "role_arn") {
        found.push(
            Diagnostic::error("External id without a role")
                .detail("external_id goes with role_arn only: set that, or remove this.")
                .at("external_id"),
        );
    }
    found
}

fn is_set(config: &Value, name: &str) -> bool {
    let value = config.get(name);
    !value.is_null() && !value.is_unknown()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(attributes: &[(&'static str, &'static str)]) -> Value {
        let base = [("name", "dms"), ("url", "s3://b/dms/")];
        Value::object(
            base.iter().chain(attributes).map(|(name, value)| {
                (*name, if *value == "?" { Value::Unknown } else { Value::from(*value) })
            }),
        )
    }

    fn paths(attributes: &[(&'static str, &'static str)]) -> Vec<String> {
        problems(&config(attributes)).iter().map(|d| d.path.to_string()).collect()
    }

    #[test]
    fn each_way_of_authenticating_alone_is_right() {
        assert_eq!(paths(&[("role_arn", "arn")]), Vec::<String>::new());
        assert_eq!(paths(&[("role_arn", "?"), ("external_id", "x")]), Vec::<String>::new());
        assert_eq!(paths(&[("connection_name", "c")]), Vec::<String>::new());
        assert_eq!(paths(&[("access_key_id_wo", "a"), ("secret_access_key_wo", "?")]), Vec::<String>::new());
        // What is unknown may turn out null.
        assert_eq!(
            paths(&[("role_arn", "?"), ("access_key_id_wo", "?"), ("external_id", "?")]),
            Vec::<String>::new()
        );
        assert_eq!(paths(&[("access_key_id_wo", "?")]), Vec::<String>::new());
    }

    #[test]
    fn none_two_and_half_are_refused() {
        assert_eq!(paths(&[]), ["role_arn"]);
        assert_eq!(paths(&[("role_arn", "arn"), ("connection_name", "c")]), ["role_arn"]);
        assert_eq!(paths(&[("access_key_id_wo", "a")]), ["access_key_id_wo"]);
        assert_eq!(paths(&[("role_arn", "a"), ("secret_access_key_wo", "s")]), ["secret_access_key_wo"]);
        assert_eq!(paths(&[("connection_name", "c"), ("external_id", "x")]), ["external_id"]);
        assert_eq!(paths(&[("connection_name", "c"), ("region", "eu-west-1")]), ["region"]);
        assert_eq!(paths(&[("connection_name", "c"), ("endpoint_url", "https://s3.x")]), ["endpoint_url"]);
    }

    #[test]
    fn an_empty_text_is_refused_but_for_the_comment() {
        for name in ["region", "endpoint_url", "external_id"] {
            assert_eq!(paths(&[("role_arn", "a"), (name, "")]), [name]);
        }
        assert_eq!(paths(&[("role_arn", "")]), ["role_arn"]);
        assert_eq!(paths(&[("connection_name", "")]), ["connection_name"]);
        assert_eq!(
            paths(&[("access_key_id_wo", ""), ("secret_access_key_wo", "")]),
            ["access_key_id_wo", "secret_access_key_wo"]
        );
        assert_eq!(paths(&[("role_arn", "a"), ("name", "")]), ["name"]);
        assert_eq!(paths(&[("role_arn", "a"), ("url", "")]), ["url"]);
        assert_eq!(paths(&[("role_arn", "a"), ("comment", "")]), Vec::<String>::new());
    }

    #[test]
    fn wrong_connection_names_are_refused() {
        assert_eq!(paths(&[("connection_name", "a b")]), ["connection_name"]);
        assert_eq!(paths(&[("connection_name", "?")]), Vec::<String>::new());
    }

    #[test]
    fn wrong_names_and_urls_are_refused() {
        assert_eq!(paths(&[("role_arn", "a"), ("url", "s3://b/dms")]), ["url"]);
        assert_eq!(paths(&[("role_arn", "a"), ("name", "D M S")]), ["name"]);
        assert_eq!(paths(&[("role_arn", "a"), ("endpoint_url", "localhost:9")]), ["endpoint_url"]);
    }
}
