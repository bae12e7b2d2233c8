//! Names of keywords that are used outside their rows, most of them to ask whether a missing line
//! is one that could not be read.

pub(crate) const ACL: &str = "acl";
pub(crate) const BIND: &str = "bind";
pub(crate) const LOCALPEER: &str = "localpeer";
pub(crate) const MAXCONN: &str = "maxconn";
pub(crate) const SERVER: &str = "server";
pub(crate) const SERVER_TEMPLATE: &str = "server-template";
pub(crate) const STICK_TABLE: &str = "stick-table";
pub(crate) const TABLE: &str = "table";
