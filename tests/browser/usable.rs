//! Whether everybody can use a page: axe-core's rules where `scripts/test` could fetch it, and a
//! few rules of our own that need nothing.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::driver::Browser;
use crate::support;

/// Every control has a name, headings do not skip a level, ids are unique, the page has one main
/// part, and every text stands out from what is behind it.
const OWN_RULES: &str = r#"
const problems = [];
const label = (e) => e.labels?.length || e.getAttribute("aria-label") || e.title
    || ["hidden", "submit"].includes(e.type) || e.textContent.trim();
for (const e of document.querySelectorAll("input, select, button, a, summary"))
    if (!label(e)) problems.push("no name: " + e.outerHTML);
let level = 0;
for (const e of document.querySelectorAll("h1, h2, h3, h4")) {
    const own = Number(e.tagName[1]);
    if (own > level + 1) problems.push("a heading skips a level: " + e.outerHTML);
    level = own;
}
const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
for (const id of ids) if (ids.filter((other) => other === id).length > 1)
    problems.push("an id twice: " + id);
if (document.querySelectorAll("main").length !== 1) problems.push("not one main part");
const rgb = (text) => text.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
const behind = (e) => {
    for (; e; e = e.parentElement) {
        const color = rgb(getComputedStyle(e).backgroundColor);
        if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
};
for (const e of document.querySelectorAll("th, td, a, p, span, li, h1, h2, h3, label, summary")) {
    const isOwn = (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim();
    if (![...e.childNodes].some(isOwn) || !e.checkVisibility()) continue;
    const [text, back] = [rgb(getComputedStyle(e).color), behind(e)].map(light);
    const ratio = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
    if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)}: ` + e.outerHTML.slice(0, 200));
}
return problems;
"#;

/// Runs axe-core, which the page has been given before.
const AXE: &str = r#"
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}).then(
    (found) => done(found.violations.flatMap((rule) =>
        rule.nodes.map((node) => `${rule.id}: ${rule.help}: ${node.html}`))),
    (error) => done([String(error)]));
"#;

/// What somebody cannot use.
pub fn problems(browser: &Browser) -> Vec<String> {
    let mut found = texts(&browser.run(OWN_RULES));
    match axe() {
        Some(source) => {
            browser.run(&source);
            found.extend(texts(&browser.run_async(AXE)));
        }
        None => support::skip("axe-core could not be fetched, so only our own rules are checked"),
    }
    found
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The source of axe-core, where `scripts/test` has put it.
fn axe() -> Option<String> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    fs::read_to_string(target.join("tools/node_modules/axe-core/axe.min.js")).ok()
}
