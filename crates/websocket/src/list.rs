//! Lists in HTTP header fields (RFC 9110, section 5.6).

/// An element of a list of extensions: a name, and parameters with a value or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension<'a> {
    pub name: &'a str,
    pub parameters: Vec<(&'a str, Option<&'a str>)>,
}

/// The extensions in the values of `Sec-WebSocket-Extensions` (RFC 6455, section 9.1), in order. Elements that can't be
/// read are left out; `None` stands for each.
pub fn extensions<'a>(values: impl Iterator<Item = &'a str>) -> impl Iterator<Item = Option<Extension<'a>>> {
    values.flat_map(|value| split(value, b',')).filter(|element| !element.trim().is_empty()).map(extension)
}

fn extension(element: &str) -> Option<Extension<'_>> {
    let mut parts = split(element, b';').map(str::trim);
    let name = parts.next().filter(|name| is_token(name))?;
    let parameters = parts.map(|part| match part.split_once('=') {
        None => is_token(part).then_some((part, None)),
        Some((key, value)) => {
            let (key, value) = (key.trim_end(), value.trim_start());
            // A quoted value has to be a token once the quotes are gone, so there is nothing to unescape.
            let value = value.strip_prefix('"').map_or(Some(value), |rest| rest.strip_suffix('"'))?;
            (is_token(key) && is_token(value)).then_some((key, Some(value)))
        }
    });
    Some(Extension { name, parameters: parameters.collect::<Option<_>>()? })
}

/// Splits at a separator that doesn't stand in quotes.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let end = text.bytes().position(|byte| {
            if is_escaped {
                is_escaped = false;
            } else if byte == b'"' {
                is_quoted = !is_quoted;
            } else if byte == b'\\' && is_quoted {
                is_escaped = true;
            }
            byte == separator && !is_quoted
        });
        let (part, behind) = match end.and_then(|end| text.split_at_checked(end)) {
            Some((part, behind)) => (part, behind.get(1..)),
            None => (text, None),
        };
        rest = behind;
        Some(part)
    })
}

/// A word of HTTP (RFC 9110, section 5.6.2).
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Shown<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)]);

    #[track_caller]
    fn check(values: &[&str], want: &[Option<Shown<'_>>]) {
        let got: Vec<_> = extensions(values.iter().copied()).collect();
        let got: Vec<_> = got.iter().map(|one| one.as_ref().map(|one| (one.name, &one.parameters[..]))).collect();
        assert_eq!(got, want, "{values:?}");
    }

    #[test]
    fn reads_names_and_parameters_in_order() {
        check(&[], &[]);
        check(&["", " , ,"], &[]);
        check(&["a"], &[Some(("a", &[]))]);
        check(
            &["a;x; y=1 , b", "c ;z = \"2\""],
            &[Some(("a", &[("x", None), ("y", Some("1"))])), Some(("b", &[])), Some(("c", &[("z", Some("2"))]))],
        );
    }

    #[test]
    fn leaves_out_what_it_cannot_read_and_nothing_else() {
        for bad in ["a;", ";x", "a b", "a;x=", "a;=1", "a;x=\"1", "a;x=\"1,2\"", "a;x=\"\\\"\"", "a;x=1=2", "ä"] {
            check(&[bad], &[None]);
            if !bad.ends_with("\"1") {
                check(&[&format!("{bad},b")], &[None, Some(("b", &[]))]);
            }
        }
    }
}
