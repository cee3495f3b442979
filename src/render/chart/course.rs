//! Cost over time, as columns that stand on a line: the highest says how much it is, and some say when they begin.

use jiff::tz::TimeZone;

use super::{Anchor, EDGE, LARGE, Look, Mark, Paint, SMALL, Sheet, Tenths, Viewer, WIDTH, look};
use crate::core::chart::{Begin, Course, Each, Slice};
use crate::core::money::Micros;
use crate::core::time::{Span, zone};
use crate::render::filters::date_text;

/// How high the highest column is.
const HIGH: Tenths = 900;
/// How wide a column may be.
const WIDEST: Tenths = 420;
/// Columns that say when they begin.
const MARKED: usize = 5;
/// As many days fit side by side with their names.
const WEEK: usize = 8;

/// Draws it, and says it in words.
pub fn draw(sheet: &mut Sheet, course: &Course, viewer: Viewer<'_>) -> (String, String) {
    let clock = Clock { zone: zone(viewer.tz).unwrap_or(TimeZone::UTC), course, viewer };
    let title = clock.title();
    let total = Micros(course.cents.saturating_mul(10_000)).to_string();
    sheet.text((EDGE, sheet.y + LARGE), look(LARGE, Paint::Ink).bold(), &title);
    sheet.text((WIDTH - EDGE, sheet.y + LARGE), look(LARGE, Paint::Ink).bold().right(), &total);
    let about = clock.about();
    sheet.text((EDGE, sheet.y + LARGE + 200), look(SMALL, Paint::Soft), &about);
    let foot = sheet.y + LARGE + 420 + HIGH;
    columns(sheet, course, foot);
    sheet.bar([EDGE, foot, WIDTH - 2 * EDGE, 10, 0], Paint::Rail);
    for (place, when) in clock.marks() {
        sheet.text_near((middle(place, course.slices.len()), foot + 190), look(SMALL, Paint::Soft), &when);
    }
    sheet.y = foot + 230;
    let alt = viewer.say("chart.course", &[&title, &total, &about]);
    (title, alt)
}

fn columns(sheet: &mut Sheet, course: &Course, foot: Tenths) {
    let count = course.slices.len();
    let top = course.slices.iter().map(|slice| slice.cost.0).max().unwrap_or(0).max(1);
    let pitch = (WIDTH - 2 * EDGE) / Tenths::try_from(count).unwrap_or(Tenths::MAX);
    let wide = (pitch * 3 / 4).clamp(10, WIDEST);
    let corner = (wide / 6).min(30);
    for (place, slice) in course.slices.iter().enumerate().filter(|(_, slice)| slice.cost > Micros(0)) {
        let share = i128::from(slice.cost.0) * i128::from(HIGH) / i128::from(top);
        let high = Tenths::try_from(share).unwrap_or(HIGH).max(20);
        let place_of = [middle(place, count) - wide / 2, foot - high, wide, high, corner];
        // What is not over is not filled.
        let is_open = course.open && place + 1 == count;
        let draw = if is_open { Mark::Frame } else { Mark::Bar };
        sheet.marks.push(draw(place_of, Paint::Bar));
    }
    if let Some((place, slice)) = highest(&course.slices) {
        let look = Look { anchor: Anchor::Middle, ..look(SMALL, Paint::Ink) };
        sheet.text_near((middle(place, count), foot - HIGH - 50), look, &slice.cost.to_string());
    }
}

/// The first of those that have cost most, if any has cost anything.
fn highest(slices: &[Slice]) -> Option<(usize, &Slice)> {
    let most = slices.iter().map(|slice| slice.cost).max().filter(|cost| *cost > Micros(0))?;
    slices.iter().enumerate().find(|(_, slice)| slice.cost == most)
}

/// Where the middle of a column is.
fn middle(place: usize, count: usize) -> Tenths {
    let (place, count) = (Tenths::try_from(place).unwrap_or(0), Tenths::try_from(count).unwrap_or(1).max(1));
    EDGE + (WIDTH - 2 * EDGE) * (2 * place + 1) / (2 * count)
}

/// When slices are, in words.
struct Clock<'a> {
    zone: TimeZone,
    course: &'a Course,
    viewer: Viewer<'a>,
}

impl Clock<'_> {
    fn title(&self) -> String {
        match self.course.each {
            Each::Day => self.viewer.word("chart.per_day").to_owned(),
            Each::Time(span) if span == Span::hours(1) => self.viewer.word("chart.per_hour").to_owned(),
            Each::Time(span) if span < Span::hours(1) => {
                self.viewer.say("chart.per_minutes", &[&(span.0 / Span::mins(1).0).to_string()])
            }
            Each::Time(span) => self.viewer.say("chart.per_hours", &[&(span.0 / Span::hours(1).0).to_string()]),
        }
    }

    /// How much it was at most, and how much it is now.
    fn about(&self) -> String {
        let highest = highest(&self.course.slices).map(|(_, slice)| {
            let when = match (self.is_long(), slice.from) {
                (true, Begin::At(_)) if self.course.each != Each::Day => {
                    format!("{} {}", self.day(slice.from, "weekday"), self.time(slice.from))
                }
                _ => self.when(slice.from),
            };
            self.viewer.say("chart.highest", &[&slice.cost.to_string(), &when])
        });
        let now = self.course.last_hour.map(|cost| self.viewer.say("chart.last_hour", &[&cost.to_string()]));
        highest.into_iter().chain(now).collect::<Vec<_>>().join(" · ")
    }

    /// Which columns say when they begin, and how.
    fn marks(&self) -> Vec<(usize, String)> {
        let slices = &self.course.slices;
        match self.course.each {
            Each::Day if slices.len() <= WEEK => self.every(1),
            Each::Time(_) if self.is_long() => {
                let begin = slices.iter().enumerate().skip(1);
                let midnights = begin.filter(|(_, slice)| self.time(slice.from) == "00:00");
                midnights.map(|(at, slice)| (at, self.day(slice.from, "weekday"))).collect()
            }
            _ => self.every(slices.len().div_ceil(MARKED).max(1)),
        }
    }

    fn every(&self, step: usize) -> Vec<(usize, String)> {
        let slices = self.course.slices.iter().enumerate().step_by(step);
        slices.map(|(at, slice)| (at, self.when(slice.from))).collect()
    }

    /// Whether a time of the day alone would not say when.
    fn is_long(&self) -> bool {
        let Each::Time(span) = self.course.each else { return true };
        span.0.saturating_mul(i64::try_from(self.course.slices.len()).unwrap_or(i64::MAX)) > Span::hours(26).0
    }

    fn when(&self, from: Begin) -> String {
        match self.course.each {
            Each::Day if self.course.slices.len() <= WEEK => self.day(from, "weekday"),
            Each::Day => self.day(from, "short"),
            Each::Time(_) => self.time(from),
        }
    }

    fn time(&self, from: Begin) -> String {
        match from {
            Begin::At(at) => at.zoned(&self.zone).strftime("%H:%M").to_string(),
            Begin::On(_) => "00:00".to_owned(),
        }
    }

    fn day(&self, from: Begin, form: &str) -> String {
        let date = match from {
            Begin::At(at) => at.zoned(&self.zone).date(),
            Begin::On(date) => date,
        };
        date_text(&date.to_string(), form, self.viewer.lang)
    }
}
