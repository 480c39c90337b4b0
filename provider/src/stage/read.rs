//! The stage as Databend shows it.

use warehouse::catalog::StageInfo;

use super::model::StageModel;

/// Brings the attributes up to what is there. What Databend does not show stays as it was: which connection the stage
/// was copied from, and keys, of which only the last three characters are shown (facts/databend.md, "Stages").
pub(super) fn update(model: &mut StageModel, info: &StageInfo) {
    // An import begins with the name alone.
    let is_import = model.url.is_none();
    model.url = Some(info.url.clone());
    let parameter = |name: &str| {
        info.storage_params
            .get(name)
            .and_then(|v| v.as_str())
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    // Databend finds the region by itself, so one that was never set is no drift.
    if let Some(region) = parameter("region")
        && (model.region.is_some() || is_import)
    {
        model.region = Some(region);
    }
    model.endpoint_url = endpoint(model.endpoint_url.as_deref(), &info.endpoint);
    let role = parameter("role_arn");
    if model.connection_name.is_none() {
        model.external_id = external_id(model.external_id.take(), parameter("external_id"));
        model.role_arn = role;
    }
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

/// Shown as `******` and the last three characters: enough to see that it is another.
fn external_id(known: Option<String>, shown: Option<String>) -> Option<String> {
    let shown = shown?;
    match known {
        Some(known)
            if shown.trim_start_matches('*').is_empty() || known.ends_with(shown.trim_start_matches('*')) =>
        {
            Some(known)
        }
        _ => Some(shown),
    }
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
            has_credentials: true,
            comment: String::new(),
        }
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
        update(&mut model, &info("s3://b/other/", "https://s3.amazonaws.com", params));
        assert_eq!(model.url.as_deref(), Some("s3://b/other/"));
        assert_eq!(model.role_arn.as_deref(), Some("arn:2"));
        assert_eq!(model.external_id.as_deref(), Some("secret-abc"));
        assert_eq!((model.region, model.endpoint_url, model.comment), (None, None, None));
    }

    #[test]
    fn another_external_id_shows_by_its_end() {
        assert_eq!(external_id(Some("x-abc".into()), Some("******xyz".into())).as_deref(), Some("******xyz"));
        assert_eq!(external_id(Some("x-abc".into()), None), None);
    }

    #[test]
    fn own_endpoints_are_compared_without_their_slash() {
        assert_eq!(endpoint(Some("http://h:1"), "http://h:1/").as_deref(), Some("http://h:1"));
        assert_eq!(endpoint(Some("http://h:1"), "http://h:2").as_deref(), Some("http://h:2"));
        assert_eq!(endpoint(None, "https://s3.amazonaws.com"), None);
    }
}
