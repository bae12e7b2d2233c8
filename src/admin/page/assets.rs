//! The style and the script of the page. Both are fetched from addresses under the page's uri, so
//! that no content security policy has to allow what stands in a page.

/// A text that a page refers to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    pub(super) content_type: &'static str,
    pub(super) text: &'static str,
    /// Tells the versions of the text apart: a browser keeps the text of an address for long.
    pub(super) version: u32,
}

pub(super) const STYLE: Asset = asset("text/css; charset=utf-8", include_str!("style.css"));
pub(super) const SCRIPT: Asset = asset("text/javascript; charset=utf-8", include_str!("live.js"));

const fn asset(content_type: &'static str, text: &'static str) -> Asset {
    Asset { content_type, text, version: fingerprint(text.as_bytes()) }
}

/// FNV-1a with 32 bits.
const fn fingerprint(text: &[u8]) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        hash = (hash ^ *byte as u32).wrapping_mul(0x0100_0193);
        rest = after;
    }
    hash
}

impl Asset {
    /// The address of the asset under the uri of a page. `word` asks for it.
    pub(super) fn address(self, uri: &str, word: &str) -> String {
        format!("{uri}{word};v={:08x}", self.version)
    }
}
