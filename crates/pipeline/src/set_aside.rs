//! Where a file is that was set aside because no COPY can load it.
//!
//! It stays under the stage's root, so that Databend lists it and whoever looks at the stage sees it. It leaves the table's
//! folder, so that neither DMS nor what counts waiting files takes it for one that waits. And it gets a name that does not
//! end in `.parquet`: the patterns of the load task and of the runbook pass over it even where a table's folder is the whole
//! stage.

use crate::table::Table;

/// Folder under a stage's root, with a trailing slash.
const FOLDER: &str = "_set_aside/";
/// Added to a file's name.
const SUFFIX: &str = ".set-aside";

/// Returns the folder under the stage with the files of a table that were set aside, with a trailing slash.
pub fn folder(table: &Table) -> String {
    format!("{FOLDER}{}", table.path)
}

/// Returns the path of a file once it is set aside. Paths are below the stage's root.
pub fn path(waiting: &str) -> String {
    format!("{FOLDER}{waiting}{SUFFIX}")
}

/// Returns the path that a file had before it was set aside. None: nobody has set this file aside.
pub fn path_before(set_aside: &str) -> Option<&str> {
    set_aside.strip_prefix(FOLDER)?.strip_suffix(SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::orders;

    #[test]
    fn a_file_gets_its_path_back() {
        let waiting = "shop/orders/20260416-124049492.parquet";
        let aside = path(waiting);
        assert_eq!(aside, "_set_aside/shop/orders/20260416-124049492.parquet.set-aside");
        assert!(aside.starts_with(&folder(&orders())));
        assert_eq!(path_before(&aside), Some(waiting));
        assert_eq!(path_before(waiting), None);
        assert_eq!(path_before("_set_aside/shop/orders/notes.txt"), None);
    }

    #[test]
    fn no_pattern_takes_it_where_a_folder_is_the_whole_stage() {
        // Both patterns end in the name's last letters.
        assert!(crate::sql::load(&orders()).contains("[.]parquet' "));
        assert!(crate::sql::load_full(&orders()).contains("[.]parquet' "));
        assert!(!path("20260416-124049492.parquet").ends_with(".parquet"));
    }
}
