//! The key of a row that is compared: how it is read, ordered and looked for.

use pipeline::KeyCondition;
use pipeline::canonical::mysql_text;
use pipeline::key_condition::Comparison;
use pipeline::mysql_type::MysqlType;
use pipeline::part::{self, Part};

use super::{ComparedTable, KeyPart};
use crate::name::{ident, literal};

impl KeyPart {
    pub(super) fn text(&self) -> String {
        mysql_text(&self.column.ty, &ident(&self.column.name))
    }

    /// What the rows are ordered by.
    pub(super) fn order(&self) -> String {
        let name = ident(&self.column.name);
        if self.has_members { format!("{name} + 0") } else { name }
    }

    /// A value of [`order`](Self::order) as a literal.
    fn value(&self, text: &str) -> String {
        match &self.column.ty {
            _ if self.has_members && is_number(text) => text.to_owned(),
            // Quoted, MySQL may compare it as a floating-point number.
            MysqlType::Integer(_) | MysqlType::Year | MysqlType::Decimal { .. } | MysqlType::Double
                if is_number(text) =>
            {
                text.to_owned()
            }
            MysqlType::Bit(_) => format!("CAST(CONV({}, 16, 10) AS UNSIGNED)", literal(text)),
            MysqlType::Binary => format!("X{}", literal(text)),
            _ => literal(text),
        }
    }

    /// The condition that the column has a value.
    fn is(&self, text: &str) -> String {
        let name = ident(&self.column.name);
        match self.column.ty {
            // The first condition can use an index, the second is exact.
            MysqlType::Text => format!(
                "{name} = {0} AND CONVERT({name} USING utf8mb4) COLLATE utf8mb4_bin = {0} \
                 AND CHAR_LENGTH({name}) = CHAR_LENGTH({0})",
                literal(text)
            ),
            _ => format!("{name} = {}", self.value(text)),
        }
    }
}

impl ComparedTable {
    pub(super) fn key_texts(&self) -> Vec<String> {
        let texts = self.key.iter().enumerate();
        texts.map(|(place, part)| format!("{} AS key_{place}", part.text())).collect()
    }

    /// The texts of a row's place in the order of the key.
    pub(super) fn place_texts(&self) -> Vec<String> {
        let text = |(place, part): (usize, &KeyPart)| {
            let text = if part.has_members { part.order() } else { part.text() };
            format!("{text} AS place_{place}")
        };
        self.key.iter().enumerate().map(text).collect()
    }

    /// The condition in SQL; none if it is not about the key.
    pub(super) fn fulfills(&self, condition: &KeyCondition) -> Option<String> {
        let part = self.key.iter().find(|part| part.column.name == condition.column)?;
        Some(match condition.comparison {
            Comparison::Equal => part.is(&condition.value),
            other => format!("{} {} {}", part.order(), other.as_str(), part.value(&condition.value)),
        })
    }

    pub(super) fn order(&self) -> Vec<String> {
        self.key.iter().map(KeyPart::order).collect()
    }

    pub(super) fn is_after(&self, order: &[String]) -> String {
        part::after(&self.order(), &self.values(order))
    }

    pub(super) fn is_in(&self, part: &Part) -> Vec<String> {
        match part {
            Part::Range { after, up_to } => {
                let after = after.as_ref().map(|key| self.is_after(key));
                let up_to = up_to.as_ref().map(|key| part::up_to(&self.order(), &self.values(key)));
                after.into_iter().chain(up_to).collect()
            }
            Part::Keys(keys) => {
                let is = |key: &Vec<String>| {
                    let parts = self.key.iter().zip(key).map(|(part, value)| part.is(value));
                    format!("({})", parts.collect::<Vec<_>>().join(" AND "))
                };
                vec![format!("({})", keys.iter().map(is).collect::<Vec<_>>().join(" OR "))]
            }
        }
    }

    fn values(&self, order: &[String]) -> Vec<String> {
        self.key.iter().zip(order).map(|(part, value)| part.value(value)).collect()
    }
}

/// Whether MySQL reads the text as a number: the text of a double has an exponent.
fn is_number(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-.e".contains(&byte))
        && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::column::Column;

    fn part(ty: &str, has_members: bool) -> KeyPart {
        KeyPart { column: Column { name: "k".into(), ty: ty.parse().unwrap() }, has_members }
    }

    #[test]
    fn values_are_written_by_their_type() {
        for (ty, value, written) in [
            ("int", "5", "`k` = 5"),
            ("int", "1 OR 1", "`k` = '1 OR 1'"),
            ("decimal(12,2)", "-2.50", "`k` = -2.50"),
            ("double", "-0.015e1", "`k` = -0.015e1"),
            ("bit(1)", "1", "`k` = CAST(CONV('1', 16, 10) AS UNSIGNED)"),
            ("bit(9)", "01ff", "`k` = CAST(CONV('01ff', 16, 10) AS UNSIGNED)"),
            ("varbinary(4)", "00ff", "`k` = X'00ff'"),
            ("datetime", "2024-02-29 01:02:03.000000", "`k` = '2024-02-29 01:02:03.000000'"),
            (
                "varchar(9)",
                "o'neil",
                "`k` = 'o''neil' AND CONVERT(`k` USING utf8mb4) COLLATE utf8mb4_bin = 'o''neil' \
                 AND CHAR_LENGTH(`k`) = CHAR_LENGTH('o''neil')",
            ),
        ] {
            assert_eq!(part(ty, false).is(value), written, "{ty}");
        }
    }

    #[test]
    fn members_are_ordered_by_their_number() {
        let members = part("enum('b','a')", true);
        assert_eq!((members.order(), members.value("2")), ("`k` + 0".to_owned(), "2".to_owned()));
        assert_eq!(part("varchar(9)", false).order(), "`k`");
    }
}
