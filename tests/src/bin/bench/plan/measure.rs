//! One run of Terraform: its time, the statements that the provider sends, and the provider's memory.

use std::fs;
use std::time::Instant;

use e2e::{Error, Namespace, Plan, TerraformDir};

use crate::memory::Memory;

/// Measures runs of Terraform in a folder.
pub(crate) struct Meter<'a> {
    terraform: &'a TerraformDir,
    namespace: &'a Namespace,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) seconds: f64,
    /// What Databend was asked, in order.
    pub(crate) statements: Vec<String>,
    /// The largest resident set of a provider process; 0 if none of ours ran.
    pub(crate) provider_bytes: u64,
    /// The state file after the run.
    pub(crate) state_bytes: u64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(terraform: &'a TerraformDir, namespace: &'a Namespace) -> Self {
        Self { terraform, namespace }
    }

    /// `terraform apply`.
    pub(crate) async fn apply(&self) -> Result<Measured, Error> {
        self.measured(async { self.terraform.apply(&[]).await.map(drop) }).await
    }

    /// `terraform plan`, which must be empty.
    pub(crate) async fn empty_plan(&self) -> Result<Measured, Error> {
        self.measured(async {
            match self.terraform.plan(&[]).await? {
                Plan::Empty => Ok(()),
                Plan::Changes => {
                    Err(Error::Form { what: "the plan after apply".into(), reason: "it is not empty".into() })
                }
            }
        })
        .await
    }

    async fn measured(&self, run: impl Future<Output = Result<(), Error>>) -> Result<Measured, Error> {
        drop(self.namespace.proxy.take_passed());
        let memory = Memory::watch(self.terraform.path(), "terraform-provider-databend");
        let begin = Instant::now();
        run.await?;
        let seconds = begin.elapsed().as_secs_f64();
        let is_sql = |text: &String| !text.contains(" HTTP/1.1");
        let state = self.terraform.path().join("terraform.tfstate");
        let state_bytes = fs::metadata(&state).map_err(|source| Error::File { path: state, source })?.len();
        Ok(Measured {
            seconds,
            statements: self.namespace.proxy.take_passed().into_iter().filter(is_sql).collect(),
            provider_bytes: memory.peak(),
            state_bytes,
        })
    }
}
