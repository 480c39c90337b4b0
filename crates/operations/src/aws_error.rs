//! Errors of the AWS SDK in words.

/// An error and what it comes from, one line each, without repetitions: the SDK's own form is for developers.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default().trim_end_matches([':', '.']).to_owned();
        if !lines.iter().any(|said| said.contains(&line)) {
            lines.push(line);
        }
        next = error.source();
    }
    lines.join(": ")
}

/// Whether these words are about missing credentials or regions.
pub(crate) fn is_of_credentials(causes: &str) -> bool {
    ["credential", "region"].iter().any(|word| causes.to_lowercase().contains(word))
}
