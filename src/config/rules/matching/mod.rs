//! What values are compared with: networks for addresses, and parts of texts.

pub(super) mod masks;
mod networks;
mod text_match;

pub use networks::Networks;
pub use text_match::{TextMatch, TextPart};

pub(super) use networks::{bits_of, network_bits, prefix_mask};
