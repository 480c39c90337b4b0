//! One text per JSON value, whatever an engine prints: what `runbook verify` compares of a JSON column.
//!
//! MySQL orders the members of an object by the length of their names, MariaDB keeps the text, and Databend sorts the names and
//! prints numbers its own way. Equal values have one text here. Members are sorted, and of a name that comes twice the last
//! counts, as in MySQL. Numbers are equal if their values are: `1`, `1.0` and `1e0`. All digits count, so no number is read as
//! a double.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

/// Returns the digest of a JSON text; `None` if it is not JSON.
pub fn digest(json: &str) -> Option<String> {
    let text = canonical(json)?;
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    Some(out)
}

/// Returns the one text of a JSON value; `None` if it is not JSON.
pub fn canonical(json: &str) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    write_value(json.trim_ascii(), &mut out)?;
    Some(out)
}

fn write_value(json: &str, out: &mut String) -> Option<()> {
    match json.bytes().next()? {
        b'{' => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
            out.push('{');
            for (place, (name, value)) in members.into_iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                out.push_str(&serde_json::to_string(&name).ok()?);
                out.push(':');
                write_value(value.get(), out)?;
            }
            out.push('}');
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            out.push('[');
            for (place, item) in items.into_iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write_value(item.get(), out)?;
            }
            out.push(']');
        }
        b'"' => {
            let text: String = serde_json::from_str(json).ok()?;
            out.push_str(&serde_json::to_string(&text).ok()?);
        }
        b't' | b'f' | b'n' => {
            let value: serde_json::Value = serde_json::from_str(json).ok()?;
            out.push_str(&value.to_string());
        }
        _ => {
            // Only to see that it is a number.
            let number: &RawValue = serde_json::from_str(json).ok()?;
            out.push_str(&canonical_number(number.get())?);
        }
    }
    Some(())
}

/// `-0.012345e4` for `-123.45`: the digits without zeros around them, and where the point belongs. Zero has no sign, since
/// MySQL's integers have none.
fn canonical_number(number: &str) -> Option<String> {
    let (sign, unsigned) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits.trim_matches('0');
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    let exponent: i64 = exponent.trim_start_matches('+').parse().ok()?;
    let point =
        exponent.checked_add(i64::try_from(whole.len()).ok()?)?.checked_sub(i64::try_from(leading).ok()?)?;
    Some(format!("{sign}0.{digits}e{point}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_of_one_value_have_one_text() {
        for (one, other) in [
            (r#"{"b": 1, "a": [1, 2]}"#, r#"{"a":[1,2],"b":1}"#),
            (r#"{"a": 1, "a": 2}"#, r#"{"a":2}"#),
            ("1", "1.0"),
            ("100", "1e2"),
            ("100", "1E+2"),
            ("0.00120", "1.2e-3"),
            ("-0.0", "0"),
            (r#""\u00e9\/""#, r#""é/""#),
            (" null ", "null"),
            ("[]", "[ ]"),
        ] {
            assert_eq!(canonical(one).unwrap(), canonical(other).unwrap(), "{one} and {other}");
            assert_eq!(digest(one), digest(other));
        }
        assert_eq!(
            canonical(r#"{"b":[-123.45,"x"],"a":null}"#).unwrap(),
            r#"{"a":null,"b":[-0.12345e3,"x"]}"#
        );
    }

    #[test]
    fn different_values_have_different_texts() {
        for (one, other) in [
            ("123456789012345678901234567890", "123456789012345678901234567891"),
            ("0.1", "0.10000000000000000001"),
            ("1", "\"1\""),
            ("1", "-1"),
            ("10", "1"),
            ("null", "\"null\""),
            ("[1,2]", "[2,1]"),
            (r#"{"a":1}"#, r#"{"A":1}"#),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#),
            (r#""a ""#, r#""a""#),
            ("[[]]", "[]"),
        ] {
            assert_ne!(canonical(one).unwrap(), canonical(other).unwrap(), "{one} and {other}");
            assert_ne!(digest(one), digest(other));
        }
    }

    #[test]
    fn what_is_not_json_has_no_text() {
        for text in ["", "{", "nul", "1x", "\"a", "[1,]", "-", "1.e5"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
