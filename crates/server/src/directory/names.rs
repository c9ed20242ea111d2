//! Names that strangers give, made safe for the directory: in distinguished names (RFC 4514) and in filters (RFC 4515).
//!
//! **Invariant:** whatever login is given, the name that is bound as has the template's shape: a login fills one value of it,
//! and nothing else.

use std::fmt;

use ldap3::{dn_escape, ldap_escape};

/// What stands for the login in a template: as in Python's `format`.
const PLACEHOLDERS: [&str; 3] = ["{}", "{0}", "{login}"];

/// As whom a user binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginTemplate {
    before: String,
    after: String,
}

/// Why a text is no template. The operator's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateError;

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("has {} once, where the login belongs, and no other braces")
    }
}

impl LoginTemplate {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let (before, after) = PLACEHOLDERS.iter().find_map(|it| text.split_once(it)).ok_or(TemplateError)?;
        if [before, after].iter().any(|part| part.contains(['{', '}'])) {
            return Err(TemplateError);
        }
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }

    /// The name of this login. `None` where the directory would read another name than the template means.
    pub fn name_of(&self, login: &str) -> Option<String> {
        let Self { before, after } = self;
        if login.is_empty() || login.contains('\0') {
            return None;
        }
        if self.is_distinguished() {
            return Some(format!("{before}{}{after}", dn_escape(login)));
        }
        // No distinguished name, but one that Active Directory knows, as user@domain or DOMAIN\user. There is no way to
        // escape in these, so nothing may be in the login that means something there.
        let has_domain = before.contains(['@', '\\']) || after.contains('@');
        let is_bad = |c: char| c.is_control() || "\"/\\[]:;|=,+*?<>()".contains(c) || (c == '@' && has_domain);
        (!login.chars().any(is_bad)).then(|| format!("{before}{login}{after}"))
    }

    fn is_distinguished(&self) -> bool {
        self.before.contains('=')
    }
}

/// The filter that finds the entry of a login among `users`.
pub fn filter_of(users: &str, attribute: &str, login: &str) -> String {
    format!("(&{users}({attribute}={}))", ldap_escape(login))
}

/// Whether a text is a filter.
pub fn is_filter(text: &str) -> bool {
    text.starts_with('(') && ldap3::parse_filter(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(template: &str, login: &str) -> Option<String> {
        LoginTemplate::parse(template).unwrap().name_of(login)
    }

    #[test]
    fn a_template_has_one_place_for_the_login() {
        for good in ["{}", "{0}@x", "uid={login},dc=x", "EXAMPLE\\{}"] {
            assert!(LoginTemplate::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "uid=x", "{}{}", "{1}", "{user}", "{} {login}", "}{", "{}}"] {
            assert_eq!(LoginTemplate::parse(bad), Err(TemplateError), "{bad}");
        }
    }

    #[test]
    fn a_login_fills_one_value_of_a_distinguished_name() {
        const TEMPLATE: &str = "uid={},ou=people,dc=x";
        let check = |login: &str, value: &str| {
            assert_eq!(bound(TEMPLATE, login), Some(format!("uid={value},ou=people,dc=x")), "{login}");
        };
        check("ann", "ann");
        check("änne", "änne");
        check("admin,dc=x", "admin\\2cdc\\3dx");
        check("a+cn=b", "a\\2bcn\\3db");
        check("a\\2c", "a\\5c2c");
        check("#a", "\\23a");
        check("*)(uid=*", "*)(uid\\3d*");
        check("\"<>;", "\\22\\3c\\3e\\3b");
        assert_eq!(bound(TEMPLATE, "a\0b"), None);
        assert_eq!(bound(TEMPLATE, ""), None);
    }

    #[test]
    fn names_that_can_not_be_escaped_take_plain_logins_only() {
        assert_eq!(bound("{}@example.com", "ann.lee").as_deref(), Some("ann.lee@example.com"));
        assert_eq!(bound("EXAMPLE\\{}", "ann").as_deref(), Some("EXAMPLE\\ann"));
        assert_eq!(bound("{}", "ann@example.com").as_deref(), Some("ann@example.com"));
        for template in ["{}@example.com", "EXAMPLE\\{}", "{}"] {
            for login in ["admin,dc=x", "cn=admin", "a\\b", "*)(uid=*", "a/b", "a\0", "a\nb", ""] {
                assert_eq!(bound(template, login), None, "{template} {login}");
            }
        }
        assert_eq!(bound("{}@example.com", "ann@other.example"), None);
        assert_eq!(bound("EXAMPLE\\{}", "ann@other.example"), None);
    }

    #[test]
    fn a_login_fills_one_value_of_a_filter() {
        let check = |login: &str, value: &str| {
            let filter = filter_of("(objectClass=user)", "uid", login);
            assert_eq!(filter, format!("(&(objectClass=user)(uid={value}))"));
            assert!(is_filter(&filter), "{filter}");
        };
        check("ann", "ann");
        check("*)(uid=*", "\\2a\\29\\28uid=\\2a");
        check("a\\2a", "a\\5c2a");
        check("a\0b", "a\\00b");
    }

    #[test]
    fn tells_filters_from_other_texts() {
        for good in ["(a=b)", "(&(a=b)(!(c=*)))", "(memberOf:1.2.840.113556.1.4.1941:=cn=x)"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "a=b", "(a=b", "(a=b))", "()", "(&(a=b)c)"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
