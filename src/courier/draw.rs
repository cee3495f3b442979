//! A card drawn for one copy: in the reader's language, with this copy's own button tokens.

use crate::channel::token::{Token, Tokens};
use crate::channel::{About, DrawnButton, Outgoing};
use crate::core::command::CATALOGUE;
use crate::core::delivery::{Card, Copy};
use crate::core::message::Content;
use crate::core::policy::Policy;
use crate::core::time::Ts;
use crate::render::chart::{self, Picture};
use crate::render::export::{self, File};
use crate::render::markup::{Block, Span};
use crate::render::{RENDERER, Reader, Words};

/// Language and zone of whoever reads a copy.
pub fn reader(policy: &Policy, copy: &Copy) -> Reader {
    let person = copy.to.person.as_ref().and_then(|name| policy.people.get(name));
    let (lang, tz) = person.map_or((policy.lang, &policy.tz), |p| (p.lang, &p.tz));
    Reader { lang, tz: tz.clone(), whole: copy.whole }
}

/// The picture that goes with a copy, where its channel takes any.
fn picture(policy: &Policy, copy: &Copy, card: &Card, reader: &Reader) -> Option<Picture> {
    policy.channels.get(&copy.to.channel).filter(|channel| channel.images)?;
    Some(chart::picture(&card.content.chart()?, reader.lang, &reader.tz))
}

/// The file that a copy hands over, where its channel takes any.
fn file(policy: &Policy, copy: &Copy, card: &Card, reader: &Reader) -> Option<File> {
    let Content::Export(view) = &card.content else { return None };
    policy.channels.get(&copy.to.channel).filter(|channel| channel.files)?;
    Some(export::file(view, reader.lang))
}

/// What a copy says now, to whom it was sent.
pub fn outgoing(policy: &Policy, tokens: &Tokens, copy: &Copy, card: &Card, now: Ts) -> Outgoing {
    outgoing_to(&reader(policy, copy), policy, tokens, (copy, card), now)
}

/// What a copy of a card says now, to `reader`. A card that cannot be drawn is replaced by a plain word, so that
/// nothing disappears.
pub fn outgoing_to(
    reader: &Reader,
    policy: &Policy,
    tokens: &Tokens,
    (copy, card): (&Copy, &Card),
    now: Ts,
) -> Outgoing {
    let hears = policy.channels.get(&copy.to.channel).is_none_or(|channel| channel.hears);
    let content = tokens.revealed(&card.content, now);
    let mut doc = RENDERER.draw_where(&content, reader, hears, now).unwrap_or_else(|error| {
        tracing::error!(%error, card = card.number, "a card could not be drawn");
        metrics::counter!("sereno_render_failures_total").increment(1);
        RENDERER.fallback(card.number, reader)
    });
    if let Some(code) = card.content.in_one_line().filter(|_| copy.compact) {
        doc.blocks.clear();
        doc.title.extend((!code.is_empty()).then(|| Span::Text(format!(" · {code}"))));
    }
    if let Some(remark) = &copy.remark {
        let text = RENDERER.sentence(remark, reader, now);
        doc.blocks.insert(0, Block::Note(vec![Span::Text(text)]));
    }
    let file = file(policy, copy, card, reader);
    if matches!(card.content, Content::Export(_)) && file.is_none() {
        let elsewhere = Words::of(reader.lang).get("export.elsewhere").to_owned();
        doc.blocks.push(Block::Note(vec![Span::Text(elsewhere)]));
    }
    let buttons = card.buttons.iter().filter(|button| button.is_drawn(copy.whole)).map(|button| {
        let token = Token { copy: copy.number, button: button.number };
        DrawnButton {
            label: CATALOGUE.button(&button.label, reader.lang).unwrap_or(&button.label).to_owned(),
            token: tokens.make(token, &copy.to.channel, &copy.to.target),
            style: button.style,
            asks_why: button.asks_why,
        }
    });
    Outgoing {
        id: String::new(),
        copy: copy.number,
        version: card.version,
        at: card.updated,
        now,
        about: About { card: card.number, kind: card.content.name(), class: card.class, severity: card.severity },
        lang: reader.lang,
        target: copy.to.target.clone(),
        doc,
        picture: picture(policy, copy, card, reader),
        file,
        buttons: buttons.collect(),
        silent: card.silent,
        under: None,
        only: copy.to.only.clone(),
        again: false,
    }
}
