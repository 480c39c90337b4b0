//! The DMS task loads and streams.

use super::{Code, Finding, Limits};
use crate::dms::FULL_LOAD_AND_CDC;
use crate::facts::ChainFacts;

pub(super) fn check(chain: &ChainFacts, _: &Limits) -> Vec<Finding> {
    let Some(task) = &chain.dms else { return Vec::new() };
    if task.migration_type.is_empty() || task.migration_type == FULL_LOAD_AND_CDC {
        return Vec::new();
    }
    vec![Finding::error(
        Code::DmsMigrationType,
        &chain.chain,
        format!(
            "the DMS task has migration type {}: a pipeline needs the rows that are there, and then every change",
            task.migration_type
        ),
        "set migration_type = \"full-load-and-cdc\" in aws_dms_replication_task and run `terraform apply`",
    )]
}

#[cfg(test)]
mod tests {
    use crate::checks::testing::with_dms;

    #[test]
    fn any_other_type_is_told() {
        let found = with_dms(|task| task.migration_type = "cdc".into());
        assert_eq!(
            found,
            [
                "DMS-MIGRATION-TYPE shop: the DMS task has migration type cdc: a pipeline needs the rows that are there, and then every change"
            ]
        );
    }
}
