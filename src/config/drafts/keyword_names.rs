//! Names of keywords that are used outside their rows, most of them to ask whether a missing line
//! is one that could not be read.

pub(in crate::config) const ACL: &str = "acl";
pub(in crate::config) const BIND: &str = "bind";
pub(in crate::config) const DEFAULT_BACKEND: &str = "default_backend";
pub(in crate::config) const LOCALPEER: &str = "localpeer";
pub(in crate::config) const MAXCONN: &str = "maxconn";
pub(in crate::config) const SERVER: &str = "server";
pub(in crate::config) const SERVER_TEMPLATE: &str = "server-template";
pub(in crate::config) const STICK_TABLE: &str = "stick-table";
pub(in crate::config) const TABLE: &str = "table";
