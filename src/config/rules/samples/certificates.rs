//! Samples of the certificates that clients and servers show.

use super::row::{SampleRow, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::Fetch;
use crate::config::rules::expression::ValueType::{Binary, Integer, Text};
use crate::net::tls::certificate::{CertificateFact as Fact, NameForm};
use crate::net::tls::facts::{SessionFact, TlsPeer};

const NAME_ARGUMENTS: &str = "[attribute[,occurrence[,rfc2253]]]";

/// The samples of a certificate in the session with `$peer`. Their names begin with `$prefix`, and
/// their examples with `$show`.
macro_rules! certificates {
    ($table:ident, $peer:ident, $of:ident, $prefix:literal, $whose:literal, $show:literal) => {
        const $table: &[SampleRow] = &[
            row(
                concat!($prefix, "s_dn"),
                NAME_ARGUMENTS,
                Text,
                |arguments| name(arguments, TlsPeer::$peer, SessionFact::$of, Fact::Subject),
                concat!(
                    "To whom the certificate of the ",
                    $whose,
                    " was given: the whole name as `/C=FR/CN=name`, or with `rfc2253` as \
                     `CN=name,C=FR`, or the value of one attribute. Of several attributes with \
                     the same name the first one counts, or that with the number, from the last \
                     one back where it is negative."
                ),
                concat!($show, $prefix, "s_dn(CN)]\""),
            ),
            row(
                concat!($prefix, "i_dn"),
                NAME_ARGUMENTS,
                Text,
                |arguments| name(arguments, TlsPeer::$peer, SessionFact::$of, Fact::Issuer),
                concat!(
                    "Who has signed the certificate of the ",
                    $whose,
                    ", in the forms of `",
                    $prefix,
                    "s_dn`."
                ),
                concat!($show, $prefix, "i_dn]\""),
            ),
            certificates!(
                $peer, $of, $prefix, "serial", Binary, Serial, $show, ",hex",
                "The serial number of the certificate of the ", $whose
            ),
            certificates!(
                $peer, $of, $prefix, "sha1", Binary, Sha1, $show, ",hex",
                "The hash SHA-1 of the certificate of the ", $whose
            ),
            certificates!(
                $peer, $of, $prefix, "der", Binary, Der, $show, ",base64",
                "The certificate in the format DER of the ", $whose
            ),
            certificates!(
                $peer, $of, $prefix, "version", Integer, Version, $show, "",
                "The version of the certificate of the ", $whose
            ),
            certificates!(
                $peer, $of, $prefix, "notbefore", Text, NotBefore, $show, "",
                "The first moment, as YYMMDDhhmmssZ, of the certificate of the ", $whose
            ),
            certificates!(
                $peer, $of, $prefix, "notafter", Text, NotAfter, $show, "",
                "The last moment, as YYMMDDhhmmssZ unless after 2099, of the certificate of the ",
                $whose
            ),
            certificates!(
                $peer, $of, $prefix, "key_alg", Text, KeyAlgorithm, $show, "",
                "The algorithm of the key in the certificate of the ", $whose
            ),
            certificates!(
                $peer, $of, $prefix, "sig_alg", Text, SignatureAlgorithm, $show, "",
                "The algorithm of the signature in the certificate of the ", $whose
            ),
        ];
    };
    (
        $peer:ident, $of:ident, $prefix:literal, $name:literal, $kind:ident, $fact:ident,
        $show:literal, $convert:literal, $help:literal, $whose:literal
    ) => {
        row(
            concat!($prefix, $name),
            "",
            $kind,
            |_| Ok(Fetch::Tls(TlsPeer::$peer, SessionFact::$of(Fact::$fact))),
            concat!($help, $whose, "."),
            concat!($show, $prefix, $name, $convert, "]\""),
        )
    };
}

certificates!(OF_CLIENT, Client, Certificate, "ssl_c_", "client", "log-format \"%ci %[");
certificates!(OF_SERVER, Server, Certificate, "ssl_s_", "server", "log-format \"%ci %s %[");

certificates!(OWN, Client, OwnCertificate, "ssl_f_", "listener", "log-format \"%ci %[");

/// The samples of all.
pub(super) fn samples() -> impl Iterator<Item = &'static SampleRow> {
    OF_CLIENT.iter().chain(OF_SERVER).chain(OWN)
}

/// Reads the part of a name that is meant.
fn name(
    arguments: &mut Arguments<'_>,
    peer: TlsPeer,
    of: fn(Fact) -> SessionFact,
    fact: fn(NameForm) -> Fact,
) -> Result<Fetch, String> {
    let attribute = arguments.name();
    let nth = arguments.optional_number()?;
    let nth = nth.map_or(Ok(1), i32::try_from).map_err(|_| "the number is too large".to_owned())?;
    let format = arguments.next();
    if let Some(format) = format.filter(|format| *format != "rfc2253") {
        return Err(format!("'{format}' is no form of a name: 'rfc2253' is the only one"));
    }
    let form = match (attribute, format) {
        (Some(attribute), _) => NameForm::Attribute(attribute, nth),
        (None, Some(_)) => NameForm::Rfc2253,
        (None, None) => NameForm::OneLine,
    };
    Ok(Fetch::Tls(peer, of(fact(form))))
}
