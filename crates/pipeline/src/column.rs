//! A source column and its place in Databend: raw takes whatever DMS can write, ODS is exact.

use crate::data_type::DatabendType;
use crate::default_value;
use crate::mysql_type::{Integer, MysqlType};
use crate::name::ident;
use crate::sql::is_reserved;

/// A column of the source table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name at the source, case-sensitive.
    pub name: String,
    /// Type at the source.
    pub ty: MysqlType,
}

/// A column of a Databend table, as DDL needs it and as `system.columns` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabendColumn {
    /// Name, case-sensitive.
    pub name: String,
    /// Data type.
    pub data_type: DatabendType,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// SQL of the default, if it has one.
    pub default: Option<String>,
}

impl DatabendColumn {
    /// A nullable column without a default.
    pub fn nullable(name: impl Into<String>, data_type: DatabendType) -> Self {
        Self { name: name.into(), data_type, nullable: true, default: None }
    }

    /// A NOT NULL column.
    pub fn not_null(name: impl Into<String>, data_type: DatabendType) -> Self {
        Self { nullable: false, ..Self::nullable(name, data_type) }
    }

    /// Sets the default.
    #[must_use]
    pub fn with_default(self, sql: impl Into<String>) -> Self {
        Self { default: Some(sql.into()), ..self }
    }

    /// Whether this column has the default of another one. A further default counts as none missing.
    pub fn has_default_of(&self, wanted: &Self) -> bool {
        match (&self.default, &wanted.default) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(found), Some(wanted)) => default_value::same(&self.data_type, found, wanted),
        }
    }

    /// Whether this column, which exists, takes NULL as `wanted` does. A BOOLEAN that takes NULL and need not counts too:
    /// Databend cannot change it back (1058, docs/facts/databend.md, "ALTER TABLE, transactions").
    pub fn has_nullability_of(&self, wanted: &Self) -> bool {
        self.nullable == wanted.nullable || self.nullable && wanted.data_type == DatabendType::Boolean
    }

    /// The column as `CREATE TABLE` and `ADD COLUMN` write it.
    pub fn ddl(&self) -> String {
        let mut out = format!(
            "{} {} {}",
            ident(&self.name),
            self.data_type,
            if self.nullable { "NULL" } else { "NOT NULL" }
        );
        if let Some(default) = &self.default {
            out.push_str(" DEFAULT ");
            out.push_str(default);
        }
        out
    }
}

impl Column {
    /// The type in the raw table: so wide that no value of this family can make a COPY fail, and no later widening at
    /// the source needs a change here, since a table with a stream takes none (error 1132, docs/facts/databend.md, "ALTER TABLE, transactions").
    pub fn raw_type(&self) -> DatabendType {
        match &self.ty {
            MysqlType::Integer(Integer { bytes: 8, unsigned: true }) => {
                DatabendType::Integer { bytes: 8, unsigned: true }
            }
            MysqlType::Integer(_) | MysqlType::Year => DatabendType::Integer { bytes: 8, unsigned: false },
            // 46 digits before the point and MySQL's largest scale after it: COPY would round a larger scale silently.
            MysqlType::Decimal { precision, scale } if precision - scale <= 46 => {
                DatabendType::Decimal { precision: 76, scale: 30 }
            }
            MysqlType::Decimal { scale, .. } => DatabendType::Decimal { precision: 76, scale: *scale },
            MysqlType::Float | MysqlType::Double => DatabendType::Double,
            MysqlType::Bit(1) => DatabendType::Boolean,
            MysqlType::Date => DatabendType::Date,
            MysqlType::DateTime => DatabendType::Timestamp,
            MysqlType::Time | MysqlType::Text | MysqlType::LongText | MysqlType::Json => {
                DatabendType::Varchar
            }
            MysqlType::Bit(_) | MysqlType::Binary | MysqlType::LongBinary => DatabendType::Binary,
        }
    }

    /// The type in the ODS table.
    pub fn ods_type(&self) -> DatabendType {
        match &self.ty {
            MysqlType::Integer(Integer { bytes, unsigned }) => {
                // Databend has no type of three bytes.
                DatabendType::Integer { bytes: if *bytes == 3 { 4 } else { *bytes }, unsigned: *unsigned }
            }
            MysqlType::Year => DatabendType::Integer { bytes: 2, unsigned: false },
            MysqlType::Decimal { precision, scale } => {
                DatabendType::Decimal { precision: *precision, scale: *scale }
            }
            MysqlType::Float => DatabendType::Float,
            MysqlType::Json => DatabendType::Variant,
            _ => self.raw_type(),
        }
    }

    /// The expression that turns `raw`, the raw column as SQL, into the ODS column. A value that does not fit becomes NULL instead of
    /// stopping every other row; [`crate::sql::lossy`] counts such values, and those that are rounded, for `runbook status`.
    pub fn cast_raw(&self, raw: &str) -> String {
        match &self.ty {
            MysqlType::Json => format!("TRY_PARSE_JSON({raw})"),
            _ if self.raw_type() == self.ods_type() => raw.to_owned(),
            _ => format!("TRY_CAST({raw} AS {})", self.ods_type()),
        }
    }

    /// The condition that ODS does not show `raw`, the raw column as SQL, as it is: the value became NULL, or another one. `None`
    /// for a column whose conversion can do neither.
    pub fn loses(&self, raw: &str) -> Option<String> {
        let cast = self.cast_raw(raw);
        let is_kept = match &self.ty {
            _ if cast == raw => return None,
            // A cast to fewer digits after the point rounds.
            MysqlType::Decimal { .. } => format!("{cast} = {raw}"),
            // DMS may write a FLOAT as the DOUBLE of the same value, or as that of the same digits.
            MysqlType::Float => format!(
                "(CAST({cast} AS DOUBLE) = {raw} OR CAST({cast} AS VARCHAR) = CAST({raw} AS VARCHAR))"
            ),
            // A number that does not fit an integer type is none there, and so is a text that is no JSON.
            _ => return Some(format!("{raw} IS NOT NULL AND {cast} IS NULL")),
        };
        Some(format!("{raw} IS NOT NULL AND NOT COALESCE({is_kept}, FALSE)"))
    }

    /// Whether Databend can cluster a table by this column: not by every type, and not by one whose name is a reserved
    /// word, since the engine stores the cluster key without quotes and cannot read it again (docs/engine-defects.md).
    pub fn can_cluster(&self) -> bool {
        self.ods_type().clusters() && !is_reserved(&self.name)
    }

    /// A value of this column as it can be compared: Databend has no `=` and no `<>` for BINARY (error 1065, observed).
    pub fn comparable(&self, value: &str) -> String {
        if self.ods_type() == DatabendType::Binary { format!("TO_HEX({value})") } else { value.to_owned() }
    }
}

/// The MySQL type that an ODS column of this Databend type would have been declared with, for import and for showing
/// drift. `None` for a type that no MySQL type maps to.
pub fn mysql_type_of(databend: &DatabendType) -> Option<MysqlType> {
    Some(match databend {
        DatabendType::Integer { bytes, unsigned } => {
            MysqlType::Integer(Integer { bytes: *bytes, unsigned: *unsigned })
        }
        DatabendType::Float => MysqlType::Float,
        DatabendType::Double => MysqlType::Double,
        DatabendType::Boolean => MysqlType::Bit(1),
        DatabendType::Date => MysqlType::Date,
        DatabendType::Timestamp => MysqlType::DateTime,
        DatabendType::Varchar => MysqlType::Text,
        DatabendType::Variant => MysqlType::Json,
        DatabendType::Binary => MysqlType::Binary,
        DatabendType::Decimal { precision, scale } => {
            MysqlType::Decimal { precision: *precision, scale: *scale }
        }
        DatabendType::Other(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(ty: &str) -> Column {
        Column { name: "c".into(), ty: ty.parse().unwrap() }
    }

    #[test]
    fn raw_is_wide_and_ods_is_exact() {
        let cases = [
            ("tinyint", "BIGINT", "TINYINT", r#"TRY_CAST("c" AS TINYINT)"#),
            ("mediumint unsigned", "BIGINT", "INT UNSIGNED", r#"TRY_CAST("c" AS INT UNSIGNED)"#),
            ("bigint", "BIGINT", "BIGINT", r#""c""#),
            ("bigint unsigned", "BIGINT UNSIGNED", "BIGINT UNSIGNED", r#""c""#),
            ("decimal(12,2)", "DECIMAL(76, 30)", "DECIMAL(12, 2)", r#"TRY_CAST("c" AS DECIMAL(12, 2))"#),
            ("decimal(65,2)", "DECIMAL(76, 2)", "DECIMAL(65, 2)", r#"TRY_CAST("c" AS DECIMAL(65, 2))"#),
            ("float", "DOUBLE", "FLOAT", r#"TRY_CAST("c" AS FLOAT)"#),
            ("json", "VARCHAR", "VARIANT", r#"TRY_PARSE_JSON("c")"#),
            ("time", "VARCHAR", "VARCHAR", r#""c""#),
            ("timestamp", "TIMESTAMP", "TIMESTAMP", r#""c""#),
            ("bit(1)", "BOOLEAN", "BOOLEAN", r#""c""#),
            ("bit(8)", "BINARY", "BINARY", r#""c""#),
            ("year", "BIGINT", "SMALLINT", r#"TRY_CAST("c" AS SMALLINT)"#),
        ];
        for (mysql, raw, ods, expression) in cases {
            let column = column(mysql);
            assert_eq!(column.raw_type().to_string(), raw, "{mysql}");
            assert_eq!(column.ods_type().to_string(), ods, "{mysql}");
            assert_eq!(column.cast_raw("\"c\""), expression, "{mysql}");
        }
    }

    #[test]
    fn what_a_conversion_loses_is_looked_for() {
        let cases = [
            ("int", Some("v IS NOT NULL AND TRY_CAST(v AS INT) IS NULL")),
            (
                "decimal(12,2)",
                Some("v IS NOT NULL AND NOT COALESCE(TRY_CAST(v AS DECIMAL(12, 2)) = v, FALSE)"),
            ),
            (
                "float",
                Some(
                    "v IS NOT NULL AND NOT COALESCE((CAST(TRY_CAST(v AS FLOAT) AS DOUBLE) = v OR \
                     CAST(TRY_CAST(v AS FLOAT) AS VARCHAR) = CAST(v AS VARCHAR)), FALSE)",
                ),
            ),
            ("json", Some("v IS NOT NULL AND TRY_PARSE_JSON(v) IS NULL")),
            ("bigint", None),
            ("varchar(3)", None),
            ("datetime", None),
            ("bit(1)", None),
        ];
        for (mysql, condition) in cases {
            assert_eq!(column(mysql).loses("v").as_deref(), condition, "{mysql}");
        }
    }

    #[test]
    fn bytes_are_compared_by_their_digits() {
        for (mysql, comparable, clusters) in [
            ("varbinary(16)", "TO_HEX(x)", false),
            ("bit(9)", "TO_HEX(x)", false),
            ("bit(1)", "x", true),
            ("varchar(16)", "x", true),
            ("json", "x", false),
        ] {
            assert_eq!(column(mysql).comparable("x"), comparable, "{mysql}");
            assert_eq!(column(mysql).ods_type().clusters(), clusters, "{mysql}");
        }
    }

    #[test]
    fn every_ods_type_leads_back_to_a_mysql_type_with_the_same_ods_type() {
        for mysql in [
            "tinyint",
            "smallint unsigned",
            "int",
            "bigint unsigned",
            "decimal(65,30)",
            "float",
            "double",
            "bit(1)",
            "bit(9)",
            "year",
            "date",
            "datetime",
            "time",
            "varchar(3)",
            "json",
            "varbinary(3)",
        ] {
            let ods = column(mysql).ods_type();
            let ty = mysql_type_of(&ods).unwrap_or_else(|| panic!("{ods}"));
            assert_eq!(Column { name: "c".into(), ty }.ods_type(), ods, "{mysql}");
        }
        assert_eq!(mysql_type_of(&DatabendType::parse("ARRAY(INT)")), None);
    }
}
