//! Converters of addresses.

use super::row::{ADDRESSES, ConverterRow, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::Converter;
use crate::config::rules::expression::ValueType::Address;
use crate::config::rules::patterns::masks;

pub(super) const CONVERTERS: &[ConverterRow] = &[row(
    "ipmask",
    (ADDRESSES, Address),
    read_mask,
    "The network of an address. Without a second mask an IPv6 address has none.",
    "tcp-request connection track-sc0 src,ipmask(24) table clients",
)
.arguments("<mask4>[,<mask6>]")];

fn read_mask(arguments: &mut Arguments<'_>) -> Result<Converter, String> {
    let wrong = |mask: &str| format!("'ipmask': '{mask}' is not a mask");
    let mask = arguments.required("mask")?;
    let four = masks::bits4(mask).ok_or_else(|| wrong(mask))?;
    let six = arguments.next().map(|mask| masks::bits6(mask).ok_or_else(|| wrong(mask)));
    Ok(Converter::Mask(four, six.transpose()?))
}
