//! Whether an address belongs to this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Whether packets to `address` stay on this machine. The system is asked each time, because
/// addresses may be added and removed while the program runs. No packet is sent.
pub fn is_own(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || source_towards(address) == Some(address)
}

/// The source address of packets from this machine to `address`. If the machine owns `address`, the
/// source is `address` itself. (A test with bind(2) would be wrong: where `ip_nonlocal_bind` is
/// set, bind(2) accepts every address.)
fn source_towards(address: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((address, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_own_and_other_networks_are_not() {
        for own in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(is_own(own.parse().unwrap()), "{own}");
        }
        for other in ["203.0.113.7", "2001:db8::7", "0.0.0.0"] {
            assert!(!is_own(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn every_address_of_an_interface_is_an_own_address() {
        for interface in nix::ifaddrs::getifaddrs().unwrap() {
            let Some(address) = interface.address else { continue };
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            let v6 = address.as_sockaddr_in6().map(|v6| v6.ip());
            // A link-local address is complete only with its interface.
            let v6 = v6.filter(|ip| !ip.is_unicast_link_local()).map(IpAddr::V6);
            if let Some(own) = v4.or(v6) {
                assert!(is_own(own), "{own}");
            }
        }
    }
}
