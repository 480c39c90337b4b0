//! What Terraform keeps between two runs.

use std::collections::BTreeMap;

use tfplugin::{Private, Value};

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(super) resources: BTreeMap<String, Instance>,
}

/// A resource in the state, or its planned value during a plan.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) value: Value,
    pub(super) private: Private,
    /// Half created: the next apply replaces it.
    pub(super) is_tainted: bool,
    pub(super) dependencies: Vec<String>,
}

impl State {
    /// Addresses, those that refer to another before it.
    pub(super) fn dependents_first(&self) -> Vec<String> {
        let mut order: Vec<String> = Vec::new();
        while order.len() < self.resources.len() {
            let is_free = |address: &&String| {
                !order.contains(address)
                    && !self.resources.iter().any(|(other, instance)| {
                        !order.contains(other) && instance.dependencies.contains(address)
                    })
            };
            let Some(next) = self.resources.keys().find(is_free) else { panic!("a circle in the state") };
            order.push(next.clone());
        }
        order
    }
}
