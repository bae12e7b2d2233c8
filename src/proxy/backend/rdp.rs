//! The cookie by which a session broker sends an RDP client back to its server:
//! `<address>.<port>.0000`. Both are decimal numbers of the bytes in reverse order.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The address in such a cookie.
pub(super) fn address_in(cookie: &[u8]) -> Option<SocketAddrV4> {
    let mut parts = std::str::from_utf8(cookie).ok()?.splitn(3, '.');
    let (address, port, _) = (parts.next()?, parts.next()?, parts.next()?);
    let ip = Ipv4Addr::from(address.parse::<u32>().ok()?.to_le_bytes());
    Some(SocketAddrV4::new(ip, port.parse::<u16>().ok()?.swap_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_has_the_bytes_of_an_address_in_reverse_order() {
        let address = |text: &str| address_in(text.as_bytes()).map(|address| address.to_string());
        assert_eq!(address("3640205228.15629.0000"), Some("172.31.249.216:3389".to_owned()));
        assert_eq!(address("16777343.15629."), Some("127.0.0.1:3389".to_owned()));
        for wrong in ["", "user", "1.2", "4294967296.1.0", "1.65536.0", ".1.0", "-1.1.0", "\u{e4}"]
        {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
