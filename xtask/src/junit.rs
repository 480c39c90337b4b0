//! How many tests a run had, from the report that nextest and pytest both write (`JUnit`'s XML).

use std::fs;
use std::path::Path;

/// The outcome of one run of tests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// The counts of a report; `None` when there is none or it cannot be read.
    pub(crate) fn read(report: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(report).ok()?)
    }

    /// Sums the attributes of every `<testsuite>`. The enclosing `<testsuites>` repeats or omits them, depending on
    /// who wrote the report, so it is passed over.
    fn parse(report: &str) -> Option<Self> {
        let mut sum = Self::default();
        for suite in report.split("<testsuite ").skip(1) {
            let attributes = suite.split_once('>')?.0;
            let number = |name: &str| attribute(attributes, name).and_then(|text| text.parse::<u64>().ok());
            let failed = number("failures")? + number("errors")?;
            let skipped = number("skipped").or_else(|| number("disabled")).unwrap_or(0);
            sum.failed += failed;
            sum.skipped += skipped;
            sum.passed += number("tests")?.saturating_sub(failed + skipped);
        }
        Some(sum)
    }

    /// The sum of two runs.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = attributes.split_once(&format!(" {name}=\"")).or_else(|| {
        let rest = attributes.strip_prefix(&format!("{name}=\""))?;
        Some(("", rest))
    })?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pytest() {
        let report = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10" time="0.1"><testcase/></testsuite></testsuites>"#;
        assert_eq!(Counts::parse(report), Some(Counts { passed: 4, failed: 3, skipped: 3 }));
    }

    #[test]
    fn nextest_with_several_binaries() {
        let report = r#"<testsuites name="nextest-run" tests="5" failures="1" errors="0">
    <testsuite name="a" tests="3" disabled="0" errors="0" failures="1"></testsuite>
    <testsuite name="b" tests="2" disabled="0" errors="0" failures="0"></testsuite>
</testsuites>"#;
        assert_eq!(Counts::parse(report), Some(Counts { passed: 4, failed: 1, skipped: 0 }));
    }

    #[test]
    fn a_report_that_is_cut_off_is_no_report() {
        assert_eq!(Counts::parse(r#"<testsuite name="a" tests="3" fail"#), None);
    }
}
