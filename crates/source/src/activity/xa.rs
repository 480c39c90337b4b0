//! Prepared XA transactions. They outlive their session, and a restart of the server.

use super::PreparedXa;
use crate::look::Look;
use crate::name::literal;
use crate::row::Row;
use crate::{Flavor, Server};

pub(super) struct ReadPreparedXa;

/// How a server prints an identifier, which may be any bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As SQL takes it.
    Sql,
    /// Both parts in hexadecimal, together.
    Hex,
    /// As it is.
    Raw,
}

impl Form {
    fn of(server: &Server) -> Self {
        match server.flavor {
            Flavor::Mariadb if server.version >= (10, 3, 3) => Self::Sql,
            Flavor::Mysql if server.version >= (5, 7, 5) => Self::Hex,
            _ => Self::Raw,
        }
    }
}

impl Look for ReadPreparedXa {
    type Answer = Vec<PreparedXa>;

    fn what(&self) -> String {
        "its prepared XA transactions".to_owned()
    }

    fn privilege(&self) -> String {
        // MariaDB, and MySQL before 8.0, need none.
        "XA_RECOVER_ADMIN ON *.*".to_owned()
    }

    fn sql(&self, server: &Server) -> String {
        match Form::of(server) {
            Form::Sql => "XA RECOVER FORMAT = 'SQL'",
            Form::Hex => "XA RECOVER CONVERT XID",
            Form::Raw => "XA RECOVER",
        }
        .to_owned()
    }

    fn read(&self, rows: &[Row], server: &Server) -> Result<Self::Answer, String> {
        rows.iter().map(|row| Ok(PreparedXa { xid: xid(row, Form::of(server))? })).collect()
    }

    #[cfg(feature = "scripted")]
    fn scripted(&self, state: &crate::scripted::State) -> Result<Vec<Row>, crate::SourceError> {
        Ok(state.work.xa_rows())
    }
}

fn xid(row: &Row, form: Form) -> Result<String, String> {
    let data = row.text("data")?;
    let format = row.parse::<i64>("formatid")?;
    match form {
        Form::Sql => Ok(data.to_owned()),
        Form::Hex => {
            let hex = data.strip_prefix("0x").or_else(|| data.strip_prefix("0X"));
            let split = row.parse::<usize>("gtrid_length")?.checked_mul(2);
            let parts = hex.zip(split).and_then(|(hex, split)| hex.split_at_checked(split));
            let (global, branch) =
                parts.ok_or_else(|| "column \"data\" is not an identifier in hexadecimal".to_owned())?;
            Ok(format!("X'{global}',X'{branch}',{format}"))
        }
        Form::Raw => Ok(format!("{} (format {format})", literal(data))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    fn server(flavor: Flavor, version: (u16, u16, u16)) -> Server {
        Server { flavor, version, ..Scripted::server() }
    }

    #[test]
    fn identifiers_are_printed_as_xa_commit_takes_them() {
        for (flavor, version, sql, data, xid) in [
            (
                Flavor::Mariadb,
                (10, 11, 6),
                "XA RECOVER FORMAT = 'SQL'",
                "X'672778',X'62',7",
                "X'672778',X'62',7",
            ),
            (Flavor::Mysql, (8, 4, 0), "XA RECOVER CONVERT XID", "0x67277862", "X'672778',X'62',7"),
            (Flavor::Mysql, (5, 7, 44), "XA RECOVER CONVERT XID", "0x67277862", "X'672778',X'62',7"),
            (Flavor::Mysql, (5, 6, 51), "XA RECOVER", "g'xb", "'g''xb' (format 7)"),
            (Flavor::Mariadb, (10, 2, 44), "XA RECOVER", "g'xb", "'g''xb' (format 7)"),
        ] {
            let server = server(flavor, version);
            assert_eq!(ReadPreparedXa.sql(&server), sql);
            let row = Row::of(&[
                ("formatid", Some("7")),
                ("gtrid_length", Some("3")),
                ("bqual_length", Some("1")),
                ("data", Some(data)),
            ]);
            assert_eq!(ReadPreparedXa.read(&[row], &server), Ok(vec![PreparedXa { xid: xid.to_owned() }]));
        }
    }

    #[test]
    fn an_unexpected_identifier_is_an_error() {
        for data in ["67277862", "0x6727", ""] {
            let row = Row::of(&[("formatid", Some("7")), ("gtrid_length", Some("3")), ("data", Some(data))]);
            assert_eq!(
                ReadPreparedXa.read(&[row], &Scripted::server()),
                Err("column \"data\" is not an identifier in hexadecimal".to_owned())
            );
        }
    }
}
