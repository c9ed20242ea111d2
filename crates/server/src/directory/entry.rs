//! What comes out of a directory: entries with their attributes.
//!
//! **Invariant:** no attribute that holds a password, or what is as good as one, leaves this file.

use std::collections::BTreeMap;

use countersign_wamp::{Dict, Value};
use ldap3::SearchEntry;

/// Attributes with passwords, hashes and keys. Whoever may read them in the directory: nobody does here.
const HIDDEN: [&str; 22] = [
    "authpassword",
    "dbcspwd",
    "krbextradata",
    "krbprincipalkey",
    "lmpwdhistory",
    "ms-mcs-admpwd",
    "msds-managedpassword",
    "mslaps-encrypteddsrmpassword",
    "mslaps-encryptedpassword",
    "mslaps-encryptedpasswordhistory",
    "mslaps-password",
    "ntpwdhistory",
    "oathsecret",
    "olcrootpw",
    "pwdhistory",
    "sambalmpassword",
    "sambantpassword",
    "sambapasswordhistory",
    "supplementalcredentials",
    "unicodepwd",
    "unixuserpassword",
    "userpassword",
];

/// Attributes that are bytes even where these happen to be text.
const BINARY: [&str; 9] = [
    "cacertificate",
    "jpegphoto",
    "msexchmailboxguid",
    "objectguid",
    "objectsid",
    "sidhistory",
    "thumbnailphoto",
    "usercertificate",
    "usersmimecertificate",
];

/// Attributes that are lists even where there is one value.
const LISTS: [&str; 12] = [
    "description",
    "directreports",
    "managedobjects",
    "member",
    "memberof",
    "memberuid",
    "objectclass",
    "othertelephone",
    "proxyaddresses",
    "serviceprincipalname",
    "sshpublickey",
    "uniquemember",
];

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its distinguished name.
    pub dn: String,
    /// Its attributes by name, as the server spells it.
    attributes: BTreeMap<String, Vec<AttributeValue>>,
}

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
enum AttributeValue {
    /// Text.
    Text(String),
    /// Anything else.
    Bytes(Vec<u8>),
}

/// The name of an attribute as it is compared: without options such as `;binary`.
fn plain(name: &str) -> String {
    name.split(';').next().unwrap_or(name).to_ascii_lowercase()
}

impl Entry {
    /// Reads what came over the wire, without what nobody may see.
    pub fn new(found: SearchEntry) -> Self {
        let SearchEntry { dn, attrs, bin_attrs } = found;
        let is_binary = |name: &str| {
            let options = name.split(';').skip(1).any(|option| option.eq_ignore_ascii_case("binary"));
            options || BINARY.contains(&plain(name).as_str())
        };
        let text = |name: &str, value: String| {
            if is_binary(name) { AttributeValue::Bytes(value.into_bytes()) } else { AttributeValue::Text(value) }
        };
        let texts = attrs.into_iter().map(|(name, values)| {
            let values: Vec<_> = values.into_iter().map(|value| text(&name, value)).collect();
            (name, values)
        });
        let bytes =
            bin_attrs.into_iter().map(|(name, values)| (name, values.into_iter().map(AttributeValue::Bytes).collect()));
        let attributes = texts.chain(bytes).filter(|(name, _)| !HIDDEN.contains(&plain(name).as_str())).collect();
        Self { dn, attributes }
    }

    /// The first value of an attribute, if that is a text.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        let (_, values) = self.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute))?;
        match values.first() {
            Some(AttributeValue::Text(text)) => Some(text),
            Some(AttributeValue::Bytes(_)) | None => None,
        }
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let value = |value: &AttributeValue| match value {
            AttributeValue::Text(text) => text.len(),
            AttributeValue::Bytes(bytes) => bytes.len(),
        };
        let attribute = |(name, values): (&String, &Vec<AttributeValue>)| {
            name.len() + values.iter().map(|one| value(one) + size_of::<AttributeValue>()).sum::<usize>()
        };
        self.dn.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }

    /// The attributes and the name, as the bus has them.
    pub fn to_dict(&self) -> Dict {
        let value = |value: &AttributeValue| match value {
            AttributeValue::Text(text) => Value::from(text.as_str()),
            AttributeValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
        };
        let values = |(name, values): (&String, &Vec<AttributeValue>)| match values.as_slice() {
            [one] if !LISTS.contains(&plain(name).as_str()) => (name.clone(), value(one)),
            more => (name.clone(), Value::List(more.iter().map(value).collect())),
        };
        let dict: Dict = self.attributes.iter().map(values).collect();
        dict.with("dn", self.dn.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(texts: &[(&str, &[&str])], bytes: &[(&str, &[&[u8]])]) -> Entry {
        let texts =
            texts.iter().map(|(name, values)| ((*name).to_owned(), values.iter().map(|it| (*it).into()).collect()));
        let bytes =
            bytes.iter().map(|(name, values)| ((*name).to_owned(), values.iter().map(|it| it.to_vec()).collect()));
        Entry::new(SearchEntry { dn: "uid=ann,dc=x".into(), attrs: texts.collect(), bin_attrs: bytes.collect() })
    }

    #[test]
    fn one_value_stands_alone_unless_the_attribute_is_a_list() {
        let dict = entry(
            &[("mail", &["a@x"]), ("telephoneNumber", &["1", "2"]), ("objectClass", &["person"]), ("seeAlso", &[])],
            &[("objectGUID", &[&[0xff, 0]])],
        )
        .to_dict();
        assert_eq!(dict.get("mail"), Some(&"a@x".into()));
        assert_eq!(dict.get("telephoneNumber"), Some(&Value::List(vec!["1".into(), "2".into()])));
        assert_eq!(dict.get("objectClass"), Some(&Value::List(vec!["person".into()])));
        assert_eq!(dict.get("seeAlso"), Some(&Value::List(vec![])));
        assert_eq!(dict.get("objectGUID"), Some(&Value::Bytes(vec![0xff, 0])));
        assert_eq!(dict.get("dn"), Some(&"uid=ann,dc=x".into()));
    }

    #[test]
    fn a_binary_attribute_is_bytes_whatever_is_in_it() {
        let dict = entry(&[("objectSid", &["plain"]), ("userCertificate;binary", &["c"]), ("x;BINARY", &["d"])], &[])
            .to_dict();
        for (name, bytes) in [("objectSid", "plain"), ("userCertificate;binary", "c"), ("x;BINARY", "d")] {
            assert_eq!(dict.get(name), Some(&Value::Bytes(bytes.as_bytes().to_vec())), "{name}");
        }
    }

    #[test]
    fn w3_and_w10_passwords_of_the_directory_are_never_shown() {
        let found = entry(
            &[
                ("userPassword", &["{SSHA}x"]),
                ("userpassword;x-old", &["y"]),
                ("sambaNTPassword", &["z"]),
                ("cn", &["Ann"]),
            ],
            &[("unicodePwd", &[&[1, 0xff]])],
        );
        let names: Vec<String> = found.to_dict().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["cn", "dn"]);
    }

    #[test]
    fn the_lists_of_names_are_compared_in_lower_case() {
        for name in HIDDEN.iter().chain(&BINARY).chain(&LISTS) {
            assert_eq!(*name, name.to_ascii_lowercase());
        }
    }

    #[test]
    fn reads_the_first_text_of_an_attribute_in_any_case() {
        let found = entry(&[("Mail", &["a@x", "b@x"]), ("sn", &[])], &[("photo", &[&[0xff]])]);
        assert_eq!(found.text("mail"), Some("a@x"));
        assert_eq!([found.text("sn"), found.text("photo"), found.text("cn")], [None; 3]);
    }

    #[test]
    fn size_grows_with_what_is_in_it() {
        let small = entry(&[("cn", &["Ann"])], &[]).bytes();
        assert!(entry(&[("cn", &["Ann"])], &[("p", &[&[0xff; 1000]])]).bytes() >= small + 1000);
    }
}
