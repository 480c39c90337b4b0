//! Table options as `system.tables.table_option` prints them: ` COMPRESSION='lz4' ENABLE_SCHEMA_EVOLUTION='true'`.

use std::collections::BTreeMap;

/// Reads the options. Names come out in lower case: Databend prints them in upper case whatever was written.
pub(crate) fn parse(text: &str) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("='") {
        // A value ends at a quote that a space or nothing follows: values hold no quotes of their own in practice, but
        // a comment might.
        let end = after
            .char_indices()
            .filter(|(_, c)| *c == '\'')
            .map(|(at, _)| at)
            .find(|at| after[at + 1..].is_empty() || after[at + 1..].starts_with(' '))
            .unwrap_or(after.len());
        options.insert(name.trim().to_lowercase(), after[..end].to_owned());
        rest = after.get(end + 1..).unwrap_or_default();
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_databend_prints_them() {
        let options = parse(
            " COMPRESSION='lz4' ENABLE_AUTO_ANALYZE='1' SNAPSHOT_LOCATION='6/11/_ss/h01a.mpk' STORAGE_FORMAT='native'",
        );
        assert_eq!(options.len(), 4);
        assert_eq!(options["compression"], "lz4");
        assert_eq!(options["snapshot_location"], "6/11/_ss/h01a.mpk");
        assert_eq!(options["storage_format"], "native");
    }

    #[test]
    fn odd_values_do_not_derail_the_rest() {
        let options = parse("A='it's' B='' C='x=y'");
        assert_eq!(options["a"], "it's");
        assert_eq!(options["b"], "");
        assert_eq!(options["c"], "x=y");
        assert!(parse("").is_empty());
        assert!(parse("nonsense").is_empty());
    }
}
