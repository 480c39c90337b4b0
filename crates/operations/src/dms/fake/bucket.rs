//! The bucket that the DMS in memory writes to: stages of the scripted Databend are folders of it.

use async_trait::async_trait;
use warehouse::scripted::Scripted;

use super::{FakeDms, State};
use crate::dms::DmsError;
use crate::files::{Files, FilesError, Storage, Stored};

#[async_trait]
impl Files for FakeDms {
    async fn look(&self, _: &Storage, path: &str) -> Result<Option<Stored>, FilesError> {
        let there = |_: &mut State, scripted: &Scripted| {
            Ok(scripted.has_file(path).then(|| Stored { size: 1, etag: path.to_owned() }))
        };
        self.hear("HeadObject", there).await.map_err(|error| of_files("HeadObject", path, &error))
    }

    async fn copy(&self, _: &Storage, from: &str, _: &Stored, to: &str) -> Result<(), FilesError> {
        let call = "CopyObject";
        let copied = |_: &mut State, scripted: &Scripted| {
            let gone = || DmsError::Refused { call, detail: "NoSuchKey".into() };
            scripted.copy_file(from, to).then_some(()).ok_or_else(gone)
        };
        self.hear(call, copied).await.map_err(|error| of_files(call, from, &error))
    }

    async fn remove(&self, _: &Storage, path: &str) -> Result<(), FilesError> {
        let removed = |_: &mut State, scripted: &Scripted| {
            scripted.remove_file(path);
            Ok(())
        };
        self.hear("DeleteObject", removed).await.map_err(|error| of_files("DeleteObject", path, &error))
    }
}

fn of_files(call: &'static str, file: &str, error: &DmsError) -> FilesError {
    let (file, detail) = (file.to_owned(), error.to_string());
    match error {
        DmsError::NoAnswer { .. } => FilesError::NoAnswer { call, file, detail },
        _ => FilesError::Refused { call, file, detail },
    }
}
