//! A drawing as PNG, at twice its size for the screens of phones, with letters of our own.
//!
//! No font of the machine is read: what is painted is the same everywhere. A letter that the font does not have is an
//! empty box. The pictures are opaque, because some platforms make black of what is not.

use std::sync::LazyLock;

use tiny_skia::{Color, FillRule, Paint as Fill, Path, PathBuilder, Pixmap, Stroke, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::{Anchor, Ground, Line, Mark, Paint, Picture, Tenths, WIDTH, outlined};
use crate::render::FILES;

/// Pixels of a picture for each of its drawing.
const SCALE: f32 = 2.0;

/// Regular and bold.
static FACES: LazyLock<Option<[Face<'static>; 2]>> = LazyLock::new(|| Some([face("Regular")?, face("Bold")?]));

/// Noto Sans, the part of it that writes Latin, Greek and Cyrillic; its licence lies beside it.
fn face(style: &str) -> Option<Face<'static>> {
    let file = FILES.get_file(format!("fonts/NotoSans-{style}.ttf"))?;
    Face::parse(file.contents(), 0).ok()
}

impl Picture {
    /// As an opaque PNG; nothing when it cannot be painted.
    pub fn png(&self, ground: Ground) -> Option<Vec<u8>> {
        let side = |tenths: Tenths| u32::try_from(tenths / 10 * 2).ok();
        let mut canvas = Pixmap::new(side(WIDTH)?, side(self.height)?)?;
        canvas.fill(colour(ground.colour()));
        let faces = FACES.as_ref()?;
        for mark in &self.marks {
            match mark {
                Mark::Bar(place, paint) => {
                    fill(&mut canvas, &rounded(*place)?, ground, *paint);
                }
                Mark::Frame(place, paint) => {
                    let path = rounded(outlined(*place))?;
                    let stroke = Stroke { width: 1.6 * SCALE, ..Stroke::default() };
                    canvas.stroke_path(&path, &painted(ground, *paint), &stroke, Transform::identity(), None);
                }
                Mark::Text(line) => {
                    // A line of spaces has no outline.
                    if let Some(path) = outline(&faces[usize::from(line.bold)], line) {
                        fill(&mut canvas, &path, ground, line.paint);
                    }
                }
            }
        }
        canvas.encode_png().ok()
    }
}

fn fill(canvas: &mut Pixmap, path: &Path, ground: Ground, paint: Paint) {
    canvas.fill_path(path, &painted(ground, paint), FillRule::Winding, Transform::identity(), None);
}

fn painted(ground: Ground, paint: Paint) -> Fill<'static> {
    let mut fill = Fill { anti_alias: true, ..Fill::default() };
    fill.set_color(colour(ground.paint(paint)));
    fill
}

fn colour([red, green, blue]: [u8; 3]) -> Color {
    Color::from_rgba8(red, green, blue, 255)
}

/// Tenths of a drawing's pixel as pixels of the picture. A drawing is never as large as would be cut here.
fn pixels(tenths: Tenths) -> f32 {
    f32::from(i16::try_from(tenths).unwrap_or(i16::MAX)) / 10.0 * SCALE
}

fn rounded(place: [Tenths; 5]) -> Option<Path> {
    let [x, y, wide, high, round] = place.map(pixels);
    let r = round.min(wide / 2.0).min(high / 2.0);
    let (right, foot) = (x + wide, y + high);
    let mut path = PathBuilder::new();
    path.move_to(x + r, y);
    path.line_to(right - r, y);
    path.quad_to(right, y, right, y + r);
    path.line_to(right, foot - r);
    path.quad_to(right, foot, right - r, foot);
    path.line_to(x + r, foot);
    path.quad_to(x, foot, x, foot - r);
    path.line_to(x, y + r);
    path.quad_to(x, y, x + r, y);
    path.close();
    path.finish()
}

/// A line of text as one path.
fn outline(face: &Face<'_>, line: &Line) -> Option<Path> {
    let scale = pixels(line.size) / f32::from(face.units_per_em());
    let glyphs: Vec<GlyphId> = line.text.chars().map(|c| face.glyph_index(c).unwrap_or_default()).collect();
    let advance = |glyph: &GlyphId| f32::from(face.glyph_hor_advance(*glyph).unwrap_or(0)) * scale;
    let width: f32 = glyphs.iter().map(advance).sum();
    let x = match line.anchor {
        Anchor::Start => pixels(line.x),
        Anchor::Middle => pixels(line.x) - width / 2.0,
        Anchor::End => pixels(line.x) - width,
    };
    let mut pen = Pen { path: PathBuilder::new(), x, y: pixels(line.y), scale };
    for glyph in &glyphs {
        // A space has none.
        let _box = face.outline_glyph(*glyph, &mut pen);
        pen.x += advance(glyph);
    }
    pen.path.finish()
}

/// Draws glyphs, whose own height grows upwards.
struct Pen {
    path: PathBuilder,
    x: f32,
    y: f32,
    scale: f32,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
