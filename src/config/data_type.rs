//! The data types that an entry of a stick table can store: one row each, with the name used in
//! the configuration, the number used by the peers protocol, and how the value is held.

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

macro_rules! data_types {
    ($($number:literal $variant:ident $name:literal $kind:ident $array:literal,)*) => {
        /// A data type that a stick table can store. The discriminant is the protocol's number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DataType {
            $(#[doc = concat!("`", $name, "`.")] $variant = $number,)*
        }

        impl DataType {
            /// Every data type, in ascending number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in the configuration and the Runtime API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How one element is held.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            /// Whether the declaration gives a number of elements.
            pub const fn is_array(self) -> bool {
                match self { $(Self::$variant => $array,)* }
            }
        }
    };
}

data_types! {
    0 ServerId "server_id" Signed false,
    1 Gpt0 "gpt0" Unsigned false,
    2 Gpc0 "gpc0" Unsigned false,
    3 Gpc0Rate "gpc0_rate" Rate false,
    4 ConnCnt "conn_cnt" Unsigned false,
    5 ConnRate "conn_rate" Rate false,
    6 ConnCur "conn_cur" Unsigned false,
    7 SessCnt "sess_cnt" Unsigned false,
    8 SessRate "sess_rate" Rate false,
    9 HttpReqCnt "http_req_cnt" Unsigned false,
    10 HttpReqRate "http_req_rate" Rate false,
    11 HttpErrCnt "http_err_cnt" Unsigned false,
    12 HttpErrRate "http_err_rate" Rate false,
    13 BytesInCnt "bytes_in_cnt" Wide false,
    14 BytesInRate "bytes_in_rate" Rate false,
    15 BytesOutCnt "bytes_out_cnt" Wide false,
    16 BytesOutRate "bytes_out_rate" Rate false,
    17 Gpc1 "gpc1" Unsigned false,
    18 Gpc1Rate "gpc1_rate" Rate false,
    19 ServerKey "server_key" Name false,
    20 HttpFailCnt "http_fail_cnt" Unsigned false,
    21 HttpFailRate "http_fail_rate" Rate false,
    22 Gpt "gpt" Unsigned true,
    23 Gpc "gpc" Unsigned true,
    24 GpcRate "gpc_rate" Rate true,
    25 GlitchCnt "glitch_cnt" Unsigned false,
    26 GlitchRate "glitch_rate" Rate false,
}

impl DataType {
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

    /// Whether it is a counter that only traffic makes grow.
    pub const fn counts_traffic(self) -> bool {
        matches!(
            self,
            Self::ConnCnt
                | Self::SessCnt
                | Self::HttpReqCnt
                | Self::HttpErrCnt
                | Self::HttpFailCnt
                | Self::BytesInCnt
                | Self::BytesOutCnt
                | Self::GlitchCnt
        )
    }

    /// Whether the value belongs to this node alone: sent to peers, never learned from them.
    pub const fn is_local(self) -> bool {
        matches!(self, Self::ConnCur)
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
        assert_eq!(DataType::from_number(27), None);
    }
}
