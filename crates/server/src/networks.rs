//! Sets of networks, as they stand in the configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Networks, each as `10.0.0.0/8`, or as a single address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// This machine.
    pub fn loopback() -> Self {
        let v4 = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
        Self(vec![v4.into(), IpAddr::V6(Ipv6Addr::LOCALHOST).into()])
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them holds the address. An IPv4 address in the form of an IPv6 one counts
    /// as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let network = |text: &String| {
            let single = || text.parse::<IpAddr>().map(IpNet::from);
            let wrong = |_| D::Error::custom(format!("{text:?} is neither a network like 10.0.0.0/8 nor an address"));
            text.parse::<IpNet>().or_else(|_| single()).map_err(wrong)
        };
        texts.iter().map(network).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
pub mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::Error;

    use super::*;

    /// Networks as in the configuration.
    pub fn networks(texts: &[&str]) -> Result<Networks, Error> {
        Networks::deserialize(texts.to_vec().into_deserializer())
    }

    #[test]
    fn a_single_address_needs_no_length() {
        let lengths = |networks: Networks| networks.0.iter().map(IpNet::prefix_len).collect::<Vec<_>>();
        assert_eq!(lengths(networks(&["10.0.0.1", "192.168.0.0/16", "::1"]).unwrap()), [32, 16, 128]);
    }

    #[test]
    fn holds_what_lies_in_a_network_and_not_its_neighbours() {
        let networks = networks(&["10.0.0.0/30", "2001:db8::/32"]).unwrap();
        let check = |address: &str, want| assert_eq!(networks.contains(address.parse().unwrap()), want, "{address}");
        check("10.0.0.3", true);
        check("::ffff:10.0.0.3", true);
        check("10.0.0.4", false);
        check("2001:db8:ffff::1", true);
        check("2001:db9::1", false);
        assert!(!Networks::default().contains([10, 0, 0, 1].into()));
    }

    #[test]
    fn what_is_no_network_is_refused_and_named() {
        for text in ["300.0.0.0/8", "10.0.0.0/33", "localhost", ""] {
            assert!(networks(&[text]).unwrap_err().to_string().contains(&format!("{text:?}")), "{text}");
        }
    }
}
