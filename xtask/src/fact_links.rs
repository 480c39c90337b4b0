//! Checks references to the fact pages: a comment that names `docs/facts`, a page and a heading must name ones that exist.
//!
//! A reference is the page's path, alone or with what follows it: quoted headings (`, "COPY" and "Purge"`), or the
//! number of a section (`§3`, `section 3`, `sections 4 to 7`). It may continue on the next line of a comment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::process;

/// The folder of the pages, below the repository's root.
const FOLDER: &str = "docs/facts";

/// Headings by page. The number of a numbered heading (`3. Types`) is an entry of its own (`3.`).
type Pages = BTreeMap<PathBuf, BTreeSet<String>>;

/// Fails with every reference in the repository's files that leads nowhere.
pub(crate) fn check(root: &Path) -> Result<(), Error> {
    let pages = pages(root)?;
    let mut broken = Vec::new();
    for file in files(root)? {
        if let Some(text) = text(&root.join(&file))? {
            broken.extend(broken_references(&pages, &file, &text));
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(Error::Missing {
        what: format!("references to facts that lead nowhere:\n  {}", broken.join("\n  ")),
        remedy: format!("name a page of {FOLDER} by its path, and one of its headings"),
    })
}

/// The repository's files, new ones included, as paths below its root.
fn files(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let names = process::output("git ls-files", &mut git)?;
    Ok(names.split_terminator('\0').map(PathBuf::from).collect())
}

/// A file's text; none for a binary file, a folder (a link, a submodule), or a file that was deleted.
fn text(file: &Path) -> Result<Option<String>, Error> {
    match fs::read(file) {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => Ok(None),
        Err(error) => Err(Error::file("read", file)(error)),
    }
}

fn pages(root: &Path) -> Result<Pages, Error> {
    let folder = root.join(FOLDER);
    let mut pages = Pages::new();
    for entry in fs::read_dir(&folder).map_err(Error::file("read", &folder))? {
        let entry = entry.map_err(Error::file("read", &folder))?;
        let file = entry.path();
        if file.extension().is_some_and(|extension| extension == "md")
            && let Some(text) = text(&file)?
        {
            pages.insert(Path::new(FOLDER).join(entry.file_name()), headings(&text));
        }
    }
    Ok(pages)
}

fn headings(text: &str) -> BTreeSet<String> {
    let mut headings = BTreeSet::new();
    let mut in_code = false;
    for line in text.lines() {
        in_code ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        if in_code || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        match heading.trim().split_once(". ") {
            Some((number, name)) if number.parse::<u8>().is_ok() => {
                headings.extend([format!("{number}."), name.to_owned()]);
            }
            _ => drop(headings.insert(heading.trim().to_owned())),
        }
    }
    headings
}

/// What is wrong with the references in `text`, each with its place.
fn broken_references(pages: &Pages, file: &Path, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for reference in references(text) {
        let place = format!("{}:{}: {}", file.display(), reference.line, reference.path);
        let Some(headings) = find(pages, file, &reference.path) else {
            broken.push(format!("{place} is no page"));
            continue;
        };
        for heading in reference.headings.iter().filter(|heading| !headings.contains(*heading)) {
            broken.push(format!("{place} has no heading \"{heading}\""));
        }
    }
    broken
}

/// A path is relative to the repository's root, or in Markdown to the file that links to it.
fn find<'a>(pages: &'a Pages, file: &Path, path: &str) -> Option<&'a BTreeSet<String>> {
    let from_root = pages.get(Path::new(path));
    if from_root.is_some() || file.extension().is_none_or(|extension| extension != "md") {
        return from_root;
    }
    let mut target = PathBuf::new();
    for part in file.parent()?.join(path).components() {
        match part {
            Component::ParentDir => drop(target.pop()),
            Component::CurDir => {}
            part => target.push(part),
        }
    }
    pages.get(&target)
}

#[derive(Debug, PartialEq)]
struct Reference {
    line: usize,
    path: String,
    /// Names as they are, numbers with a period, like the entries of [`Pages`].
    headings: Vec<String>,
}

fn references(text: &str) -> Vec<Reference> {
    let prose = without_comment_marks(text);
    let reference = |(at, folder): (usize, &str)| {
        let before = &prose[..at];
        if before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-')) {
            return None;
        }
        let after = &prose[at + folder.len()..];
        let name = &after[..after.find(|c| !in_path(c)).unwrap_or(after.len())];
        let name = &name[..name.find(".md")? + ".md".len()];
        let path = format!("{}{folder}{name}", &before[before.trim_end_matches(in_path).len()..]);
        let is_url = path.starts_with("//");
        (!is_url).then(|| Reference {
            line: text[..at].matches('\n').count() + 1,
            path,
            headings: targets(&after[name.len()..]),
        })
    };
    prose.match_indices("facts/").filter_map(reference).collect()
}

fn in_path(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/')
}

/// Replaces line ends and the marks of comments by spaces, so that a reference continues on the next line.
/// Every byte keeps its place.
fn without_comment_marks(text: &str) -> String {
    let mut prose = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let words = line.trim_start();
        let rest = ["///", "//!", "//", "#:", "#", "*"].iter().find_map(|mark| words.strip_prefix(mark));
        let rest = rest.unwrap_or(words);
        prose.extend(std::iter::repeat_n(' ', line.len() - rest.len()));
        prose.push_str(&rest.replace('\n', " "));
    }
    prose
}

/// The headings that are named behind a page's path.
fn targets(after: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut rest = after.trim_start();
    if let Some(numbers) = rest.strip_prefix("sections ") {
        rest = numbers;
        while let Some((number, tail)) = leading_number(rest) {
            targets.push(number);
            rest = tail;
            let next = ["-", " to ", ", ", " and "].iter().find_map(|separator| rest.strip_prefix(separator));
            rest = next.filter(|next| leading_number(next).is_some()).unwrap_or(rest);
        }
    } else if let Some((number, tail)) =
        ["§", "section "].iter().find_map(|mark| rest.strip_prefix(mark)).and_then(leading_number)
    {
        targets.push(number);
        rest = tail;
    }
    while let Some((heading, tail)) = quoted(rest) {
        targets.push(heading);
        rest = tail;
    }
    targets
}

fn leading_number(text: &str) -> Option<(String, &str)> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = &text[..text.len() - rest.len()];
    (!number.is_empty()).then(|| (format!("{number}."), rest))
}

/// `, "Heading"` or `and "Heading"`, with its spaces as one.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let text = text.strip_prefix(',').or_else(|| text.strip_prefix("and "))?.trim_start();
    let (heading, rest) = text.strip_prefix('"')?.split_once('"')?;
    Some((heading.split_whitespace().collect::<Vec<_>>().join(" "), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page with named headings, one of them in a block of code, and numbered ones.
    fn pages() -> Pages {
        let text = "# Engine\n\n## COPY\n\n### Purge\n\n## A long name\n\n```\n## code\n```\n\n## 1. Files\n\n## 2. Rows\n";
        Pages::from([(Path::new(FOLDER).join("engine.md"), headings(text))])
    }

    /// What is wrong with `reference` (`@` stands for the folder of the pages) in a file of this name.
    fn broken(file: &str, reference: &str) -> Vec<String> {
        broken_references(&pages(), Path::new(file), &reference.replace('@', FOLDER))
    }

    #[test]
    fn good_references_pass() {
        for reference in [
            "@/engine.md",
            "see @/engine.md.",
            r#"(@/engine.md, "COPY")"#,
            r#"@/engine.md, "COPY" and "Purge""#,
            r#"@/engine.md, "COPY", "Purge""#,
            r#"@/engine.md, "Rows""#,
            "@/engine.md §2",
            "@/engine.md section 2, hazard c",
            "@/engine.md section 1 d",
            r#"@/engine.md section 1, "Purge""#,
            "@/engine.md sections 1, 2 and 1",
            "@/engine.md sections 1-2).",
            "@/engine.md sections 1 to 2, then 17 more",
            "other artifacts/engine.md, https://example.com/facts/other.md",
        ] {
            assert_eq!(broken("src/copy.rs", reference), Vec::<String>::new(), "{reference}");
        }
    }

    #[test]
    fn a_reference_that_leads_nowhere_is_named_with_its_place() {
        for (reference, what) in [
            ("@/motor.md", "@/motor.md is no page"),
            (r#"@/engine.md, "Copy""#, r#"@/engine.md has no heading "Copy""#),
            (r#"@/engine.md, "COPY" and "Push""#, r#"@/engine.md has no heading "Push""#),
            (r#"@/engine.md, "code""#, r#"@/engine.md has no heading "code""#),
            ("@/engine.md §3", r#"@/engine.md has no heading "3.""#),
            ("@/engine.md section 3", r#"@/engine.md has no heading "3.""#),
            ("@/engine.md sections 1, 2 and 30", r#"@/engine.md has no heading "30.""#),
            ("@/engine.md sections 1-4", r#"@/engine.md has no heading "4.""#),
            (r#"@/engine.md section 1, "Push""#, r#"@/engine.md has no heading "Push""#),
        ] {
            let expected = format!("src/copy.rs:2: {}", what.replace('@', FOLDER));
            assert_eq!(broken("src/copy.rs", &format!("first line\n{reference}")), [expected], "{reference}");
        }
    }

    #[test]
    fn a_path_without_its_folder_is_no_page() {
        let folder = FOLDER.trim_start_matches("docs/");
        assert_eq!(
            broken("src/copy.rs", &format!(r#"// {folder}/engine.md, "COPY""#)),
            [format!("src/copy.rs:1: {folder}/engine.md is no page")]
        );
    }

    #[test]
    fn a_reference_continues_on_the_next_line_of_a_comment() {
        for text in [
            "/// @/engine.md, \"A long\n    /// name\"",
            "//! @/engine.md,\n//! \"A long name\"",
            "    # @/engine.md, \"A\n    # long name\"",
        ] {
            assert_eq!(broken("src/copy.rs", text), Vec::<String>::new(), "{text}");
            let text = text.replace("name", "word");
            let expected = format!("src/copy.rs:1: {FOLDER}/engine.md has no heading \"A long word\"");
            assert_eq!(broken("src/copy.rs", &text), [expected], "{text}");
        }
    }

    #[test]
    fn markdown_links_are_relative_to_their_file() {
        let folder = FOLDER.trim_start_matches("docs/");
        assert_eq!(broken("docs/a.md", &format!("[e]({folder}/engine.md)")), Vec::<String>::new());
        assert_eq!(broken("docs/a/b.md", &format!("[e](../{folder}/engine.md)")), Vec::<String>::new());
        assert_eq!(broken("README.md", "[e](@/engine.md)"), Vec::<String>::new());
        assert_eq!(
            broken("docs/a/b.md", &format!("[e]({folder}/engine.md)")),
            [format!("docs/a/b.md:1: {folder}/engine.md is no page")]
        );
    }

    #[test]
    fn files_that_are_no_text_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bytes");
        fs::write(&file, [0xff, 0xfe]).unwrap();
        assert_eq!(text(&file).unwrap(), None);
        assert_eq!(text(&dir.path().join("deleted")).unwrap(), None);
        assert_eq!(text(dir.path()).unwrap(), None);
    }

    #[test]
    fn every_file_of_a_repository_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            process::output("git", Command::new("git").current_dir(dir.path()).args(arguments)).unwrap()
        };
        git(&["init", "--quiet"]);
        fs::create_dir_all(dir.path().join(FOLDER)).unwrap();
        fs::write(dir.path().join(FOLDER).join("engine.md"), "## COPY\n").unwrap();
        fs::write(dir.path().join("tracked.rs"), format!("// {FOLDER}/engine.md, \"COPY\"\n")).unwrap();
        git(&["add", "."]);
        check(dir.path()).unwrap();

        fs::write(dir.path().join("new.py"), format!("# {FOLDER}/engine.md, \"MERGE\"\n")).unwrap();
        let error = check(dir.path()).unwrap_err().to_string();
        let broken = format!("new.py:1: {FOLDER}/engine.md has no heading \"MERGE\"");
        assert!(error.contains(&broken), "{error}");
    }
}
