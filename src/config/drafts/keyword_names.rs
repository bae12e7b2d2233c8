//! The names of the keywords that the program asks for elsewhere than in their rows: what a
//! section lacks may stand in a line that could not be read.

pub(crate) const ACL: &str = "acl";
pub(crate) const BIND: &str = "bind";
pub(crate) const LOCALPEER: &str = "localpeer";
pub(crate) const MAXCONN: &str = "maxconn";
pub(crate) const SERVER: &str = "server";
pub(crate) const SERVER_TEMPLATE: &str = "server-template";
pub(crate) const STICK_TABLE: &str = "stick-table";
pub(crate) const TABLE: &str = "table";
