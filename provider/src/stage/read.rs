//! The stage as Databend shows it.
//!
//! What is not shown: the connection that the stage was copied from, and keys but for a few characters (docs/facts/databend.md,
//! "Stages"). The stage's own file format is not compared, since no statement of a pipeline uses it: COPY names its
//! format itself.

use serde::{Deserialize, Serialize};
use tfplugin::{Diagnostic, Diagnostics, Private};
use warehouse::catalog::StageInfo;

use super::model::StageModel;
use crate::change::Kept;

/// The role in private state.
const ROLE: &str = "role_arn";

/// What private state keeps of a stage that copies a connection: the catalog shows the connection's role, and the
/// configuration does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Copied {
    /// The role when the stage was created, replaced or imported.
    pub(super) role_arn: Option<String>,
}

/// Private state of a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StageKept {
    pub(super) kept: Kept,
    pub(super) copied: Option<Copied>,
}

/// Its stored form. A stage that copies no connection has no `role_arn`; one whose connection has no role has a null one.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl StageKept {
    pub(super) fn read(private: &Private) -> Result<Self, Diagnostic> {
        let Some(stored) = private.to_json::<Stored>()? else { return Ok(Self::default()) };
        let copied = stored.rest.get(ROLE).map(|role| Copied { role_arn: role.as_str().map(str::to_owned) });
        Ok(Self { kept: Kept { token: stored.token }, copied })
    }

    pub(super) fn write(self) -> Result<Private, Diagnostic> {
        let role = self.copied.map(|copied| (ROLE.to_owned(), copied.role_arn.into()));
        Private::from_json(&Stored { token: self.kept.token, rest: role.into_iter().collect() })
    }
}

impl Copied {
    /// What the catalog shows now.
    pub(super) fn of(info: &StageInfo) -> Self {
        Self { role_arn: parameter(info, "role_arn") }
    }
}

/// Updates the attributes to what the catalog shows. What it does not show stays as it was. Returns what private
/// state keeps from now on, and warnings about drift that the attributes alone do not explain.
pub(super) fn update(
    model: &mut StageModel,
    copied: Option<Copied>,
    info: &StageInfo,
) -> (Option<Copied>, Diagnostics) {
    let mut warnings = Diagnostics::new();
    // An import starts with the name alone.
    let is_import = model.url.is_none();
    model.url = Some(info.url.clone());
    // Databend finds the region by itself, so one that was never set is no drift.
    if let Some(region) = parameter(info, "region")
        && (model.region.is_some() || is_import)
    {
        model.region = Some(region);
    }
    // The endpoint of a stage that copies a connection is the connection's.
    if model.connection_name.is_none() {
        model.endpoint_url = endpoint(model.endpoint_url.as_deref(), &info.endpoint);
    }
    let had_credentials = model.has_credentials;
    model.has_credentials = has_credentials(info).or(had_credentials);
    if had_credentials == Some(true) && model.has_credentials == Some(false) {
        warnings.push(
            Diagnostic::warning("The stage has lost its credentials")
                .detail(format!(
                    "Databend shows neither a role nor keys for stage {}: someone replaced the stage or altered its URL, which removes them. The next apply sets them again from the configuration.",
                    info.name
                ))
                .at("has_credentials"),
        );
    }
    let now = Copied::of(info);
    let Some(connection) = model.connection_name.clone() else {
        model.external_id = external_id(model.external_id.take(), parameter(info, "external_id"));
        model.role_arn = now.role_arn;
        update_comment(model, info);
        return (None, warnings);
    };
    let known = copied.unwrap_or_else(|| now.clone());
    if known != now {
        let name = |role: &Option<String>| role.clone().unwrap_or_else(|| "none".to_owned());
        warnings.push(
            Diagnostic::warning("The stage no longer has the role of its connection")
                .detail(format!(
                    "Stage {} was copied from connection {connection} with role {} and now has role {}. The next apply copies the connection again.",
                    info.name,
                    name(&known.role_arn),
                    name(&now.role_arn)
                ))
                .at("connection_name"),
        );
        model.connection_name = None;
        model.role_arn = now.role_arn;
    }
    update_comment(model, info);
    (Some(known), warnings)
}

/// A text parameter of the storage, if it is set.
fn parameter(info: &StageInfo, name: &str) -> Option<String> {
    info.storage_params.get(name).and_then(|v| v.as_str()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Whether Databend has a role or keys for the stage; `None` where it does not say.
fn has_credentials(info: &StageInfo) -> Option<bool> {
    if info.has_credentials {
        return Some(true);
    }
    info.storage_params.as_object()?;
    Some(
        ["role_arn", "access_key_id", "secret_access_key"].iter().any(|name| parameter(info, name).is_some()),
    )
}

/// Databend has no difference between no comment and an empty one.
fn update_comment(model: &mut StageModel, info: &StageInfo) {
    model.comment = Some(info.comment.clone())
        .filter(|comment| !comment.is_empty() || model.comment.as_deref() == Some(""));
}

/// AWS's own endpoint is what a stage without one shows.
fn endpoint(known: Option<&str>, shown: &str) -> Option<String> {
    let plain = |url: &str| url.trim_end_matches('/').to_owned();
    match known {
        Some(known) if plain(known) == plain(shown) => Some(known.to_owned()),
        None if shown.is_empty() || plain(shown) == "https://s3.amazonaws.com" => None,
        _ => Some(shown.to_owned()).filter(|shown| !shown.is_empty()),
    }
}

/// The known external id where it fits the mask that is shown, else the mask, so that the plan shows the difference.
fn external_id(known: Option<String>, shown: Option<String>) -> Option<String> {
    let shown = shown?;
    Some(known.filter(|known| fits_mask(known, &shown)).unwrap_or(shown))
}

/// Databend shows `******abc`, and since 1.2.919 `se***bc` (docs/facts/databend.md). A short text may be all stars or, in
/// the older form, not masked.
fn fits_mask(known: &str, shown: &str) -> bool {
    let (Some(first), Some(last)) = (shown.find('*'), shown.rfind('*')) else { return known == shown };
    let (prefix, suffix) = (&shown[..first], &shown[last + 1..]);
    known.strip_prefix(prefix).is_some_and(|rest| rest.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(url: &str, endpoint: &str, params: serde_json::Value) -> StageInfo {
        StageInfo {
            name: "dms".into(),
            stage_type: "External".into(),
            url: url.into(),
            endpoint: endpoint.into(),
            storage_params: params,
            file_format_options: serde_json::Value::Null,
            has_credentials: false,
            comment: String::new(),
        }
    }

    fn shown(params: serde_json::Value) -> StageInfo {
        info("s3://b/dms/", "https://s3.amazonaws.com", params)
    }

    #[test]
    fn what_changed_shows_and_what_is_hidden_stays() {
        let mut model = StageModel {
            url: Some("s3://b/dms/".into()),
            role_arn: Some("arn:1".into()),
            external_id: Some("secret-abc".into()),
            ..StageModel::default()
        };
        let params =
            serde_json::json!({ "region": "eu-west-1", "role_arn": "arn:2", "external_id": "******abc" });
        update(&mut model, None, &info("s3://b/other/", "https://s3.amazonaws.com", params));
        assert_eq!(model.url.as_deref(), Some("s3://b/other/"));
        assert_eq!(model.role_arn.as_deref(), Some("arn:2"));
        assert_eq!(model.external_id.as_deref(), Some("secret-abc"));
        assert_eq!((model.region, model.endpoint_url, model.comment), (None, None, None));
    }

    #[test]
    fn both_masks_of_an_external_id_are_known() {
        for (known, shown, same) in [
            ("secret-abc", "******abc", true),
            ("secret-abc", "se***bc", true),
            ("secret-abc", "******xyz", false),
            ("secret-abc", "sx***bc", false),
            ("secret-abc", "se***bd", false),
            ("ab", "**", true),
            ("abc", "***", true),
            ("abc", "******", true),
            // The older form does not mask three characters and fewer.
            ("abc", "abc", true),
            ("abc", "abd", false),
            // The characters that are shown do not overlap.
            ("sebc", "se***bc", true),
            ("seb", "se***ebc", false),
            ("äöü-ß", "äö***-ß", true),
        ] {
            let expected = if same { known } else { shown };
            let seen = external_id(Some(known.into()), Some(shown.into()));
            assert_eq!(seen.as_deref(), Some(expected), "{known} {shown}");
        }
        assert_eq!(external_id(Some("x-abc".into()), None), None);
        assert_eq!(external_id(None, Some("******abc".into())).as_deref(), Some("******abc"));
    }

    fn with_key() -> StageModel {
        StageModel { url: Some("s3://b/dms/".into()), has_credentials: Some(true), ..StageModel::default() }
    }

    #[test]
    fn lost_credentials_show_with_a_warning() {
        let mut model = with_key();
        let (_, warnings) =
            update(&mut model, None, &shown(serde_json::json!({ "access_key_id": "******KEY" })));
        assert_eq!((model.has_credentials, warnings.len()), (Some(true), 0));
        let (_, warnings) = update(&mut model, None, &shown(serde_json::json!({ "access_key_id": "" })));
        assert_eq!(model.has_credentials, Some(false));
        assert!(warnings.to_string().contains("The next apply sets them again"), "{warnings}");
        // Said once: the state has it now.
        let (_, warnings) = update(&mut model, None, &shown(serde_json::json!({})));
        assert_eq!((model.has_credentials, warnings.len()), (Some(false), 0));
        // A Databend that shows no parameters says nothing about them.
        let mut model = with_key();
        update(&mut model, None, &shown(serde_json::Value::Null));
        assert_eq!(model.has_credentials, Some(true));
    }

    #[test]
    fn another_role_than_the_connections_shows() {
        let connected = || StageModel { connection_name: Some("c".into()), ..with_key() };
        let role = |arn: &str| shown(serde_json::json!({ "role_arn": arn }));
        let mut model = connected();
        let (copied, warnings) = update(&mut model, None, &role("arn:1"));
        assert_eq!(copied, Some(Copied { role_arn: Some("arn:1".into()) }));
        assert_eq!((model.connection_name.as_deref(), model.role_arn, warnings.len()), (Some("c"), None, 0));
        let mut model = connected();
        let (kept, warnings) = update(&mut model, copied.clone(), &role("arn:2"));
        assert_eq!(kept, copied);
        assert_eq!((model.connection_name, model.role_arn.as_deref()), (None, Some("arn:2")));
        assert!(warnings.to_string().contains("with role arn:1 and now has role arn:2"), "{warnings}");
    }

    #[test]
    fn an_empty_comment_is_no_comment() {
        let mut model = StageModel { comment: Some(String::new()), ..with_key() };
        update(&mut model, None, &shown(serde_json::json!({})));
        assert_eq!(model.comment.as_deref(), Some(""));
    }

    #[test]
    fn own_endpoints_are_compared_without_their_slash() {
        assert_eq!(endpoint(Some("http://h:1"), "http://h:1/").as_deref(), Some("http://h:1"));
        assert_eq!(endpoint(Some("http://h:1"), "http://h:2").as_deref(), Some("http://h:2"));
        assert_eq!(endpoint(None, "https://s3.amazonaws.com"), None);
    }
}
