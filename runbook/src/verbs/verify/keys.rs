//! Every key that differs, or of which it could not be told, as CSV.

use std::fs::File;
use std::path::{Path, PathBuf};

use operations::verify::Compared;

use crate::verbs::setup::SetupError;

/// The file that they go into.
pub(super) struct KeyFile {
    path: PathBuf,
    file: File,
}

impl KeyFile {
    /// Begins it, or ends what it had. Hours later would be a bad time to learn that it cannot be written.
    pub(super) fn create(path: &Path) -> Result<Self, SetupError> {
        let path = path.to_owned();
        match File::create(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(cause) => Err(SetupError::File { path, cause }),
        }
    }

    /// Writes `table,what,columns,key_1,…`: as many columns as the longest key has.
    pub(super) fn write(self, tables: &[Compared]) -> Result<(), SetupError> {
        let Self { path, file } = self;
        let rows: Vec<_> = tables.iter().flat_map(rows).collect();
        write(file, &rows).map_err(|cause| SetupError::File { path, cause })
    }
}

/// A key: its table, what was found, in which columns, and its values.
type Row<'a> = (&'a str, &'a str, String, &'a [String]);

fn write(to: impl std::io::Write, rows: &[Row<'_>]) -> Result<(), std::io::Error> {
    let longest = rows.iter().map(|(.., key)| key.len()).max().unwrap_or(1);
    let mut csv = csv::Writer::from_writer(to);
    let head = ["table", "what", "columns"].map(str::to_owned).into_iter();
    csv.write_record(head.chain((1..=longest).map(|place| format!("key_{place}"))))?;
    for (table, what, columns, key) in rows {
        let key = key.iter().map(String::as_str).chain(std::iter::repeat("")).take(longest);
        csv.write_record([*table, *what, columns.as_str()].into_iter().chain(key))?;
    }
    csv.flush()
}

fn rows(table: &Compared) -> impl Iterator<Item = Row<'_>> {
    let source = table.verdict.source.as_str();
    let differences = table.differences.iter().map(move |difference| {
        (source, difference.kind.as_str(), difference.columns.join(", "), difference.key.as_slice())
    });
    let open = table.inconclusive.iter();
    differences
        .chain(open.map(move |open| (source, open.reason.as_str(), String::new(), open.key.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_as_many_columns_as_the_longest() {
        let (one, two) = (["5".to_owned()], ["it's, 5".to_owned(), "x".to_owned()]);
        let rows: [Row<'_>; 2] = [
            ("shop.orders", "not in ODS", String::new(), &one),
            ("shop.items", "values differ", "note, price".into(), &two),
        ];
        let mut text = Vec::new();
        write(&mut text, &rows).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "table,what,columns,key_1,key_2\nshop.orders,not in ODS,,5,\n\
             shop.items,values differ,\"note, price\",\"it's, 5\",x\n"
        );
    }

    #[test]
    fn a_table_without_differences_has_no_rows() {
        let mut text = Vec::new();
        write(&mut text, &[]).unwrap();
        assert_eq!(text, b"table,what,columns,key_1\n");
    }
}
