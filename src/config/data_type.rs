//! The data types that an entry of a stick table can store: one row each. A new data type is a new
//! row, and nothing else where no traffic is to be counted in it.

use std::fmt;

/// How a stored value is held and coded (peers protocol, section 8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A signed 32-bit number.
    Signed,
    /// An unsigned 32-bit number.
    Unsigned,
    /// An unsigned 64-bit number.
    Wide,
    /// A rate: start of the current period, events in it, events in the period before.
    Rate,
    /// The number of a name in the dictionary; 0 is "no name".
    Name,
}

impl Kind {
    /// The greatest number that a value can be.
    pub const fn most(self) -> u64 {
        match self {
            Self::Signed => i32::MAX as u64,
            Self::Unsigned | Self::Rate | Self::Name => u32::MAX as u64,
            Self::Wide => u64::MAX,
        }
    }
}

/// What changes a stored value. The samples and the actions of a data type follow from its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Stick rules: it says which server a client has.
    Server,
    /// Rules set it to a number.
    Tag,
    /// Rules add to it.
    Counter,
    /// Traffic adds to it, and it never goes down.
    Traffic,
    /// Traffic adds bytes to it. Samples tell it in kilobytes, under the name given here.
    Bytes(&'static str),
    /// It goes up and down with the connections that are open now. It belongs to this node alone:
    /// it is sent to peers and never learned from them.
    Open,
    /// The rate of the events of a counter.
    Rate,
}

/// Everything that is known of one data type.
#[derive(Clone, Copy, Debug)]
struct DataTypeRow {
    name: &'static str,
    kind: Kind,
    role: Role,
    /// What it holds, as the end of a sentence.
    help: &'static str,
    is_array: bool,
    /// The rate that counts the same events.
    rate: Option<DataType>,
    /// The array, and its element, that replaces it in a table that stores the array.
    element_of: Option<(DataType, u32)>,
}

impl DataTypeRow {
    const fn new(name: &'static str, kind: Kind, role: Role, help: &'static str) -> Self {
        Self { name, kind, role, help, is_array: false, rate: None, element_of: None }
    }

    const fn array(self) -> Self {
        Self { is_array: true, ..self }
    }

    const fn counted_with(self, rate: DataType) -> Self {
        Self { rate: Some(rate), ..self }
    }

    const fn element_of(self, array: DataType, element: u32) -> Self {
        Self { element_of: Some((array, element)), ..self }
    }
}

macro_rules! data_types {
    ($($number:literal $variant:ident $name:literal: $kind:ident, $role:expr, $help:literal
        $(, $addition:ident($($argument:expr),*))*;)*) => {
        /// A data type that a stick table can store. The discriminant is the protocol's number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DataType {
            $(#[doc = concat!("`", $name, "`: ", $help, ".")] $variant = $number,)*
        }

        impl DataType {
            /// Every data type, in ascending number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            const fn row(self) -> &'static DataTypeRow {
                match self {
                    $(Self::$variant => {
                        const ROW: DataTypeRow = DataTypeRow::new($name, Kind::$kind, $role, $help)
                            $(.$addition($($argument),*))*;
                        &ROW
                    })*
                }
            }
        }
    };
}

use DataType::{
    BytesInRate, BytesOutRate, ConnRate, GlitchRate, Gpc, Gpc0Rate, Gpc1Rate, GpcRate, Gpt,
    HttpErrRate, HttpFailRate, HttpReqRate, SessRate,
};
use Role::{Bytes, Counter, Open, Rate, Server, Tag, Traffic};

// Protocol number, variant, name: kind, role, help. All else follows from the row: the arguments
// in `store`, the samples, the actions, what commands print, what peers are told.
data_types! {
    0 ServerId "server_id": Signed, Server, "the number of the client's server";
    1 Gpt0 "gpt0": Unsigned, Tag, "the tag gpt0", element_of(Gpt, 0);
    2 Gpc0 "gpc0": Unsigned, Counter, "the counter gpc0", counted_with(Gpc0Rate),
        element_of(Gpc, 0);
    3 Gpc0Rate "gpc0_rate": Rate, Rate, "the rate of gpc0", element_of(GpcRate, 0);
    4 ConnCnt "conn_cnt": Unsigned, Traffic, "the connections so far", counted_with(ConnRate);
    5 ConnRate "conn_rate": Rate, Rate, "the rate of new connections";
    6 ConnCur "conn_cur": Unsigned, Open, "the connections that are open now";
    7 SessCnt "sess_cnt": Unsigned, Traffic, "the sessions so far (connections that the \
        rules let in)", counted_with(SessRate);
    8 SessRate "sess_rate": Rate, Rate, "the rate of new sessions";
    9 HttpReqCnt "http_req_cnt": Unsigned, Traffic, "the HTTP requests so far",
        counted_with(HttpReqRate);
    10 HttpReqRate "http_req_rate": Rate, Rate, "the rate of HTTP requests";
    11 HttpErrCnt "http_err_cnt": Unsigned, Traffic, "the HTTP errors of the client so far",
        counted_with(HttpErrRate);
    12 HttpErrRate "http_err_rate": Rate, Rate, "the rate of HTTP errors of the client";
    13 BytesInCnt "bytes_in_cnt": Wide, Bytes("kbytes_in"), "the bytes from the client so far",
        counted_with(BytesInRate);
    14 BytesInRate "bytes_in_rate": Rate, Rate, "the rate of bytes from the client";
    15 BytesOutCnt "bytes_out_cnt": Wide, Bytes("kbytes_out"), "the bytes to the client so far",
        counted_with(BytesOutRate);
    16 BytesOutRate "bytes_out_rate": Rate, Rate, "the rate of bytes to the client";
    17 Gpc1 "gpc1": Unsigned, Counter, "the counter gpc1", counted_with(Gpc1Rate),
        element_of(Gpc, 1);
    18 Gpc1Rate "gpc1_rate": Rate, Rate, "the rate of gpc1", element_of(GpcRate, 1);
    19 ServerKey "server_key": Name, Server, "the name or address of the client's server";
    20 HttpFailCnt "http_fail_cnt": Unsigned, Traffic, "the HTTP failures of servers so far",
        counted_with(HttpFailRate);
    21 HttpFailRate "http_fail_rate": Rate, Rate, "the rate of HTTP failures of servers";
    22 Gpt "gpt": Unsigned, Tag, "the array of tags", array();
    23 Gpc "gpc": Unsigned, Counter, "the array of counters", counted_with(GpcRate),
        array();
    24 GpcRate "gpc_rate": Rate, Rate, "the array of the rates of gpc", array();
    25 GlitchCnt "glitch_cnt": Unsigned, Traffic, "the protocol glitches so far",
        counted_with(GlitchRate);
    26 GlitchRate "glitch_rate": Rate, Rate, "the rate of protocol glitches";
}

impl DataType {
    /// The most elements of an array.
    pub const ELEMENTS_MAX: u32 = 100;

    /// The peers protocol's number, which is also the bit in a table definition.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The data type with this protocol number, if it is known.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// The data type with this configuration name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|data_type| data_type.name() == name)
    }

    /// The name in the configuration and the Runtime API.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The name of one element in the Runtime API: `gpc0`, also as `gpc(3)` stores it, and
    /// `gpc0_rate`.
    pub fn element_name(self, element: u32) -> impl fmt::Display {
        let name = self.name();
        fmt::from_fn(move |f| match name.strip_suffix("_rate") {
            _ if !self.is_array() => f.write_str(name),
            Some(counter) => write!(f, "{counter}{element}_rate"),
            None => write!(f, "{name}{element}"),
        })
    }

    /// What it holds, as the end of a sentence.
    pub const fn help(self) -> &'static str {
        self.row().help
    }

    /// How one element is held.
    pub const fn kind(self) -> Kind {
        self.row().kind
    }

    /// What changes it.
    pub const fn role(self) -> Role {
        self.row().role
    }

    /// Whether the declaration gives a number of elements.
    pub const fn is_array(self) -> bool {
        self.row().is_array
    }

    /// The arguments of its declaration, behind its name.
    pub const fn arguments(self) -> &'static str {
        match (self.is_array(), self.kind()) {
            (true, Kind::Rate) => "(<elements>,<period>)",
            (true, _) => "(<elements>)",
            (false, Kind::Rate) => "(<period>)",
            (false, _) => "",
        }
    }

    /// The rate that counts the same events as this counter.
    pub const fn rate(self) -> Option<Self> {
        self.row().rate
    }

    /// The array, and its element, that replaces it in a table that stores the array.
    pub const fn element_of(self) -> Option<(Self, u32)> {
        self.row().element_of
    }

    /// Whether it is a counter that only traffic makes grow.
    pub const fn counts_traffic(self) -> bool {
        matches!(self.role(), Traffic | Bytes(_))
    }

    /// Whether it is a counter that only grows, by traffic or by rules.
    pub const fn grows(self) -> bool {
        matches!(self.role(), Counter | Traffic | Bytes(_))
    }

    /// Whether the value belongs to this node alone: sent to peers, never learned from them.
    pub const fn is_local(self) -> bool {
        matches!(self.role(), Open)
    }
}

/// One data type as a table declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredData {
    /// What is stored.
    pub data_type: DataType,
    /// The number of elements: 1 unless the type is an array (then 1 to 100).
    pub elements: u32,
    /// The period of a rate in milliseconds, 0 for everything else.
    pub period_ms: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_order_of_the_rows() {
        for (index, data_type) in DataType::ALL.iter().enumerate() {
            assert_eq!(usize::from(data_type.number()), index);
            assert_eq!(DataType::from_number(index as u64), Some(*data_type));
            assert_eq!(DataType::from_name(data_type.name()), Some(*data_type));
        }
        assert_eq!(DataType::from_number(DataType::ALL.len() as u64), None);
    }
    #[test]
    fn what_a_row_says_of_other_rows_fits_them() {
        for data_type in DataType::ALL {
            let is_rate = |of: &DataType| of.kind() == Kind::Rate && of.role() == Rate;
            assert_eq!(is_rate(data_type), data_type.kind() == Kind::Rate);
            if let Some(rate) = data_type.rate() {
                assert!(is_rate(&rate) && rate.is_array() == data_type.is_array());
            }
            if let Some((array, _)) = data_type.element_of() {
                assert!(array.is_array() && !data_type.is_array());
                assert_eq!((array.kind(), array.role()), (data_type.kind(), data_type.role()));
            }
        }
    }

    #[test]
    fn elements_of_arrays_have_the_names_of_single_values() {
        for data_type in DataType::ALL {
            if let Some((array, element)) = data_type.element_of() {
                assert_eq!(array.element_name(element).to_string(), data_type.name());
            }
        }
        assert_eq!(ConnRate.element_name(0).to_string(), "conn_rate");
    }
}
