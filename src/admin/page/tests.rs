//! The page and its exports, as a client reads them.

use serde_json::Value;

use super::StatsPage;
use super::query::StatsQuery;
use crate::admin::fixture::{Fixture, connecting_peers};
use crate::admin::slice::SLICE_LEN_MAX;
use crate::config::{ShownText, StatsPageOptions, StatsScope};
use crate::logging::history::{Event, Kind as EventKind};
use crate::proxy::backend::server::{AdminState, Health};

fn options() -> StatsPageOptions {
    StatsPageOptions { uri: "/stats".to_owned(), ..StatsPageOptions::default() }
}

/// The whole answer to what stands behind the uri. No slice is much longer than it may be.
fn answer(fixture: &mut Fixture, options: &StatsPageOptions, rest: &str, may_act: bool) -> String {
    let context = fixture.context();
    let mut page = StatsPage::new(options, 2, StatsQuery::read(rest), may_act, &context);
    let mut all = Vec::new();
    for _ in 0..100_000 {
        let mut slice = Vec::new();
        let is_over = page.advance(&context, &mut slice);
        assert!(slice.len() < SLICE_LEN_MAX + 12_000, "a slice of {} bytes", slice.len());
        all.extend_from_slice(&slice);
        if is_over {
            return String::from_utf8(all).unwrap();
        }
    }
    panic!("the page never ends");
}

fn page(fixture: &mut Fixture, rest: &str) -> String {
    answer(fixture, &options(), rest, false)
}

/// The row of a server, from its beginning to its end.
fn row<'a>(page: &'a str, anchor: &str) -> &'a str {
    let at = page.find(&format!("<a name=\"{anchor}\"")).unwrap_or_else(|| panic!("{anchor}"));
    let start = page[..at].rfind("<tr").unwrap();
    let end = page[at..].find("</tr>").unwrap();
    &page[start..at + end]
}

/// The part with HAProxy's tables.
fn services(page: &str) -> &str {
    page.split_once("<section id=\"services\"").unwrap().1.split_once("</section>").unwrap().0
}

/// The text of the cells behind the name of a row.
fn cells(row: &str) -> Vec<String> {
    let cells = row.split("<td").skip(1).map(|cell| cell.split_once('>').unwrap().1);
    cells
        .map(|cell| {
            let mut text = String::new();
            let mut is_tag = false;
            for letter in cell.chars() {
                match letter {
                    '<' => is_tag = true,
                    '>' => is_tag = false,
                    _ if !is_tag => text.push(letter),
                    _ => {}
                }
            }
            text
        })
        .collect()
}

#[test]
fn the_phrases_that_monitoring_looks_for_stand_in_the_page() {
    let mut fixture = Fixture::new();
    let text = page(&mut fixture, "");
    let version = crate::config::COMPATIBLE_VERSION;
    assert!(text.starts_with("<!DOCTYPE html>\n"));
    assert!(text.contains(&format!("HAProxy version {version}, released ")), "{text}");
    assert!(text.contains("<b>uptime = </b> 0d 0h00m02s<br>"), "{text}");
    assert!(text.ends_with("</html>\n"));
    for anchor in ["fe", "fe/Frontend", "fe2", "web", "web/s1", "web/Backend"] {
        assert!(text.contains(&format!("<a name=\"{anchor}\" href")), "{anchor}");
    }
    let options = StatsPageOptions { hide_version: true, ..options() };
    let hidden = answer(&mut fixture, &options, "", false);
    assert!(!hidden.contains(version) && !hidden.contains("stickd"), "{hidden}");
    assert!(hidden.contains("uptime = "));
}

#[test]
fn names_and_descriptions_are_shown_where_they_are_wanted() {
    let mut fixture = Fixture::new();
    let title = "<title>Statistics Report for HAProxy";
    assert!(page(&mut fixture, "").contains(&format!("{title}</title>")));
    let global =
        StatsPageOptions { node: ShownText::Global, description: ShownText::Global, ..options() };
    let text = answer(&mut fixture, &global, "", false);
    assert!(text.contains(&format!("{title} on n1</title>")));
    assert!(text.contains("<p>Statistics Report for pid 5871 on n1: a b c</p>"), "{text}");
    let own = StatsPageOptions {
        node: ShownText::Own("<n>".to_owned()),
        description: ShownText::Own("\"d\"&".to_owned()),
        ..options()
    };
    let text = answer(&mut fixture, &own, "", false);
    assert!(text.contains("pid 5871 on &lt;n&gt;: &quot;d&quot;&amp;</p>"), "{text}");
}

#[test]
fn nothing_that_others_wrote_is_markup() {
    let mut fixture = Fixture::with_endpoint();
    let evil = "</td><script>\"'&";
    fixture.shared.frontends[0].config.name = evil.to_owned();
    fixture.shared.frontends[1].config.description = Some(evil.to_owned());
    fixture.shared.backends[0].config.name = evil.to_owned();
    fixture.shared.backends[0].config.description = Some(evil.to_owned());
    fixture.shared.backends[0].servers[0].config.name = evil.to_owned();
    fixture.endpoints[0].config.name = evil.to_owned();
    fixture.process.node = evil.to_owned();
    let options = StatsPageOptions {
        uri: format!("/{evil}?{evil}={evil}"),
        node: ShownText::Global,
        description: ShownText::Own(evil.to_owned()),
        show_legends: true,
        show_modules: true,
        refresh_s: Some(1),
        ..options()
    };
    let text = answer(&mut fixture, &options, ";st=DONE;<script>?scope=<script>", true);
    assert_eq!(text.matches("<script").count(), 1, "{text}");
    assert!(!text.contains("<script>"), "{text}");
    assert!(!text.contains("\"'&"), "{text}");
    assert!(text.contains("&lt;/td&gt;&lt;script&gt;&quot;&#39;&amp;"));
}

#[test]
fn rows_have_the_figures_of_show_stat() {
    let mut fixture = Fixture::new();
    fixture.shared.backends[0].counters.bytes_in = 1_234_567;
    fixture.shared.frontends[0].counters.max = 7;
    let text = page(&mut fixture, "");
    let frontend = cells(row(&text, "fe/Frontend"));
    assert_eq!(
        frontend,
        [
            "", "0", "0", "-", "0", "7", "2000", "0", "", "", "0", "0", "0", "0", "0", "", "", "",
            "", "OPEN", ""
        ]
    );
    let server = cells(row(&text, "web/s2"));
    assert_eq!(
        server,
        [
            "0", "0", "-", "0", "0", "", "0", "0", "-", "0", "0", "?", "0", "0", "", "0", "", "0",
            "0", "0", "0", "no check", "", "5/5", "-", "Y", "", "-"
        ]
    );
    let backend = cells(row(&text, "web/Backend"));
    assert_eq!(
        backend,
        [
            "0", "0", "", "0", "0", "", "0", "0", "400", "0", "0", "?", "1234567", "0", "0", "0",
            "", "0", "0", "0", "0", "2s UP", "", "1/1", "1", "1", "", "0", "0s", ""
        ]
    );
}

#[test]
fn the_color_of_a_row_says_the_state_of_the_server() {
    let mut fixture = Fixture::new();
    let class = |text: &str, server: &str| {
        row(text, server).split('"').nth(1).unwrap_or_default().to_owned()
    };
    let text = page(&mut fixture, "");
    assert_eq!(class(&text, "web/s1"), "active_no_check");
    assert_eq!(class(&text, "web/s2"), "backup_no_check");
    assert_eq!(class(&text, "web/s3"), "maintain");
    let servers = &mut fixture.shared.backends[0].servers;
    servers[0].health = Health::Down;
    servers[1].health = Health::Stopping;
    servers[2].admin = AdminState::Drain;
    let text = page(&mut fixture, "");
    assert_eq!(class(&text, "web/s1"), "active_down");
    assert_eq!(class(&text, "web/s2"), "backup_nolb");
    assert_eq!(class(&text, "web/s3"), "active_draining");
}

#[test]
fn servers_and_proxies_can_be_left_out() {
    let mut fixture = Fixture::new();
    fixture.shared.backends[0].servers[0].health = Health::Down;
    let anchors = |text: &str| -> Vec<String> {
        let rows = services(text).split("<tr class").skip(1);
        rows.map(|row| row.split('"').nth(3).unwrap_or_default().to_owned())
            .map(|name| if name == "row" { String::new() } else { name })
            .collect()
    };
    let shown = |fixture: &mut Fixture, rest: &str| {
        let text = page(fixture, rest);
        let names = ["fe/Frontend", "fe2/Frontend", "web/s1", "web/s2", "web/s3", "web/Backend"];
        let is_shown = |name: &&str| text.contains(&format!("<a name=\"{name}\""));
        assert_eq!(anchors(&text).len(), names.iter().filter(|name| is_shown(name)).count());
        names.into_iter().filter(is_shown).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown(&mut fixture, ";up"), "fe/Frontend fe2/Frontend web/s2 web/Backend");
    assert_eq!(
        shown(&mut fixture, ";no-maint"),
        "fe/Frontend fe2/Frontend web/s1 web/s2 web/Backend"
    );
    assert_eq!(shown(&mut fixture, "?scope=FE"), "fe/Frontend fe2/Frontend");
    assert_eq!(shown(&mut fixture, ";up;scope=eb"), "web/s2 web/Backend");
    assert_eq!(shown(&mut fixture, "?scope=nothing"), "");

    let named = StatsScope::Named("web".to_owned());
    let options = StatsPageOptions { scopes: vec![StatsScope::Itself, named], ..options() };
    let text = answer(&mut fixture, &options, "", false);
    assert!(text.contains("name=\"fe\"") && text.contains("name=\"web\""));
    assert!(!text.contains("name=\"fe2\""), "{text}");
    let csv = answer(&mut fixture, &options, ";csv", false);
    let rows: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(rows, ["fe", "web", "web", "web", "web"]);
}

#[test]
fn exports_are_what_the_runtime_api_prints() {
    let mut fixture = Fixture::new();
    for (rest, command) in
        [(";csv", "show stat"), (";typed", "show stat typed"), (";json", "show stat json")]
    {
        let printed = fixture.ask(command);
        let exported = page(&mut fixture, rest);
        assert_eq!(exported, printed.strip_suffix('\n').unwrap(), "{rest}");
    }
    let up = fixture.ask("show stat -1 -1 -1 up");
    assert_eq!(page(&mut fixture, ";csv;up"), up.strip_suffix('\n').unwrap());
    assert!(page(&mut fixture, ";json-schema").contains("\"objType\""));
}

#[test]
fn an_answer_says_its_type_and_when_to_ask_again() {
    let mut fixture = Fixture::new();
    let context = fixture.context();
    let options = StatsPageOptions { refresh_s: Some(5), ..options() };
    let head = |rest: &str| {
        let page = StatsPage::new(&options, 2, StatsQuery::read(rest), false, &context);
        (page.content_type(), page.refresh_s(false))
    };
    assert_eq!(head(""), ("text/html; charset=utf-8", Some(5)));
    assert_eq!(head(";csv;norefresh"), ("text/plain", None));
    assert_eq!(head(";typed"), ("text/plain", Some(5)));
    assert_eq!(head(";json;norefresh"), ("application/json", None));
    assert_eq!(head(";json-schema"), ("application/json", Some(5)));
}

#[test]
fn the_links_keep_what_the_client_asked_for() {
    let mut fixture = Fixture::new();
    let options = StatsPageOptions { refresh_s: Some(10), ..options() };
    let text = answer(&mut fixture, &options, ";up;st=DONE?scope=we", false);
    assert!(text.contains("<meta http-equiv=\"refresh\" content=\"10\">"));
    for address in [
        "/stats?scope=we",
        "/stats;up;norefresh?scope=we",
        "/stats;up?scope=we",
        "/stats;csv;norefresh?scope=we",
        "/stats;json;norefresh?scope=we",
    ] {
        assert!(text.contains(&format!("href=\"{address}\"")), "{address}");
    }
    assert!(text.contains("value=\"we\"") && text.contains("The action was done."));
    let text = answer(&mut fixture, &options, ";norefresh", false);
    assert!(!text.contains("http-equiv"));
    assert!(text.contains("<a href=\"/stats\">Enable refresh</a>"));
    assert!(!page(&mut fixture, "").contains("able refresh"));
    let options = StatsPageOptions::default();
    let text = answer(&mut fixture, &options, "", false);
    assert!(text.contains("<input type=\"hidden\" name=\"stats\" value=\"\">"), "{text}");
}

#[test]
fn who_may_act_gets_a_form_for_each_backend() {
    let mut fixture = Fixture::new();
    assert!(!page(&mut fixture, "").contains("method=\"post\""));
    let text = answer(&mut fixture, &options(), ";up", true);
    assert_eq!(text.matches("<form method=\"post\" action=\"/stats;up\">").count(), 1);
    assert!(text.contains("<input type=\"hidden\" name=\"b\" value=\"#4\">"));
    assert!(row(&text, "web/s1").contains("<input type=\"checkbox\" name=\"s\" value=\"s1\""));
    assert_eq!(text.matches("<form").count(), text.matches("</form>").count());
}

#[test]
fn a_page_of_many_servers_comes_in_slices() {
    let mut fixture = Fixture::new();
    let servers = &mut fixture.shared.backends[0].servers;
    for id in 4..400 {
        let mut config = servers[0].config.clone();
        (config.id, config.name) = (id, format!("s{id}"));
        servers.add(crate::proxy::backend::server::Server::new(&config, 0));
    }
    let text = page(&mut fixture, "");
    let services = services(&text);
    assert_eq!(services.matches("<tr class").count(), 2 + 399 + 1);
    assert_eq!(services.matches("<table").count(), 3);
    assert_eq!(services.matches("</table>").count(), 3);
}

/// What the script is told.
fn live(fixture: &mut Fixture, words: &str) -> Value {
    serde_json::from_str(&page(fixture, &format!(";live{words}"))).unwrap()
}

#[test]
fn the_script_is_told_the_sentence_and_the_rows_that_the_reader_sees() {
    let mut fixture = Fixture::new();
    fixture.insert(0, &[1, 2, 3, 4]);
    fixture.peers.0.is_up_to_date = true;
    let answer = live(&mut fixture, ";from=2;rows=2;at=3");
    assert_eq!(answer["case"], "whole");
    assert_eq!(answer["standing"], "Serving, whole: 2 of 3 servers up, 1 in maintenance");
    let memory = answer["memory"].as_str().unwrap();
    assert!(memory.starts_with(", 1 client remembered (under 0.01 %"), "{memory}");
    assert_eq!(answer["count"], 6);
    let services = answer["services"].as_array().unwrap();
    let names: Vec<_> = services.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(names, ["web/s1", "web/s2"]);
    assert_eq!(services[0][1], "active_no_check");
    assert_eq!(services[0][2][0], 0, "a number where the page has one");
    let titles = |row: &Value| row[2].as_array().unwrap().iter().filter(|c| c.is_array()).count();
    assert!(titles(&services[1]) > titles(&services[0]), "the pointer rests on the second row");
    let table = answer["rows"].as_array().unwrap().iter().find(|row| row[0] == "t0").unwrap();
    assert_eq!((&table[2][1], &table[2][2]), (&1.into(), &20_480.into()));
    assert_eq!(answer["events"].as_array().unwrap().len(), 0);
}

#[test]
fn the_script_finds_every_row_and_cell_of_the_page() {
    let mut fixture = Fixture::new();
    fixture.peers.0 = connecting_peers();
    fixture.process.node = "\"</script>".to_owned();
    fixture.shared.backends[0].config.name = "a \"<b>\\".to_owned();
    let html = page(&mut fixture, "");
    let answer = live(&mut fixture, ";rows=99;links;shares");
    let known: Vec<_> = html.split("data-row=\"").skip(1).collect();
    let told = answer["rows"].as_array().unwrap();
    assert_eq!(told.len(), known.len());
    for row in told {
        let name = format!("{}\"", row[0].as_str().unwrap());
        let html = known.iter().find(|html| html.starts_with(&name)).unwrap();
        let cells = html.split("</tr>").next().unwrap().matches("<td").count();
        assert_eq!(row[2].as_array().unwrap().len(), cells, "{name}");
    }
    let rows = services(&html).split("<tr class").skip(1);
    let cells = rows.map(|row| row.split("</tr>").next().unwrap().matches("<td").count());
    let told = answer["services"].as_array().unwrap();
    let told_cells = told.iter().map(|row| row[2].as_array().unwrap().len());
    assert_eq!(told_cells.collect::<Vec<_>>(), cells.collect::<Vec<_>>());
    assert_eq!(told[2][0], "a \"<b>\\/s1");
}

#[test]
fn the_script_is_told_only_what_is_new_of_what_has_happened() {
    let mut fixture = Fixture::new();
    let html = page(&mut fixture, "");
    assert_eq!(html.matches("None since the start").count(), 2);
    for at_ms in [5, 6] {
        let text = format!("<b> {at_ms}");
        fixture.events.push(Event { at_ms, kind: EventKind::Server, text });
    }
    let html = page(&mut fixture, "");
    assert_eq!(html.matches("None since the start").count(), 1);
    assert!(html.contains("<td class=\"text\">&lt;b&gt; 6</td>"), "{html}");
    let answer = live(&mut fixture, ";event=5");
    let news = answer["events"].as_array().unwrap();
    assert_eq!(news.len(), 1);
    assert_eq!((&news[0][0], &news[0][2][2][0]), (&"e6".into(), &"<b> 6".into()));
}

#[test]
fn an_answer_about_many_servers_is_short_and_comes_in_slices() {
    let mut fixture = Fixture::new();
    let server = fixture.shared.backends[0].servers[0].clone();
    fixture.shared.backends[0].servers.fill(4000, &server);
    let answer = live(&mut fixture, ";from=0;rows=100000");
    assert_eq!(answer["services"].as_array().unwrap().len(), 128);
    assert_eq!(answer["count"], 4003);
}

#[test]
fn what_is_told_in_many_slices_is_still_one_answer() {
    let mut fixture = Fixture::new();
    for at_ms in 1..=100 {
        let text = "x".repeat(300);
        fixture.events.push(Event { at_ms, kind: EventKind::Server, text });
    }
    let server = fixture.shared.backends[0].servers[0].clone();
    fixture.shared.backends[0].servers.fill(4000, &server);
    let answer = live(&mut fixture, ";shares");
    assert_eq!(answer["events"].as_array().unwrap().len(), 100);
}

#[test]
fn a_page_about_some_proxies_tells_nothing_of_the_process() {
    let mut fixture = Fixture::new();
    let text = "Server web/s1 is DOWN".to_owned();
    fixture.events.push(Event { at_ms: 5, kind: EventKind::Server, text });
    assert!(page(&mut fixture, "").contains("web/s1 is DOWN"));
    let scoped = StatsPageOptions { scopes: vec![StatsScope::Named("x".into())], ..options() };
    for words in ["", ";live"] {
        let text = answer(&mut fixture, &scoped, words, false);
        assert!(!text.contains("web/s1 is DOWN"), "{text}");
    }
    assert!(answer(&mut fixture, &scoped, "", false).contains("Not shown: "));
}

#[test]
fn a_key_gives_its_entry_and_who_may_act_can_forget_it() {
    let mut fixture = Fixture::new();
    fixture.insert(0, &[1, 2, 3, 4]);
    let text = page(&mut fixture, "?key=1.2.3.4&table=");
    assert!(text.contains("<th scope=\"row\">1.2.3.4 in web</th>"), "{text}");
    assert!(!text.contains("value=\"forget\""));
    let text = answer(&mut fixture, &options(), "?key=1.2.3.4&table=web", true);
    assert!(text.contains("value=\"forget\""), "{text}");
    assert!(text.contains("action=\"/stats?table=web&amp;key=1%2E2%2E3%2E4\""), "{text}");
    let text = page(&mut fixture, "?key=%3Cb%3E&table=t_str");
    assert!(text.contains("No entry has the key <b>&lt;b&gt;</b>"), "{text}");
    let named = StatsPageOptions { scopes: vec![StatsScope::Itself], ..options() };
    let text = answer(&mut fixture, &named, "?key=1.2.3.4", false);
    assert!(text.contains("No entry has the key"), "the page is not about the table");
}

#[test]
fn style_and_script_are_kept_by_browsers_as_long_as_they_are_the_same() {
    let mut fixture = Fixture::new();
    let html = page(&mut fixture, "");
    let context = fixture.context();
    let asset = |rest: &str| {
        let page = StatsPage::new(&options(), 2, StatsQuery::read(rest), false, &context);
        (page.content_type(), page.cache_control(), page.refresh_s(false))
    };
    for (word, content_type) in
        [(";script", "text/javascript; charset=utf-8"), (";style", "text/css; charset=utf-8")]
    {
        let (_, after) = html.split_once(&format!("\"/stats{word}")).unwrap();
        let version = after.split('"').next().unwrap();
        let lasting = "private, max-age=31536000, immutable";
        assert_eq!(asset(&format!("{word}{version}")), (content_type, lasting, None));
        assert_eq!(asset(&format!("{word};v=00000000")).1, "no-cache");
        assert_eq!(asset(word).1, "no-cache");
    }
}
