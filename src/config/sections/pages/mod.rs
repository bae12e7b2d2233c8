//! The pages that sections with `mode http` serve.
//!
//! ```text
//!   requests.rs   the monitor page, and the rules that guard pages and serve the metrics
//!   stats.rs      the statistics page
//!   keep.rs       keeps the lines that are read when all names are known
//!   role.rs       which sections serve pages, and which are refused
//! ```

mod keep;
pub(in crate::config) mod requests;
pub(in crate::config) mod role;
pub(in crate::config) mod stats;
