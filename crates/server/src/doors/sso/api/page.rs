//! The page that shows the API to people: one section for each resource, one table for each operation.

use std::fmt::Write as _;

use super::operations::OPERATIONS;
use super::{Field, Kind, Operation};

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>Countersign sign-on API</title>
<style>
:root { color-scheme: light dark; --line: #8885; --soft: #8881; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; font-size: 1.2rem; border-bottom: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .6rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4.5rem; text-transform: uppercase; font-size: .85rem; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 .8rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-top: 1px solid var(--line); }
code { background: var(--soft); padding: .1rem .3rem; border-radius: 3px; }
.who { opacity: .75; }
</style>
</head>
<body>
<main>
<h1>Sign-on API</h1>
<p>Requests are JSON objects in the body, whichever the verb is, or fields of the query string, which win on a clash. Every
request names its application in <code>current_app</code> and may give a correlation id in <code>cid</code>. An application that shows
an API key with the right <code>sso:act-for</code> (HTTP Basic) names its user's address and agent in <code>remote_addr</code>
and <code>user_agent</code>. Every answer has <code>cid</code>, <code>status</code> and <code>sub_status</code>, a list of codes. All paths are under <code>/sso</code> and
under <code>/zato/sso</code>. For programs: <a href=\"/openapi.json\">openapi.json</a>.</p>
";

/// The page. All of its text is this program's own, so nothing needs escaping.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut resource = "";
    for operation in OPERATIONS {
        if operation.path != resource {
            resource = operation.path;
            let _ = writeln!(page, "<h2 id=\"{}\">{resource}</h2>", resource.trim_start_matches('/').replace('/', "-"));
        }
        section(&mut page, operation);
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn section(page: &mut String, operation: &Operation) {
    let Operation { verb, summary, who, asks, answers, .. } = operation;
    let _ = writeln!(page, "<details><summary><b>{verb}</b> {summary}</summary>");
    let _ = writeln!(page, "<p class=\"who\">For {}.</p>", who.words());
    table(page, "Asked with", asks, true);
    table(page, "Answered", answers, false);
    page.push_str("</details>\n");
}

fn table(page: &mut String, title: &str, fields: &[Field], is_asked: bool) {
    if fields.is_empty() {
        return;
    }
    let _ = writeln!(page, "<table><thead><tr><th>{title}</th><th>kind</th><th>meaning</th></tr></thead><tbody>");
    for field in fields {
        let must = if is_asked && field.is_required { ", required" } else { "" };
        let (name, kind, about) = (field.name, words(field.kind), field.about);
        let _ = writeln!(page, "<tr><td><code>{name}</code></td><td>{kind}{must}</td><td>{about}</td></tr>");
    }
    page.push_str("</tbody></table>\n");
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Truth => "true or false",
        Kind::Number => "number",
        Kind::Any => "any JSON",
        Kind::Texts => "list of texts",
        Kind::Rows(_) => "list of objects",
    }
}
