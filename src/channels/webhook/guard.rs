//! The guard against calls into one's own network (server-side request forgery).

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// IPv4 that is not for the public: IANA's registry of special-purpose addresses, multicast and the reserved rest.
const REFUSED_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),       // this network
    v4(10, 0, 0, 8),      // RFC 1918
    v4(100, 64, 0, 10),   // carriers' shared space, RFC 6598
    v4(127, 0, 0, 8),     // loopback
    v4(169, 254, 0, 16),  // link-local, and the clouds' metadata services
    v4(172, 16, 0, 12),   // RFC 1918
    v4(192, 0, 0, 24),    // protocol assignments
    v4(192, 0, 2, 24),    // documentation
    v4(192, 88, 99, 24),  // relays to 6to4
    v4(192, 168, 0, 16),  // RFC 1918
    v4(198, 18, 0, 15),   // benchmarks
    v4(198, 51, 100, 24), // documentation
    v4(203, 0, 113, 24),  // documentation
    v4(224, 0, 0, 4),     // multicast
    v4(240, 0, 0, 4),     // reserved, and broadcast
];

/// The only part of IPv6 that is given out to the public. What lies outside: loopback, unique local (`fc00::/7`),
/// link-local (`fe80::/10`), multicast, and the forms that hold an IPv4 address (`::ffff:0:0/96`,
/// `64:ff9b::/96`).
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// Parts of it that are not for the public.
const REFUSED_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),     // protocol assignments, Teredo among them
    v6(0x2001, 0xdb8, 32), // documentation
    v6(0x2002, 0, 16),     // 6to4, which holds an IPv4 address
    v6(0x3fff, 0, 20),     // documentation
];

/// Whether a webhook may go to the address.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !REFUSED_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => GLOBAL_V6.contains(&address) && !REFUSED_V6.iter().any(|net| net.contains(&address)),
    }
}

/// Whether the endpoint with these exemptions may be called at the address. An IPv4 address in IPv6's clothing
/// (`::ffff:a.b.c.d`) is exempt where the IPv4 address is.
pub(super) fn may_call(address: IpAddr, exempt: &[IpNet]) -> bool {
    let canonical = address.to_canonical();
    is_public(address) || exempt.iter().any(|net| net.contains(&address) || net.contains(&canonical))
}

#[cfg(test)]
mod tests {
    use super::{is_public, may_call};

    #[test]
    fn every_range_that_is_not_public_is_refused_from_its_first_to_its_last_address() {
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fdff:ffff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn neighbours_of_the_refused_ranges_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "8.8.8.8",
            "2000::1",
            "2001:200::1",
            "2001:4860::8888",
            "2606:4700::1",
            "3ffe::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_exemption_opens_its_own_range_only() {
        let exempt = ["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for address in ["127.0.0.1", "::ffff:127.0.0.1", "fd12::1", "8.8.8.8"] {
            assert!(may_call(address.parse().unwrap(), &exempt), "{address}");
        }
        for address in ["10.0.0.1", "::1", "::ffff:10.0.0.1", "fc00::1"] {
            assert!(!may_call(address.parse().unwrap(), &exempt), "{address}");
        }
    }
}
