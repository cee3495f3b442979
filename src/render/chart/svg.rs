//! A drawing as SVG: shapes and texts with classes by which a page paints them, and with colours where nobody does.

use super::{Anchor, Ground, Line, Mark, Paint, Picture, Tenths, WIDTH, outlined};
use crate::render::escape_html;

impl Picture {
    /// As an element of a page, without anything behind it. No script, no style, nothing from elsewhere.
    pub fn svg(&self) -> String {
        let mut out = format!(
            "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\">\n\
             <title>{}</title><desc>{}</desc>\n",
            pixels(WIDTH),
            pixels(self.height),
            escape_html(&self.title),
            escape_html(&self.alt),
        );
        for mark in &self.marks {
            out.push_str(&match mark {
                Mark::Bar(place, paint) => format!("<rect{} {}/>", shape(*place), filled(*paint)),
                Mark::Frame(place, paint) => {
                    let place = shape(outlined(*place));
                    let (class, colour) = (class(*paint), hex(*paint));
                    format!(
                        "<rect class=\"{class}-edge\"{place} fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"/>"
                    )
                }
                Mark::Text(line) => text(line),
            });
            out.push('\n');
        }
        out.push_str("</svg>");
        out
    }
}

fn shape(place: [Tenths; 5]) -> String {
    let [x, y, wide, high, round] = place.map(pixels);
    let round = if round == "0" { String::new() } else { format!(" rx=\"{round}\"") };
    format!(" x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\"{round}")
}

fn text(line: &Line) -> String {
    let anchor = match line.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let bold = if line.bold { " font-weight=\"700\"" } else { "" };
    format!(
        "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{anchor}{bold} {}>{}</text>",
        pixels(line.x),
        pixels(line.y),
        pixels(line.size),
        filled(line.paint),
        escape_html(&line.text),
    )
}

fn filled(paint: Paint) -> String {
    format!("class=\"{}\" fill=\"{}\"", class(paint), hex(paint))
}

const fn class(paint: Paint) -> &'static str {
    match paint {
        Paint::Ink => "ink",
        Paint::Soft => "soft",
        Paint::Rail => "rail",
        Paint::Bar => "fill",
    }
}

fn hex(paint: Paint) -> String {
    let [red, green, blue] = Ground::Light.paint(paint);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn pixels(tenths: Tenths) -> String {
    match tenths % 10 {
        0 => (tenths / 10).to_string(),
        rest => format!("{}.{}", tenths / 10, rest.abs()),
    }
}
