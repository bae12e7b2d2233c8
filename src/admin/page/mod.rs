//! The statistics page: the state of all proxies as a page for people, and the exports of the same
//! figures for programs. All figures come from `admin/stats/`.
//!
//! ```text
//!   mod.rs      StatsPage: the body of one answer, in slices
//!   query.rs      what a client asks for after the path of the page
//!   html.rs       the page: its head, its parts, its end
//!     └─ head.rs      the names, the sentence, the process, the legend and the links
//!   live.rs       what the script of the page asks for once a second
//!   services.rs   a part of both: a table for each proxy
//!     ├─ table.rs     the frame of the table of a proxy
//!     └─ row.rs       the row of a frontend, server or backend
//!   parts/        the parts that HAProxy's page has not
//!   sheet.rs      rows as HTML and as JSON
//!   assets.rs     the style and the script of the page
//!   view.rs       the options and the query, which all parts of a page depend on
//!   state.rs      the state of a server, which gives its row a colour
//!   text.rs       escaped texts, numbers and times
//! ```

mod assets;
mod head;
mod html;
mod live;
mod parts;
pub(in crate::admin) mod query;
mod row;
mod services;
mod sheet;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod view;

use super::context::Context;
use super::stats::export::Export;
use super::stats::rows::{Filter, ProxyScope};
use super::stats::typed::Format;
use crate::config::StatsPageOptions;
use assets::Asset;
use html::Html;
use live::Live;
use query::{Body, StatsQuery};
use services::Services;
use view::View;

/// The schema of the export as JSON.
const SCHEMA: &str = include_str!("schema.json");

/// The answer to a request for a statistics page that is still to be written.
#[derive(Debug)]
pub(in crate::admin) struct StatsPage {
    refresh_s: Option<u32>,
    /// The version of the script or style that the client wants.
    version: Option<u32>,
    rest: Rest,
}

/// What is still to be written.
#[derive(Debug)]
enum Rest {
    Html(Box<Html>),
    Export(Export),
    Live(Box<Live>),
    /// The style or the script, which is one slice.
    Asset(Asset),
    /// What the JSON form looks like, which is one slice.
    Schema,
}

impl StatsPage {
    /// The page of the proxy with the number `own`. `may_act` says whether the client may change
    /// the state of servers: the page has forms for that then.
    pub(in crate::admin) fn new(
        options: &StatsPageOptions,
        own: u32,
        query: StatsQuery,
        may_act: bool,
        context: &Context<'_>,
    ) -> Self {
        let refresh_s = options.refresh_s.filter(|_| !query.norefresh);
        let scope =
            ProxyScope { own, allowed: options.scopes.clone(), part: query.lowercase_scope() };
        let filter =
            Filter { no_maint: query.no_maint, up: query.up, scope: Some(scope), ..Filter::ALL };
        let (body, version) = (query.body, query.version);
        let view = View { options: options.clone(), query, may_act };
        let export = |filter, format| Rest::Export(Export::new(filter, format, false, context));
        let rest = match body {
            Body::Html => Rest::Html(Box::new(Html::new(view, Services::new(filter, context)))),
            Body::Live => Rest::Live(Box::new(Live::new(view, Services::new(filter, context)))),
            Body::Csv => export(filter, Format::Plain),
            Body::Typed => export(filter, Format::Typed),
            Body::Json => export(filter, Format::Json),
            Body::JsonSchema => Rest::Schema,
            Body::Script => Rest::Asset(assets::SCRIPT),
            Body::Style => Rest::Asset(assets::STYLE),
        };
        Self { refresh_s, version, rest }
    }

    /// The type of the body, for the `content-type` field.
    pub(in crate::admin) fn content_type(&self) -> &'static str {
        match &self.rest {
            Rest::Html(_) => "text/html; charset=utf-8",
            Rest::Export(export) if export.format() != Format::Json => "text/plain",
            Rest::Export(_) | Rest::Schema | Rest::Live(_) => "application/json",
            Rest::Asset(asset) => asset.content_type,
        }
    }

    /// How long the client may keep the answer: the value of the `cache-control` field. The
    /// address of a style or script tells its versions apart.
    pub(in crate::admin) fn cache_control(&self) -> &'static str {
        match &self.rest {
            Rest::Asset(asset) if self.version == Some(asset.version) => {
                "private, max-age=31536000, immutable"
            }
            _ => "no-cache",
        }
    }

    /// After how many seconds the client should ask again: the value of the `refresh` field. In a
    /// browser the script of the page does so, or an element of the page if there are no scripts.
    pub(in crate::admin) fn refresh_s(&self, is_browser: bool) -> Option<u32> {
        match &self.rest {
            Rest::Html(_) if is_browser => None,
            Rest::Live(_) | Rest::Asset(_) => None,
            Rest::Html(_) | Rest::Export(_) | Rest::Schema => self.refresh_s,
        }
    }

    /// Appends the next slice. Returns whether it was the last slice.
    pub(in crate::admin) fn advance(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        match &mut self.rest {
            Rest::Html(html) => html.advance(context, out),
            Rest::Export(export) => export.advance(context, out),
            Rest::Live(live) => live.advance(context, out),
            Rest::Asset(asset) => {
                out.extend_from_slice(asset.text.as_bytes());
                true
            }
            Rest::Schema => {
                out.extend_from_slice(SCHEMA.as_bytes());
                true
            }
        }
    }
}
