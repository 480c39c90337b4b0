//! What serde finds and expects, in words for users of Terraform.

use serde::de::Unexpected;

/// Says that a value is of the wrong kind.
pub(super) fn mismatch(found: Unexpected<'_>, wanted: &str) -> String {
    format!("It is {}; it takes {}.", found_words(found), expected(wanted))
}

fn found_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Bool(bool) => bool.to_string(),
        Unexpected::Unsigned(int) => format!("the number {int}"),
        Unexpected::Signed(int) => format!("the number {int}"),
        Unexpected::Float(float) => format!("the number {float}"),
        Unexpected::Str(text) => format!("the text \"{text}\""),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        other => other.to_string(),
    }
}

/// Translates what serde's visitors say that they expect.
pub(super) fn expected(wanted: &str) -> String {
    let whole = |low: &str, high: &str| format!("a whole number from {low} to {high}");
    match wanted {
        "i8" => whole("-128", "127"),
        "i16" => whole("-32768", "32767"),
        "i32" => whole("-2147483648", "2147483647"),
        "i64" | "isize" | "i128" => "a whole number".to_owned(),
        "u8" => whole("0", "255"),
        "u16" => whole("0", "65535"),
        "u32" => whole("0", "4294967295"),
        "u64" | "usize" | "u128" => "a whole number from 0".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "a character" => "text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a map".to_owned(),
        other if other.starts_with("struct ") => "an object".to_owned(),
        other if other.starts_with("variant") || other.starts_with("enum ") => "text".to_owned(),
        other => other.to_owned(),
    }
}

/// `` `a`, `b` or `c` ``
pub(super) fn one_of(names: &[&str]) -> String {
    joined(names, "or")
}

/// `` `a`, `b` and `c` ``
pub(crate) fn list(names: &[&str]) -> String {
    joined(names, "and")
}

fn joined(names: &[&str], word: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} {word} {last}", rest.join(", ")),
    }
}

/// The name that was probably meant.
pub(crate) fn similar<'n>(found: &str, names: &[&'n str]) -> Option<&'n str> {
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(found, name), *name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}
