//! `[user_address_list]`: from where users may log in.
//!
//! Source: contract of the sign-on API, section 6.1, as it was meant: a list of addresses and networks, `*` for any, nothing for
//! none.

use std::collections::HashMap;

use countersign_identity::{LoginName, PeerAddress};
use serde::de::{Error as _, IntoDeserializer as _, value::Error as ValueError};
use serde::{Deserialize, Deserializer};

use crate::networks::Networks;

/// What stands for every address.
const ANYWHERE: &str = "*";
/// What stands for the server's Unix socket.
const UNIX: &str = "unix";

/// From where users may log in, by their login names.
#[derive(Debug, Clone, Default)]
pub struct UserAddressList(HashMap<LoginName, Addresses>);

#[derive(Debug, Clone)]
struct Addresses {
    is_anywhere: bool,
    has_unix: bool,
    networks: Networks,
}

impl UserAddressList {
    /// Whether a user may log in from there; `is_needed`: whether one who isn't in the list may not at all.
    pub fn admits(&self, login: &str, address: PeerAddress, is_needed: bool) -> bool {
        match LoginName::parse(login).ok().and_then(|login| self.0.get(&login)) {
            None => !is_needed,
            Some(addresses) if addresses.is_anywhere => true,
            Some(addresses) => match address {
                PeerAddress::Ip(address) => addresses.networks.contains(address),
                PeerAddress::Unix { .. } => addresses.has_unix,
                PeerAddress::Local => true,
            },
        }
    }
}

impl<'de> Deserialize<'de> for UserAddressList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = HashMap::<String, OneOrMany>::deserialize(deserializer)?;
        let entry = |(login, addresses): (String, OneOrMany)| {
            let login = LoginName::parse(&login).map_err(|error| D::Error::custom(format!("{login:?}: {error}")))?;
            let addresses = Addresses::read(&addresses.texts()).map_err(D::Error::custom)?;
            Ok((login, addresses))
        };
        given.into_iter().map(entry).collect::<Result<_, _>>().map(Self)
    }
}

/// As Zato has it, in one text with commas, or as a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn texts(&self) -> Vec<&str> {
        let all: Vec<&str> = match self {
            Self::One(text) => text.split(',').collect(),
            Self::Many(texts) => texts.iter().map(String::as_str).collect(),
        };
        all.into_iter().map(str::trim).filter(|text| !text.is_empty()).collect()
    }
}

impl Addresses {
    fn read(texts: &[&str]) -> Result<Self, ValueError> {
        let networks: Vec<&str> = texts.iter().copied().filter(|text| ![ANYWHERE, UNIX].contains(text)).collect();
        Ok(Self {
            is_anywhere: texts.contains(&ANYWHERE),
            has_unix: texts.contains(&UNIX),
            networks: Networks::deserialize(networks.into_deserializer())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "all = '*'\nnone = ''\none = '10.0.0.1'\nnets = ['10.1.0.0/16', '2001:db8::/32']\n\
                        two = '10.0.0.1, 10.2.0.0/16'\nKate = 'unix'";

    #[track_caller]
    fn check(login: &str, address: &str, want: bool) {
        let list: UserAddressList = toml::from_str(LIST).unwrap();
        let peer = match address {
            "unix" => PeerAddress::Unix { uid: 1000 },
            "local" => PeerAddress::Local,
            address => PeerAddress::Ip(address.parse().unwrap()),
        };
        assert_eq!(list.admits(login, peer, true), want, "{login} from {address}");
    }

    #[test]
    fn a_listed_user_comes_from_listed_addresses_alone() {
        for (login, address, want) in [
            ("all", "192.0.2.1", true),
            ("all", "unix", true),
            ("none", "192.0.2.1", false),
            ("none", "local", true),
            ("one", "10.0.0.1", true),
            ("ONE", "10.0.0.1", true),
            ("one", "::ffff:10.0.0.1", true),
            ("one", "10.0.0.2", false),
            ("one", "unix", false),
            ("nets", "10.1.255.255", true),
            ("nets", "10.2.0.0", false),
            ("nets", "2001:db8::1", true),
            ("two", "10.2.3.4", true),
            ("two", "10.3.0.0", false),
            ("kate", "unix", true),
            ("kate", "10.0.0.1", false),
        ] {
            check(login, address, want);
        }
    }

    #[test]
    fn who_is_not_in_the_list_comes_from_anywhere_unless_the_list_is_needed() {
        let list: UserAddressList = toml::from_str(LIST).unwrap();
        let peer = PeerAddress::Ip("192.0.2.1".parse().unwrap());
        assert!(list.admits("nobody", peer, false));
        for login in ["nobody", "", "no name"] {
            assert!(!list.admits(login, peer, true), "{login}");
        }
    }

    #[test]
    fn refuses_what_is_no_address_and_names_it() {
        for (text, named) in [("x = '10.0.0'", "10.0.0"), ("x = ['everywhere']", "everywhere"), ("'a b' = '*'", "a b")]
        {
            assert!(toml::from_str::<UserAddressList>(text).unwrap_err().to_string().contains(named), "{text}");
        }
    }
}
