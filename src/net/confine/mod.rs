//! What the process may not do any more.
//!
//! ```text
//!   capabilities.rs   the parts of root's rights
//!   calls.rs          system calls, by filters of seccomp(2)
//!   call_lists.rs     the calls of these filters
//!   files.rs          the file system, by Landlock
//! ```

mod call_lists;
pub mod calls;
pub mod capabilities;
pub mod files;
