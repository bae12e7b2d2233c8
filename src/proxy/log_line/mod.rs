//! What a connection's line in the log says, as a format describes it (`log-format`). The unique id
//! of a connection is such a line too, so it is written here and not where lines are sent.

mod dates;
mod fields;
mod record;

pub use dates::{Stamp, WallClock, date_text, month_name, write_accept_date, write_date, write_to};
pub use fields::{Writer, write_custom_line};
pub use record::{ConnectionRecord, Peername};
