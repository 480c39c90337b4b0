//! VARIANT values leave the embedded engine as JSONB bytes; a server sends JSON text (docs/facts/databend.md, "HTTP protocol").

/// JSON text of one JSONB value given in hexadecimal.
pub(crate) fn to_json(hex: &str) -> Result<String, String> {
    let bytes = decode_hex(hex).ok_or_else(|| format!("not hexadecimal: {hex}"))?;
    Ok(jsonb::RawJsonb::new(&bytes).to_string())
}

fn decode_hex(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_wrote_is_read_back() {
        let value = jsonb::parse_value(br#"{"x":[1,2.5,null,true],"y":"a\"b"}"#).unwrap();
        let hex: Vec<String> = value.to_vec().iter().map(|byte| format!("{byte:02x}")).collect();
        let hex = hex.concat();
        assert_eq!(to_json(&hex).unwrap(), r#"{"x":[1,2.5,null,true],"y":"a\"b"}"#);
    }

    #[test]
    fn odd_input_is_an_error() {
        assert!(to_json("4").is_err());
        assert!(to_json("zz").is_err());
    }
}
