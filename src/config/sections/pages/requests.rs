//! The keywords of the monitor page, and of the rules that guard pages and serve the metrics.

use super::keep::keep;
use crate::config::drafts::RuleKind;
use crate::config::keywords::{Keyword, Scope, at_least, exactly};
use crate::config::text::diagnostic::Placed;

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    Keyword::of_proxy(
        "http-request",
        Scope::PROXY,
        at_least(1),
        "allow | deny [deny_status <code>] | auth [realm <realm>] | use-service \
         prometheus-exporter [if|unless <condition>]",
        "Says, in `mode http`, who may see the pages of the section, or serves the metrics of \
         this process to Prometheus.",
        |proxy, line, _| keep(proxy, line, RuleKind::HttpRequest),
    )
    .example("http-request use-service prometheus-exporter if { path /metrics }")
    .differs("HAProxy has more actions and services; here they are for pages alone"),
    Keyword::of_proxy(
        "monitor-uri",
        Scope::FRONT,
        exactly(1),
        "<uri>",
        "Answers requests for this target, in `mode http`, with 200, or with 503 if a `monitor \
         fail` condition holds. Nothing else is asked first.",
        |proxy, line, _| {
            let uri = line.argument(0)?;
            let value = uri.value.to_owned();
            proxy.settings.monitor_uri = Some(Placed { value, place: line.place });
            Ok(())
        },
    )
    .example("monitor-uri /healthz"),
    Keyword::of_proxy(
        "monitor fail",
        Scope::FRONTEND,
        at_least(1),
        "if|unless <condition>",
        "Lets the monitor page say no when the condition holds.",
        |proxy, line, _| keep(proxy, line, RuleKind::MonitorFail),
    )
    .example("monitor fail if { nbsrv(web) lt 1 }"),
];
