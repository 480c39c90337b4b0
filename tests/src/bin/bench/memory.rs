//! How much memory a program takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const POLL: Duration = Duration::from_millis(50);

/// Watches the processes of a program that run in a folder.
pub(crate) struct Memory {
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Memory {
    /// By a part of the name of the program.
    pub(crate) fn watch(folder: &Path, program: &'static str) -> Self {
        let watch = Self { peak: Arc::default(), stop: Arc::default() };
        let (peak, stop) = (watch.peak.clone(), watch.stop.clone());
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for process in processes_in(&folder, program) {
                    peak.fetch_max(high_water_mark(&process).unwrap_or(0), Ordering::Relaxed);
                }
                std::thread::sleep(POLL);
            }
        });
        watch
    }

    /// The largest resident set so far, in bytes; 0 if the program did not run.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The folders in /proc of the processes of a program whose working folder is this one.
fn processes_in(folder: &Path, program: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let is_ours = |process: &PathBuf| {
        fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == folder)
            && fs::read_link(process.join("exe")).is_ok_and(|exe| exe.to_string_lossy().contains(program))
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
