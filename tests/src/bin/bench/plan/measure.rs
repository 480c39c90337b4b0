//! One run of Terraform: its time, the statements that the provider sends, and the provider's memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use e2e::{Error, Namespace, Plan, TerraformDir};

const POLL: Duration = Duration::from_millis(50);

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
        let memory = Memory::watch(self.terraform.path());
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

/// Watches the provider processes that run in a folder.
struct Memory {
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Memory {
    fn watch(folder: &Path) -> Self {
        let watch = Self { peak: Arc::default(), stop: Arc::default() };
        let (peak, stop) = (watch.peak.clone(), watch.stop.clone());
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for process in processes_in(&folder) {
                    peak.fetch_max(high_water_mark(&process).unwrap_or(0), Ordering::Relaxed);
                }
                std::thread::sleep(POLL);
            }
        });
        watch
    }

    fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The folders in /proc of our provider's processes whose working folder is this one.
fn processes_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let is_ours = |process: &PathBuf| {
        fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == folder)
            && fs::read_link(process.join("exe"))
                .is_ok_and(|exe| exe.to_string_lossy().contains("terraform-provider-databend"))
    };
    entries.flatten().map(|entry| entry.path()).filter(is_ours).collect()
}

/// `VmHWM`, the peak of the resident set so far.
fn high_water_mark(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_this_process_is_known() {
        assert!(high_water_mark(Path::new("/proc/self")).unwrap() > 1_000_000);
    }
}
