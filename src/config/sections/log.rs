//! What the sections of proxies say of their log.

use super::log_targets;
use crate::config::drafts::{ProxyDraft, ProxyKind};
use crate::config::keywords::{Arity, Keyword, Scope, at_least, exactly};
use crate::config::rules;
use crate::config::text::diagnostic::{Parsed, Place};
use crate::config::text::line::Line;
use crate::config::text::report::{HTTP, Report};

const ALL: Scope = Scope::PROXY;
const FRONT: Scope = Scope::FRONT;

/// Why a keyword of logs has no effect in a section with pages.
pub(super) const NO_LOG: &str = "requests for pages are not logged, only TLS handshakes that fail";

/// Why a line has no format of its own there.
const NO_LINE: &str = "TLS handshakes that fail have the default line in a section with pages";

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    Keyword::of_proxy(
        "option tcplog",
        FRONT,
        exactly(0),
        "",
        "Logs every connection with its times, bytes and how it ended.",
        |proxy, line, _| {
            set_log_format(proxy, line);
            Ok(())
        },
    )
    .by_default("a line of the log names the client and the address it came to")
    .example("option tcplog"),
    Keyword::of_proxy(
        "option httplog",
        FRONT,
        Arity { min: 0, max: 1 },
        "[clf]",
        "Is taken for `option tcplog`: what is relayed is TCP.",
        read_http_log,
    )
    .example("option httplog")
    .differs("HAProxy logs HTTP requests."),
    Keyword::of_proxy(
        "option httpslog",
        FRONT,
        exactly(0),
        "",
        "Is taken for `option tcplog`: what is relayed is TCP.",
        read_http_log,
    )
    .example("option httpslog")
    .differs("HAProxy logs HTTP requests and TLS."),
    Keyword::of_proxy(
        "log-format",
        FRONT,
        exactly(1),
        "<format>",
        "Says what a connection's line in the log says, with variables such as `%ci` (client), \
         `%s` (server), `%B` (bytes) and `%ts` (how it ended), and with samples, as \
         `%[var(sess.sni)]`. `%{+Q}` before either puts the value in quotes.",
        read_log_format,
    )
    .idle_in_pages(NO_LOG)
    .by_default("the format of `option tcplog`, or the short one without it")
    .example("log-format \"%ci:%cp %b/%s %B %ts\"")
    .differs("HAProxy also takes variables of `mode http`."),
    Keyword::of_proxy(
        "error-log-format",
        FRONT,
        exactly(1),
        "<format>",
        "Says what the line in the log says about a client that was refused at its PROXY header, \
         in its TLS handshake, or by a rule right after that, in the words of `log-format`. \
         `%[fc_err_str]` is the reason.",
        |proxy, line, _| {
            let format = rules::line_draft(line.keyword, &line.argument(0)?)?;
            proxy.settings.error_line = Some(format);
            Ok(())
        },
    )
    .idle_in_pages(NO_LINE)
    .by_default("the line names the client, the listener and the reason")
    .example("error-log-format \"%ci:%cp [%t] %f %[fc_err_str]\"")
    .differs(
        "`%sslv` is empty before a version was agreed on: HAProxy names the newest version then.",
    ),
    Keyword::of_proxy(
        "log-format-sd",
        FRONT,
        exactly(1),
        "<format>",
        "Says what the structured data of a connection's line say, in the words of `log-format`. \
         Lines of `format rfc5424` have such data. `%{+Q,+E}o` at the beginning puts every value \
         in quotes and makes it safe there.",
        |proxy, line, _| {
            let format = rules::line_draft(line.keyword, &line.argument(0)?)?;
            proxy.settings.structured_data = Some(format);
            Ok(())
        },
    )
    .idle_in_pages(NO_LOG)
    .by_default("there are none: `-`")
    .example("log-format-sd \"%{+Q,+E}o [origin@32473 ip=%ci server=%s]\""),
    Keyword::of_proxy(
        "unique-id-format",
        FRONT,
        exactly(1),
        "<format>",
        "Gives every connection an id, of what `log-format` can say, and of samples of what the \
         client has sent. The id is made when something asks for it first: the sample \
         `unique-id`, the option of a server's PROXY header, or the log, which writes it as \
         `%ID`. It has at most 127 bytes.",
        |proxy, line, _| {
            let format = rules::text_draft(line.keyword, &line.argument(0)?)?;
            proxy.settings.unique_id = Some(format);
            Ok(())
        },
    )
    .idle_in_pages("requests for pages have no id")
    .by_default("connections have no id")
    .example("unique-id-format %{+X}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid")
    .differs(
        "HAProxy also takes variables of `mode http`. Samples of the client's bytes, as `req.len`, \
         have no value in an id of HAProxy.",
    ),
    Keyword::of_proxy(
        "log-tag",
        ALL,
        exactly(1),
        "<text>",
        "Sets the tag of the section's lines that are sent to syslog.",
        |proxy, line, _| {
            proxy.settings.log_tag = Some(line.argument(0)?.value.to_owned());
            Ok(())
        },
    )
    .by_default("`log-tag` of `global`")
    .example("log-tag web"),
    Keyword::of_proxy(
        "log",
        ALL,
        at_least(0),
        log_targets::TARGET_OR_GLOBAL,
        log_targets::HELP,
        |proxy, line, _| log_targets::read(line, &mut proxy.settings.log),
    )
    .can_be_negated()
    .by_default("the section does not log")
    .example("log global"),
];

/// The name of such a line of a `defaults` section in the warning about lines for HTTP.
const HTTP_LOG_OF_MANY: &str = "option httplog (as option tcplog)";

/// The warning for a line of a section that is not `defaults` comes when the mode of the section is
/// known ([`report_http_log`]).
fn read_http_log(proxy: &mut ProxyDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    set_log_format(proxy, line);
    if proxy.kind == ProxyKind::Defaults && !line.negated {
        report.inert(line.place, HTTP_LOG_OF_MANY, HTTP);
    }
    Ok(())
}

/// `option tcplog`, its relatives and `log-format` all set the format: the last line counts.
fn set_log_format(proxy: &mut ProxyDraft, line: &Line<'_>) {
    proxy.settings.options.tcplog = !line.negated;
    if !line.negated {
        proxy.settings.log_line = None;
    }
}

/// Warns of the lines about the HTTP log in a section that relays.
pub(super) fn report_http_log(proxy: &ProxyDraft, report: &mut Report) {
    for said in &proxy.said {
        if matches!(said.keyword, "option httplog" | "option httpslog") {
            warn_of_http_log(said.keyword, said.place, report);
        }
    }
}

fn warn_of_http_log(keyword: &str, place: Place, report: &mut Report) {
    let message = format!("'{keyword}' is taken for 'option tcplog': what is relayed is TCP");
    report.warning(place, message);
}

fn read_log_format(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    proxy.settings.log_line = Some(rules::line_draft(line.keyword, &line.argument(0)?)?);
    Ok(())
}
