//! DMS can be asked.

use super::{Code, Finding, Limits};
use crate::facts::ChainFacts;

pub(super) fn check(chain: &ChainFacts, _: &Limits) -> Vec<Finding> {
    let Some(error) = &chain.dms_error else { return Vec::new() };
    vec![Finding::error(
        Code::DmsNoAnswer,
        &chain.chain,
        format!("DMS could not be asked: {error}"),
        "check AWS credentials, region and network",
    )]
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::{good, messages};

    #[test]
    fn its_error_is_told() {
        let mut chain = good();
        (chain.dms, chain.dms_error) = (None, Some("no credentials".into()));
        assert_eq!(messages(&chain), ["DMS-NO-ANSWER shop: DMS could not be asked: no credentials"]);
    }
}
