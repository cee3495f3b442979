//! Cards of the page: a copy drawn for its reader, with its own buttons.

use serde::Serialize;

use super::super::Shared;
use super::session::Visitor;
use crate::core::delivery::{Card, Subject};
use crate::core::message::Content;
use crate::core::policy::Severity;
use crate::core::time::Ts;
use crate::courier::draw;
use crate::render::{Reader, Words, escape_html, html};
use crate::store::FeedRow;

/// A card as the page gets it.
#[derive(Debug, Serialize)]
pub struct Drawn {
    /// Number of the copy.
    pub copy: u64,
    /// Position of the commit that changed it last.
    pub changed: u64,
    /// It waits for this person.
    pub needs: bool,
    /// When it must be decided.
    pub due: Option<Ts>,
    /// The first line, for announcements.
    pub title: String,
    /// The card.
    pub html: String,
}

/// Cards that wait for the person, all of them, the soonest deadline first; and of the others the first `most`, as
/// they came.
pub fn split(door: &Shared, visitor: &Visitor, rows: Vec<FeedRow>, most: usize) -> (Vec<Drawn>, Vec<Drawn>) {
    let (waiting, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| waits(&row.card).0);
    let mut needs: Vec<_> = waiting.iter().map(|row| draw(door, visitor, row)).collect();
    needs.sort_by_key(|card| (card.due.unwrap_or(Ts(i64::MAX)), card.copy));
    (needs, others.iter().take(most).map(|row| draw(door, visitor, row)).collect())
}

/// Draws one card of the feed.
pub fn draw(door: &Shared, visitor: &Visitor, row: &FeedRow) -> Drawn {
    draw_in("", door, visitor, row)
}

/// Draws one card in a place whose name tells it from the same card elsewhere on the page.
pub fn draw_in(place: &str, door: &Shared, visitor: &Visitor, row: &FeedRow) -> Drawn {
    let FeedRow { copy, card, changed } = row;
    let policy = door.progress.policy.borrow().clone();
    let now = door.sources.now();
    let reader = Reader { whole: copy.whole, ..visitor.reader() };
    let out = draw::outgoing_to(&reader, &policy, &door.tokens, (copy, card), now);
    let title = crate::render::markup::text_of(&out.doc.title);
    let (needs, due) = waits(card);
    let mut body = format!(
        "<article id=\"{4}card-{0}\" class=\"card {1}\" data-copy=\"{0}\" data-changed=\"{2}\" data-due=\"{3}\" tabindex=\"0\" aria-labelledby=\"{4}title-{0}\">",
        copy.number,
        classes(card, needs),
        changed,
        due.map_or_else(String::new, |due| due.0.to_string()),
        place,
    );
    body.push_str(&html(&out.doc).replacen("<h3>", &format!("<h3 id=\"{place}title-{}\">", copy.number), 1));
    if let Some(picture) = &out.picture {
        body.push_str(&picture.svg());
    }
    if let Some(file) = &out.file {
        let name = escape_html(&file.name);
        body.push_str(&format!(
            "<p><a class=\"file\" href=\"/file/{}\" download=\"{name}\">⬇ {name}</a></p>",
            copy.number
        ));
    }
    if !out.buttons.is_empty() {
        body.push_str("<div class=\"buttons\" role=\"group\">");
        for button in &out.buttons {
            let style = super::html::style_of(button.style);
            let why = if button.asks_why { " data-why=\"1\"" } else { "" };
            body.push_str(&format!(
                "<button type=\"button\" class=\"{style}\" data-token=\"{}\"{why}>{}</button>",
                escape_html(&button.token),
                escape_html(&button.label),
            ));
        }
        body.push_str("</div>");
    }
    let at = card.updated.rfc3339();
    body.push_str(&format!(
        "<footer><a href=\"/card/{}\" data-detail><time datetime=\"{at}\">{}</time><span class=\"sr\"> {}</span></a></footer></article>",
        copy.number,
        escape_html(&super::html::clock(card.updated, &visitor.tz)),
        escape_html(Words::of(visitor.lang).get("page.detail")),
    ));
    Drawn { copy: copy.number, changed: *changed, needs, due, title, html: body }
}

/// Whether a card waits for a person, and until when.
fn waits(card: &Card) -> (bool, Option<Ts>) {
    match &card.content {
        Content::Approval(view) if matches!(card.subject, Subject::Approval(_)) => {
            let pending = view.state == "pending" && !card.buttons.is_empty();
            (pending, pending.then_some(view.expires))
        }
        Content::Alert(view) | Content::Loop(view) => (view.state == "firing" && view.severity.rings(), None),
        _ => (false, None),
    }
}

fn classes(card: &Card, needs: bool) -> String {
    let severity = match card.severity {
        Some(Severity::Critical) => " critical",
        Some(Severity::Warning) => " warning",
        _ => "",
    };
    let state = match &card.content {
        Content::Alert(view) | Content::Loop(view) if view.state == "resolved" => " over",
        Content::Approval(view) if view.state != "pending" => " over",
        _ => "",
    };
    let needs = if needs { " needs" } else { "" };
    format!("{}{severity}{state}{needs}", card.content.name())
}
