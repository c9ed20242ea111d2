//! How long a file may be.

use crate::sources::Source;

/// Longest file, in lines outside tests.
const FILE_LINES_MAX: usize = 800;

/// Every file that is too long, as sentences. Empty when all is well.
pub fn violations(sources: &[Source]) -> Vec<String> {
    let sizes = sources.iter().map(|source| (source.path.display(), source.size_lines()));
    let too_long = sizes.filter(|&(_, lines)| lines > FILE_LINES_MAX);
    too_long.map(|(path, lines)| format!("{path}: {lines} lines outside tests; {FILE_LINES_MAX} are allowed")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, lines: usize, want: &[&str]) {
        let source = Source { path: path.into(), text: "fn a() {}\n".repeat(lines) };
        assert_eq!(violations(&[source]), want);
    }

    #[test]
    fn refuses_one_line_past_the_limit() {
        check("src/a.rs", FILE_LINES_MAX, &[]);
        check("src/a.rs", FILE_LINES_MAX + 1, &["src/a.rs: 801 lines outside tests; 800 are allowed"]);
        check("src/a/tests.rs", FILE_LINES_MAX + 1, &[]);
    }
}
