//! `[outbound]` of `config/gateway.toml`: whom this node may call with records and alerts. A URL in a system's file says where;
//! this says where at all, so that a mistaken or borrowed URL, or a name that somebody points elsewhere, does not reach the
//! inside of a network. Addresses that the internet routes are free; any other only within a network that is named here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::document::{Findings, Section};
use super::reach;
use super::settings::FILE;

/// Whom this node may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Names, `*.` before one for all below it; none: every name.
    pub hosts: Vec<String>,
    /// Networks that are not the internet's, and may be called all the same.
    pub networks: Vec<Network>,
}

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Default for Outbound {
    fn default() -> Self {
        let here = [
            Network { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), bits: 8 },
            Network { address: IpAddr::V6(Ipv6Addr::LOCALHOST), bits: 128 },
        ];
        Self { hosts: Vec::new(), networks: here.to_vec() }
    }
}

impl Outbound {
    pub(super) fn read(&mut self, table: &mut Section<'_, '_>) {
        if table.has("hosts") {
            self.hosts.clear();
            for said in table.texts("hosts") {
                let host = said.value.to_ascii_lowercase();
                let name = host.strip_prefix("*.").unwrap_or(&host);
                if name.is_empty() || name.contains(['*', '/', ':', '@']) {
                    table
                        .error(said.line, format!("`{}` is no host; write `court.example` or `*.example`", said.value));
                }
                self.hosts.push(host);
            }
        }
        if table.has("networks") {
            self.networks.clear();
            for said in table.texts("networks") {
                match Network::parse(&said.value) {
                    Some(network) => self.networks.push(network),
                    None => table.error(said.line, format!("`{}` is no network; write `10.20.0.0/16`", said.value)),
                }
            }
        }
    }

    /// What is wrong with a URL that is to be called; `None`: nothing that can be seen without asking for its addresses.
    pub fn fault(&self, url: &str) -> Option<String> {
        let host = reach::host(url)?;
        let allowed = match host.parse() {
            Ok(address) => self.allows(address),
            Err(_) => self.names(host),
        };
        (!allowed).then(|| format!("`{host}` is not called by this node: name it in [outbound] of {FILE}"))
    }

    /// Adds a finding for every URL of these that would not be called.
    pub fn check<'u>(&self, urls: impl Iterator<Item = (&'u str, &'u str)>, findings: &Findings) {
        for (file, url) in urls {
            if let Some(fault) = self.fault(url) {
                findings.error(file, 0, fault);
            }
        }
    }

    /// Whether a name may be called, if its addresses may.
    pub fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.hosts.is_empty()
            || self.hosts.iter().any(|known| match known.strip_prefix("*.") {
                Some(above) => host.strip_suffix(above).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
                None => *known == host,
            })
    }

    /// Whether an address may be called.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.holds(address)) || is_public(address)
    }
}

impl Network {
    /// `10.20.0.0/16`, or one address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differs = u32::from(network) ^ u32::from(address);
                differs.checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differs = u128::from(network) ^ u128::from(address);
                differs.checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Whether the internet routes an address (the special registries of IANA, RFC 6890): not private, shared, link-local (the
/// metadata services of clouds), reserved, for documents or tests, nor one of IPv6 that stands for such a one of IPv4.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.segments() {
            // NAT64 (RFC 6052) and 6to4 (RFC 3056) carry an IPv4 address.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
                is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
            }
            // Teredo and other protocols' assignments; documents.
            [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] => false,
            [first, ..] => first & 0xe000 == 0x2000,
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast();
    let [first, second, third, _] = address.octets();
    let reserved = first == 0
        || first >= 240
        || (first == 100 && second & 0xc0 == 64)
        || (first == 192 && second == 0 && third == 0)
        || (first == 198 && second & 0xfe == 18);
    !special && !reserved
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Network, Outbound};

    fn outbound(hosts: &[&str], networks: &[&str]) -> Outbound {
        let networks = networks.iter().map(|text| Network::parse(text).expect(text)).collect();
        Outbound { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), networks }
    }

    #[test]
    fn only_what_the_internet_routes_is_called_unless_a_network_is_named() {
        let bare = outbound(&[], &[]);
        let allows = |outbound: &Outbound, text: &str| outbound.allows(text.parse::<IpAddr>().expect(text));
        for public in ["8.8.8.8", "164.100.1.1", "2405:8a00::1", "64:ff9b::808:808", "::ffff:8.8.8.8"] {
            assert!(allows(&bare, public), "{public}");
        }
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "192.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
        ] {
            assert!(!allows(&bare, inside), "{inside}");
        }
        let own = outbound(&[], &["10.20.0.0/16", "fd12::/16", "169.254.1.1"]);
        for named in ["10.20.0.1", "10.20.255.255", "::ffff:10.20.3.4", "fd12:9::1", "169.254.1.1"] {
            assert!(allows(&own, named), "{named}");
        }
        for beside in ["10.21.0.1", "10.19.255.255", "fd13::1", "169.254.1.2", "127.0.0.1"] {
            assert!(!allows(&own, beside), "{beside}");
        }
        assert!(allows(&Outbound::default(), "127.9.9.9") && allows(&Outbound::default(), "::1"));
        assert!(allows(&outbound(&[], &["0.0.0.0/0"]), "10.0.0.1"));
        assert!(["10.0.0.0/33", "10.0.0/8", "x", "::/129", ""].iter().all(|text| Network::parse(text).is_none()));
    }

    #[test]
    fn names_are_those_that_are_listed_or_below_one() {
        let listed = outbound(&["court.example", "*.nic.in"], &[]);
        for name in ["court.example", "Court.Example.", "a.nic.in", "a.b.nic.in"] {
            assert!(listed.names(name), "{name}");
        }
        for name in ["x.court.example", "nic.in", ".nic.in", "xnic.in", "court.example.evil.test"] {
            assert!(!listed.names(name), "{name}");
        }
        assert!(outbound(&[], &[]).names("any.example"));
        assert!(listed.fault("https://evil.test/x").is_some_and(|said| said.contains("[outbound]")));
        assert_eq!(listed.fault("https://a.nic.in:8443/in?x=1"), None);
        assert!(outbound(&[], &[]).fault("https://user@10.0.0.7:80/").is_some());
    }
}
