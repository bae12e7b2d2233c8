//! Hashes of values.

use std::borrow::Cow;

use crc::{CRC_32_ISCSI, Crc, Table};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};
use xxhash_rust::{xxh3, xxh32, xxh64};

use crate::config::rules::{Digest, HashConverter, HmacKey};
use crate::proxy::backend::balance::hash;
use crate::proxy::rules::context::Context;
use crate::proxy::rules::value::Value;

const CRC32C: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);

/// The hash of a value's bytes.
pub(super) fn convert<'a>(
    converter: &HashConverter,
    value: &Value<'_>,
    context: &Context<'_, '_>,
) -> Option<Value<'a>> {
    let bytes = value.bytes();
    let mixed = |hash: u32, avalanche: bool| {
        Value::Integer(i64::from(if avalanche { hash::avalanche(hash) } else { hash }))
    };
    Some(match converter {
        HashConverter::Balance(function, avalanche) => {
            mixed(hash::hash(*function, &bytes), *avalanche)
        }
        HashConverter::Crc32c(avalanche) => mixed(CRC32C.checksum(&bytes), *avalanche),
        HashConverter::Xxh32(seed) => Value::Integer(xxh32::xxh32(&bytes, *seed).into()),
        HashConverter::Xxh64(seed) => signed(xxh64::xxh64(&bytes, *seed)),
        HashConverter::Xxh3(seed) => signed(xxh3::xxh3_64_with_seed(&bytes, *seed)),
        HashConverter::Digest(digest) => Value::Binary(Cow::Owned(digest_of(*digest, &bytes))),
        HashConverter::Hmac(digest, key) => {
            let key = match key {
                HmacKey::Bytes(key) => Cow::Borrowed(&key[..]),
                HmacKey::Variable(variable) => {
                    let held = context.variable(*variable)?;
                    Cow::Owned(data_encoding::BASE64.decode(&held.text()).ok()?)
                }
            };
            Value::Binary(Cow::Owned(hmac_of(*digest, &key, &bytes)))
        }
    })
}

fn signed<'a>(hash: u64) -> Value<'a> {
    Value::Integer(hash.cast_signed())
}

fn digest_of(digest: Digest, bytes: &[u8]) -> Vec<u8> {
    match digest {
        Digest::Md5 => Md5::digest(bytes).to_vec(),
        Digest::Sha1 => Sha1::digest(bytes).to_vec(),
        Digest::Sha224 => Sha224::digest(bytes).to_vec(),
        Digest::Sha256 => Sha256::digest(bytes).to_vec(),
        Digest::Sha384 => Sha384::digest(bytes).to_vec(),
        Digest::Sha512 => Sha512::digest(bytes).to_vec(),
    }
}

fn hmac_of(digest: Digest, key: &[u8], bytes: &[u8]) -> Vec<u8> {
    match digest {
        Digest::Md5 => authenticated::<Hmac<Md5>>(key, bytes),
        Digest::Sha1 => authenticated::<Hmac<Sha1>>(key, bytes),
        Digest::Sha224 => authenticated::<Hmac<Sha224>>(key, bytes),
        Digest::Sha256 => authenticated::<Hmac<Sha256>>(key, bytes),
        Digest::Sha384 => authenticated::<Hmac<Sha384>>(key, bytes),
        Digest::Sha512 => authenticated::<Hmac<Sha512>>(key, bytes),
    }
}

fn authenticated<M: Mac + KeyInit>(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("a key of any length is taken");
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}
