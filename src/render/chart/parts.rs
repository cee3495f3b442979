//! What a whole is made of, as bars that lie: name and amount above each, and how much of the whole it is.

use super::{EDGE, LARGE, NORMAL, Paint, Sheet, Tenths, Viewer, WIDTH, fitted, look, width};
use crate::core::chart::{Amount, Name, Part, Parts};
use crate::core::money::Micros;
use crate::render::filters::percent_sign;

/// From one bar to the next.
const ROW: Tenths = 380;
/// How thick a bar is.
const THICK: Tenths = 90;
/// The longest name that is read out.
const SPOKEN: usize = 60;

/// Draws it, and says it in words.
pub fn draw(sheet: &mut Sheet, parts: &Parts, viewer: Viewer<'_>) -> (String, String) {
    let title = viewer.word(&format!("chart.by_{}", parts.by.as_str())).to_owned();
    sheet.text((EDGE, sheet.y + LARGE), look(LARGE, Paint::Ink).bold(), &title);
    sheet.y += LARGE + 100;
    let mut spoken = Vec::new();
    for part in &parts.rows {
        let (amount, share) = (amount(part.amount), format!("{}{}", part.percent, percent_sign(viewer.lang)));
        row(sheet, part, &format!("{amount} · {share}"), viewer);
        let name = crate::core::text::clip(&crate::core::text::one_line(name(&part.name, viewer)), SPOKEN);
        spoken.push(format!("{name} {amount} ({share})"));
    }
    sheet.y -= ROW - 3 * THICK - 30;
    let alt = format!("{title}: {}.", spoken.join(", "));
    (title, alt)
}

fn row(sheet: &mut Sheet, part: &Part, amount: &str, viewer: Viewer<'_>) {
    let y = sheet.y;
    let room = WIDTH - 2 * EDGE - width(amount, NORMAL) - 100;
    let name = fitted(name(&part.name, viewer), NORMAL, room);
    sheet.text((EDGE, y + NORMAL), look(NORMAL, Paint::Ink), &name);
    sheet.text((WIDTH - EDGE, y + NORMAL), look(NORMAL, Paint::Ink).right(), amount);
    let (top, whole) = (y + NORMAL + 60, WIDTH - 2 * EDGE);
    sheet.bar([EDGE, top, whole, THICK, THICK / 2], Paint::Rail);
    let long = whole * Tenths::try_from(part.percent.clamp(0, 100)).unwrap_or(0) / 100;
    if long > 0 {
        sheet.bar([EDGE, top, long.max(THICK), THICK, THICK / 2], Paint::Bar);
    }
    sheet.y += ROW;
}

fn name<'a>(name: &'a Name, viewer: Viewer<'_>) -> &'a str {
    match name {
        Name::Given(name) if name.is_empty() => "—",
        Name::Given(name) => name,
        Name::State(status) => viewer.word(&format!("status_many.{}", status.as_str())),
        Name::Rest => viewer.word("chart.rest"),
    }
}

fn amount(amount: Amount) -> String {
    match amount {
        Amount::Cents(cents) => Micros(cents.saturating_mul(10_000)).to_string(),
        Amount::Count(count) => count.to_string(),
    }
}
