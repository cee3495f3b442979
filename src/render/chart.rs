//! Charts as drawings: one layout, as SVG for the page and as PNG for where pictures are sent.
//!
//! A drawing is as wide as a phone and says the same in words, for whoever cannot see it. Every bar has its name and its
//! amount beside it: nothing depends on colour. Lengths are whole tenths of a pixel, so the same chart makes the same
//! drawing. Platforms and how pictures get there are not known here.

mod course;
mod parts;
#[cfg(feature = "charts")]
mod png;
mod svg;

use super::Words;
use crate::core::chart::{Chart, Panel};
use crate::core::policy::Lang;
use crate::core::text;

/// A tenth of a pixel, of which a phone has some 360 from side to side.
type Tenths = i32;

/// How wide a drawing is.
const WIDTH: Tenths = 3600;
/// What is left free at its edges.
const EDGE: Tenths = 160;
/// Between panels.
const BETWEEN: Tenths = 260;
/// Sizes of letters.
const LARGE: Tenths = 160;
const NORMAL: Tenths = 140;
const SMALL: Tenths = 120;

/// What a picture is painted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// White, as paper.
    Light,
    /// Nearly black, for the night.
    Dark,
}

/// A picture of a chart for one reader, not yet painted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What it is of, in a few words. Holds no hostile text.
    pub title: String,
    /// What it shows, in words. Names in it are hostile.
    pub alt: String,
    height: Tenths,
    marks: Vec<Mark>,
}

/// A mark of a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mark {
    /// A rectangle with round corners: left, top, width, height, radius.
    Bar([Tenths; 5], Paint),
    /// The outline of one.
    Frame([Tenths; 5], Paint),
    /// A line of text.
    Text(Line),
}

/// Where the middle of an outline runs: it is 1.6 pixels thick, and stands on its foot.
fn outlined([x, y, wide, high, round]: [Tenths; 5]) -> [Tenths; 5] {
    [x + 8, y + 8, (wide - 16).max(1), (high - 8).max(1), round]
}

/// A line of text. Hostile.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    x: Tenths,
    /// Where its letters stand.
    y: Tenths,
    size: Tenths,
    bold: bool,
    anchor: Anchor,
    paint: Paint,
    text: String,
}

/// Which of its ends stands where a line of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchor {
    Start,
    Middle,
    End,
}

/// What something is, by which its colour is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paint {
    Ink,
    Soft,
    Rail,
    Bar,
}

/// A colour as red, green and blue.
type Colour = [u8; 3];

impl Ground {
    /// Its own colour.
    pub const fn colour(self) -> Colour {
        match self {
            Self::Light => [0xff, 0xff, 0xff],
            Self::Dark => [0x1e, 0x21, 0x26],
        }
    }

    /// The colour of something on it; the same as on the page.
    const fn paint(self, paint: Paint) -> Colour {
        match (self, paint) {
            (Self::Light, Paint::Ink) => [0x1b, 0x1d, 0x21],
            (Self::Light, Paint::Soft) => [0x56, 0x5b, 0x63],
            (Self::Light, Paint::Rail) => [0xd8, 0xd6, 0xd0],
            (Self::Light, Paint::Bar) => [0x1f, 0x4e, 0x8c],
            (Self::Dark, Paint::Ink) => [0xec, 0xee, 0xf1],
            (Self::Dark, Paint::Soft) => [0xa9, 0xb0, 0xba],
            (Self::Dark, Paint::Rail) => [0x36, 0x3b, 0x43],
            (Self::Dark, Paint::Bar) => [0x8a, 0xb8, 0xf5],
        }
    }

    /// Colours of texts and of bars, for the test that they can be seen on it.
    pub const fn colours(self) -> [Colour; 3] {
        [self.paint(Paint::Ink), self.paint(Paint::Soft), self.paint(Paint::Bar)]
    }
}

/// Whoever looks at a picture.
#[derive(Clone, Copy)]
struct Viewer<'a> {
    lang: Lang,
    tz: &'a str,
}

impl Viewer<'_> {
    fn word(self, key: &str) -> &'static str {
        Words::of(self.lang).get(key)
    }

    /// A text with what stands at each `{}` of it.
    fn say(self, key: &str, values: &[&str]) -> String {
        let mut parts = self.word(key).split("{}");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for (place, part) in parts.enumerate() {
            out.push_str(values.get(place).copied().unwrap_or("?"));
            out.push_str(part);
        }
        out
    }
}

/// Lays out a chart in a language and on a clock (an IANA zone).
pub fn picture(chart: &Chart, lang: Lang, tz: &str) -> Picture {
    let viewer = Viewer { lang, tz };
    let mut sheet = Sheet { marks: Vec::new(), y: EDGE };
    let (mut titles, mut alt) = (Vec::new(), Vec::new());
    for (place, panel) in chart.panels.iter().enumerate() {
        if place > 0 {
            sheet.y += BETWEEN;
        }
        let (title, words) = match panel {
            Panel::Course(course) => course::draw(&mut sheet, course, viewer),
            Panel::Parts(parts) => parts::draw(&mut sheet, parts, viewer),
        };
        titles.push(title);
        alt.push(words);
    }
    let title = titles.into_iter().next().unwrap_or_default();
    Picture { title, alt: alt.join(" "), height: sheet.y + EDGE, marks: sheet.marks }
}

#[cfg(not(feature = "charts"))]
impl Picture {
    /// Nothing: this build paints no pictures.
    pub const fn png(&self, _ground: Ground) -> Option<Vec<u8>> {
        None
    }
}

/// A drawing under way.
struct Sheet {
    marks: Vec<Mark>,
    /// Where the next panel begins.
    y: Tenths,
}

impl Sheet {
    fn bar(&mut self, place: [Tenths; 5], paint: Paint) {
        self.marks.push(Mark::Bar(place, paint));
    }

    fn text(&mut self, (x, y): (Tenths, Tenths), look: Look, text: &str) {
        let Look { size, bold, anchor, paint } = look;
        self.marks.push(Mark::Text(Line { x, y, size, bold, anchor, paint, text: text.to_owned() }));
    }

    /// A text in the middle of a place, or as near to that as it fits.
    fn text_near(&mut self, (x, y): (Tenths, Tenths), look: Look, text: &str) {
        let half = width(text, look.size) / 2;
        let (x, anchor) = if x - half < EDGE {
            (EDGE, Anchor::Start)
        } else if x + half > WIDTH - EDGE {
            (WIDTH - EDGE, Anchor::End)
        } else {
            (x, Anchor::Middle)
        };
        self.text((x, y), Look { anchor, ..look }, text);
    }
}

/// How a line of text looks.
#[derive(Clone, Copy)]
struct Look {
    size: Tenths,
    bold: bool,
    anchor: Anchor,
    paint: Paint,
}

const fn look(size: Tenths, paint: Paint) -> Look {
    Look { size, bold: false, anchor: Anchor::Start, paint }
}

impl Look {
    const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    const fn right(self) -> Self {
        Self { anchor: Anchor::End, ..self }
    }
}

/// How wide a text may become, whatever letters it is set in.
fn width(text: &str, size: Tenths) -> Tenths {
    text.chars().map(|c| advance(c) * size / 100).sum()
}

/// Hundredths of a letter's size that it takes, generously.
const fn advance(c: char) -> Tenths {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '(' | ')' | '[' | ']' => 37,
        'f' | 'r' | 't' | '-' | '/' | '"' | '·' => 45,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 97,
        'A'..='Z' => 78,
        '\u{0}'..='\u{52f}' | '\u{2000}'..='\u{20ff}' => 64,
        _ => 100,
    }
}

/// As much of a name as fits, with what cannot be seen made visible.
fn fitted(name: &str, size: Tenths, room: Tenths) -> String {
    let name = text::one_line(name);
    if width(&name, size) <= room {
        return name;
    }
    let mut left = room - width("…", size);
    let mut out = String::new();
    for c in name.chars() {
        left -= advance(c) * size / 100;
        if left < 0 {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}
