//! Converters to hashes.

use super::row::{BYTES, ConverterRow, row};
use crate::config::HashFunction;
use crate::config::rules::arguments::Arguments;
use crate::config::rules::converter::{Digest, HashConverter, HmacKey};
use crate::config::rules::expression::Converter;
use crate::config::rules::expression::ValueType::{Binary, Integer};
use crate::config::text::nearest::hint;

macro_rules! hash {
    ($name:literal, $function:ident) => {
        row(
            $name,
            (BYTES, Integer),
            |arguments| {
                let avalanche = arguments.next().is_some_and(|text| text != "0");
                Ok(Converter::Hash(HashConverter::Balance(HashFunction::$function, avalanche)))
            },
            concat!(
                "The ",
                $name,
                " hash of the value; with 1 mixed once more, so that every bit \
                    of the hash depends on every bit of the value."
            ),
            concat!("use_backend web if { src,", $name, "(1),mod(2) 0 }"),
        )
        .arguments("[<avalanche>]")
    };
}

pub(super) const CONVERTERS: &[ConverterRow] = &[
    hash!("crc32", Crc32),
    hash!("djb2", Djb2),
    hash!("sdbm", Sdbm),
    row(
        "crc32c",
        (BYTES, Integer),
        |arguments| {
            let avalanche = arguments.next().is_some_and(|text| text != "0");
            Ok(Converter::Hash(HashConverter::Crc32c(avalanche)))
        },
        "The CRC-32C of the value; with 1 mixed once more.",
        "use_backend web if { src,crc32c,mod(2) 0 }",
    )
    .arguments("[<avalanche>]"),
    row(
        "xxh32",
        (BYTES, Integer),
        |arguments| Ok(Converter::Hash(HashConverter::Xxh32(seed(arguments)?))),
        "The XXH32 hash of the value.",
        "use_backend web if { src,xxh32,mod(2) 0 }",
    )
    .arguments("[<seed>]"),
    row(
        "xxh64",
        (BYTES, Integer),
        |arguments| Ok(Converter::Hash(HashConverter::Xxh64(seed(arguments)?))),
        "The XXH64 hash of the value, as a signed number.",
        "use_backend web if { src,xxh64,and(1) 0 }",
    )
    .arguments("[<seed>]"),
    row(
        "xxh3",
        (BYTES, Integer),
        |arguments| Ok(Converter::Hash(HashConverter::Xxh3(seed(arguments)?))),
        "The XXH3 hash of 64 bits of the value, as a signed number.",
        "use_backend web if { src,xxh3,and(1) 0 }",
    )
    .arguments("[<seed>]"),
    row(
        "sha1",
        (BYTES, Binary),
        |_| Ok(Converter::Hash(HashConverter::Digest(Digest::Sha1))),
        "The SHA-1 of the bytes.",
        "tcp-request content track-sc0 req.ssl_sni,sha1,hex table names",
    ),
    row(
        "sha2",
        (BYTES, Binary),
        |arguments| match arguments.next().unwrap_or("256") {
            "224" => Ok(Converter::Hash(HashConverter::Digest(Digest::Sha224))),
            "256" => Ok(Converter::Hash(HashConverter::Digest(Digest::Sha256))),
            "384" => Ok(Converter::Hash(HashConverter::Digest(Digest::Sha384))),
            "512" => Ok(Converter::Hash(HashConverter::Digest(Digest::Sha512))),
            other => Err(format!("'sha2' has 224, 256, 384 or 512 bits, not '{other}'")),
        },
        "The SHA-2 of the bytes, of 256 bits or as many as the number says.",
        "tcp-request content track-sc0 req.ssl_sni,sha2,hex table names",
    )
    .arguments("[<bits>]"),
    row(
        "digest",
        (BYTES, Binary),
        |arguments| Ok(Converter::Hash(HashConverter::Digest(digest(arguments)?))),
        "A digest of the bytes: `md5`, `sha1`, `sha224`, `sha256`, `sha384` or `sha512`.",
        "tcp-request content track-sc0 req.ssl_sni,digest(sha256),hex table names",
    )
    .arguments("<name>"),
    row(
        "hmac",
        (BYTES, Binary),
        |arguments| {
            let digest = digest(arguments)?;
            Ok(Converter::Hash(HashConverter::Hmac(digest, hmac_key(arguments)?)))
        },
        "A digest of the bytes with a key in base 64, which is given or held by a variable. There \
         is no value if the variable holds no such key.",
        "tcp-request content track-sc0 req.ssl_sni,hmac(sha256,a2V5),hex table names",
    )
    .arguments("<name>,<key>|<variable>"),
];

/// The seed of a hash, 0 without an argument.
fn seed<T: std::str::FromStr + Default>(arguments: &mut Arguments<'_>) -> Result<T, String> {
    let name = arguments.name;
    arguments.next().map_or(Ok(T::default()), |text| {
        text.parse().map_err(|_| format!("'{name}': '{text}' is not a seed"))
    })
}

fn hmac_key(arguments: &mut Arguments<'_>) -> Result<HmacKey, String> {
    let typed = arguments.required("key")?;
    if let Some(variable) = arguments.variable_at_scope(typed)? {
        return Ok(HmacKey::Variable(variable));
    }
    let key = data_encoding::BASE64.decode(typed.as_bytes());
    key.map(HmacKey::Bytes).map_err(|error| format!("'hmac': the key is not base 64: {error}"))
}

fn digest(arguments: &mut Arguments<'_>) -> Result<Digest, String> {
    const DIGESTS: [(&str, Digest); 6] = [
        ("md5", Digest::Md5),
        ("sha1", Digest::Sha1),
        ("sha224", Digest::Sha224),
        ("sha256", Digest::Sha256),
        ("sha384", Digest::Sha384),
        ("sha512", Digest::Sha512),
    ];
    let typed = arguments.required("digest")?;
    let found = DIGESTS.iter().find(|(name, _)| typed.eq_ignore_ascii_case(name));
    found.map(|(_, digest)| *digest).ok_or_else(|| {
        let hint = hint(typed, DIGESTS.iter().map(|(name, _)| *name));
        format!("'{}' has no digest '{typed}'{hint}", arguments.name)
    })
}
