//! The folder that is the world.

use std::path::PathBuf;
use std::sync::Mutex;

use tfplugin::Diagnostic;

/// Empty until the provider is configured.
#[derive(Default)]
pub(crate) struct World(Mutex<Option<PathBuf>>);

impl World {
    pub(crate) fn set_dir(&self, dir: String) {
        if let Ok(mut own) = self.0.lock() {
            *own = Some(dir.into());
        }
    }

    /// The file `name`, or an error when the provider's configuration is not known yet.
    pub(crate) fn file(&self, name: &str) -> Result<PathBuf, Diagnostic> {
        let dir = self.0.lock().ok().and_then(|dir| dir.clone());
        dir.map(|dir| dir.join(name))
            .ok_or_else(|| Diagnostic::error("The folder is not known yet").detail("Set `dir`.").at("dir"))
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Diagnostic> {
        std::fs::write(self.file(name)?, text).map_err(|error| failed(&error))
    }

    /// `None` when there is no such file.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, Diagnostic> {
        match std::fs::read_to_string(self.file(name)?) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), Diagnostic> {
        match std::fs::remove_file(self.file(name)?) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&error)),
            _ => Ok(()),
        }
    }
}

fn failed(error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("The world is out of order").detail(error.to_string())
}
