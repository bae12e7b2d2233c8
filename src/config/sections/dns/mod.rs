//! Names in place of addresses: `resolvers` sections, and the words of a server about its name.

pub(in crate::config) mod init_addr;
pub(in crate::config) mod resolvers;
pub(in crate::config) mod server;
