//! Readers of the words about TLS, for each kind of line that has them.

use crate::config::drafts::{BindDraft, ServerWords, TlsDraft, TlsLimits, Verify};
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed};
use crate::config::text::line::Line;
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::net::tls::policy::Version;

/// The longest list of application protocols, in bytes, as it is sent.
const PROTOCOLS_MAX: usize = u16::MAX as usize;

/// A line that may have words about TLS.
pub(super) trait HasTls {
    fn tls(&mut self) -> &mut TlsDraft;
}

impl HasTls for BindDraft {
    fn tls(&mut self) -> &mut TlsDraft {
        &mut self.tls
    }
}

impl HasTls for ServerWords {
    fn tls(&mut self) -> &mut TlsDraft {
        &mut self.tls
    }
}

/// The first argument, as it was typed.
pub(super) fn word(line: &Line<'_>) -> Parsed<Placed<String>> {
    let typed = line.argument(0)?;
    Ok(Placed { value: typed.value.to_owned(), place: typed.place })
}

pub(super) fn read_on<T: HasTls>(target: &mut T, line: &Line<'_>, _: &mut Report) -> Parsed {
    target.tls().on = Some(line.place);
    Ok(())
}

pub(super) fn read_authorities<T: HasTls>(
    target: &mut T,
    line: &Line<'_>,
    _: &mut Report,
) -> Parsed {
    target.tls().authorities = Some(word(line)?);
    Ok(())
}

pub(super) fn read_revoked<T: HasTls>(target: &mut T, line: &Line<'_>, _: &mut Report) -> Parsed {
    target.tls().revoked = Some(word(line)?);
    Ok(())
}

pub(super) fn read_protocols<T: HasTls>(target: &mut T, line: &Line<'_>, _: &mut Report) -> Parsed {
    target.tls().protocols = protocols(&line.argument(0)?)?;
    Ok(())
}

/// A list of application protocols, separated by commas.
pub(in crate::config) fn protocols(typed: &Placed<&str>) -> Parsed<Vec<Vec<u8>>> {
    let names = typed.value.split(',');
    let is_fine = |name: &str| (1..=usize::from(u8::MAX)).contains(&name.len());
    if !names.clone().all(is_fine) || typed.value.len() >= PROTOCOLS_MAX {
        let message = "a protocol has 1 to 255 bytes: write them with commas between them";
        return Err(Mistake::new(typed.place, message));
    }
    Ok(names.map(|name| name.as_bytes().to_vec()).collect())
}

/// The application protocols of an HTTP check, which speaks no HTTP/2.
pub(in crate::config) fn without_http2(
    mut protocols: Vec<Vec<u8>>,
    place: Place,
    report: &mut Report,
) -> Vec<Vec<u8>> {
    let before = protocols.len();
    protocols.retain(|protocol| protocol != b"h2");
    if protocols.len() < before {
        report.warning(place, "'h2' is not offered: HTTP checks do not speak HTTP/2");
    }
    protocols
}

/// Reads one of these words for `verify`.
pub(super) fn verify(line: &Line<'_>, words: &[(&str, Verify)]) -> Parsed<Verify> {
    let typed = line.argument(0)?;
    let found = words.iter().find(|(word, _)| *word == typed.value);
    found.map(|(_, verify)| *verify).ok_or_else(|| {
        let hint = hint(typed.value, words.iter().map(|(word, _)| *word));
        Mistake::new(
            typed.place,
            format!("'{}' does not know '{}'{hint}", line.keyword, typed.value),
        )
    })
}

/// The kinds of `verify` that are about servers.
pub(super) const OF_SERVERS: &[(&str, Verify)] =
    &[("none", Verify::None), ("required", Verify::Required)];

/// The kinds of `verify` that are about clients.
pub(super) const OF_CLIENTS: &[(&str, Verify)] =
    &[("none", Verify::None), ("optional", Verify::Optional), ("required", Verify::Required)];

/// Reads the oldest version (`ssl-min-ver`). Versions before TLS 1.2 do not exist here, so that one
/// is as old as it can be.
pub(super) fn read_oldest(limits: &mut TlsLimits, typed: &Placed<&str>) -> Parsed {
    limits.oldest = Some(match typed.value {
        "SSLv3" | "TLSv1.0" | "TLSv1.1" | "TLSv1.2" => Version::Tls12,
        "TLSv1.3" => Version::Tls13,
        _ => return Err(unknown_version(typed)),
    });
    Ok(())
}

/// Reads the newest version (`ssl-max-ver`).
pub(super) fn read_newest(limits: &mut TlsLimits, typed: &Placed<&str>) -> Parsed {
    limits.newest = Some(match typed.value {
        "SSLv3" | "TLSv1.0" | "TLSv1.1" => return Err(too_old(typed)),
        "TLSv1.2" => Version::Tls12,
        "TLSv1.3" => Version::Tls13,
        _ => return Err(unknown_version(typed)),
    });
    Ok(())
}

fn too_old(typed: &Placed<&str>) -> Mistake {
    let message =
        format!("'{}' is refused: the oldest version that is safe is TLSv1.2", typed.value);
    Mistake::new(typed.place, message)
}

fn unknown_version(typed: &Placed<&str>) -> Mistake {
    const VERSIONS: [&str; 5] = ["SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
    let hint = hint(typed.value, VERSIONS.into_iter());
    Mistake::new(typed.place, format!("unknown version '{}'{hint}", typed.value))
}

/// The words that stand alone and limit versions or tickets.
pub(super) const LIMIT_WORDS: [&str; 12] = [
    "no-sslv3",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "no-tls-tickets",
    "tls-tickets",
];

/// Reads one of [`LIMIT_WORDS`].
pub(super) fn read_limit(limits: &mut TlsLimits, keyword: &str, typed: &Placed<&str>) -> Parsed {
    let (oldest, newest) = match typed.value {
        "no-sslv3" | "no-tlsv10" | "no-tlsv11" => return Ok(()),
        "no-tls-tickets" => {
            limits.resumes = Some(false);
            return Ok(());
        }
        "tls-tickets" => {
            limits.resumes = Some(true);
            return Ok(());
        }
        "no-tlsv12" => (Some(Version::Tls13), limits.newest),
        "no-tlsv13" => (limits.oldest, Some(Version::Tls12)),
        "force-tlsv12" => (Some(Version::Tls12), Some(Version::Tls12)),
        "force-tlsv13" => (Some(Version::Tls13), Some(Version::Tls13)),
        "force-sslv3" | "force-tlsv10" | "force-tlsv11" => return Err(too_old(typed)),
        other => {
            let hint = hint(other, LIMIT_WORDS.into_iter());
            let message = format!("'{keyword}' does not know '{other}'{hint}");
            return Err(Mistake::new(typed.place, message));
        }
    };
    (limits.oldest, limits.newest) = (oldest, newest);
    Ok(())
}

/// Reads the word that names its own row.
pub(super) fn read_own_limit<T: HasTls>(target: &mut T, line: &Line<'_>, _: &mut Report) -> Parsed {
    let typed = Placed { value: line.keyword, place: line.place };
    read_limit(&mut target.tls().limits, line.keyword, &typed)
}

pub(super) fn read_min<T: HasTls>(target: &mut T, line: &Line<'_>, _: &mut Report) -> Parsed {
    read_oldest(&mut target.tls().limits, &line.argument(0)?)
}

pub(super) fn read_max<T: HasTls>(target: &mut T, line: &Line<'_>, _: &mut Report) -> Parsed {
    read_newest(&mut target.tls().limits, &line.argument(0)?)
}

pub(super) fn read_ciphers<T: HasTls>(target: &mut T, line: &Line<'_>, _: &mut Report) -> Parsed {
    target.tls().limits.ciphers = Some(word(line)?);
    Ok(())
}

pub(super) fn read_ciphersuites<T: HasTls>(
    target: &mut T,
    line: &Line<'_>,
    _: &mut Report,
) -> Parsed {
    target.tls().limits.ciphersuites = Some(word(line)?);
    Ok(())
}
