//! The alert rules and the dashboard: they ask for metrics that stickd has.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use stickd::admin::metrics;

use crate::{may_have, root, said};

/// The names of metrics in a text.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c));
    let is_metric = |word: &&str| {
        (word.starts_with("stickd_") || word.starts_with("haproxy_")) && !word.ends_with('_')
    };
    words.filter(is_metric).collect()
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_exist() {
    let known: BTreeSet<_> = metrics::reference().into_iter().map(|family| family.name).collect();
    for file in ["alerts.yml", "dashboard.json"] {
        let text = fs::read_to_string(root().join("scripts/monitoring").join(file)).unwrap();
        let asked = metrics_in(&text);
        assert!(asked.len() > 5, "{file}: {asked:?}");
        let unknown: Vec<_> = asked.iter().filter(|name| !known.contains(**name)).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn prometheus_takes_the_alerts() {
    if !may_have("promtool") {
        return;
    }
    let alerts = root().join("scripts/monitoring/alerts.yml");
    let checked = Command::new("promtool").args(["check", "rules"]).arg(alerts).output().unwrap();
    assert!(checked.status.success(), "{}", said(&checked));
}
