//! Charts: what a picture beside a message shows, as numbers and names.
//!
//! A chart is made from what its message says, never from anything else: so the two tell the same, and a picture that
//! is drawn again for an attempt to send is the same picture. Amounts are integers, and parts add up to the whole that
//! stands beside them. Colours, sizes, words and languages are not known here.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::calendar::Unit;
use super::message::{Content, CostGroup, CostRow, CostView, DigestView};
use super::money::{self, Micros};
use super::status::Status;
use super::time::{Span, Ts};
use super::world::OTHERS;

/// Parts that are shown one by one; the rest is one more.
const MOST_PARTS: usize = 5;

/// What a picture shows, from top to bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// Never empty.
    pub panels: Vec<Panel>,
}

/// One part of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Panel {
    /// Cost over time.
    Course(Course),
    /// What a whole is made of.
    Parts(Parts),
}

/// Cost in slices of a time that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// Everything in that time, in cents.
    pub cents: i64,
    /// How long a slice is.
    pub each: Each,
    /// The slices, oldest first; at least two.
    pub slices: Vec<Slice>,
    /// The last slice is not over.
    pub open: bool,
    /// Cost of the last hour, where that is known.
    pub last_hour: Option<Micros>,
}

/// How long a slice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// Of this length.
    Time(Span),
    /// A day on its reader's clock.
    Day,
}

/// Cost of one slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// When it begins.
    pub from: Begin,
    /// What it has cost.
    pub cost: Micros,
}

/// When a slice begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At an instant.
    At(Ts),
    /// With a day.
    On(Date),
}

/// What a whole is made of, the largest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// By what.
    pub by: By,
    /// The parts; their percentages add up to 100.
    pub rows: Vec<Part>,
}

/// By what a whole is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum By {
    Model,
    Agent,
    Task,
    Status,
}

impl By {
    /// The word in texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Agent => "agent",
            Self::Task => "task",
            Self::Status => "status",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Model, Self::Agent, Self::Task].into_iter().find(|by| by.as_str() == word)
    }
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose.
    pub name: Name,
    /// How much.
    pub amount: Amount,
    /// Of a hundred.
    pub percent: i64,
}

/// Whose a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A name. Hostile; empty where it belongs to nobody.
    Given(String),
    /// Agents in a state.
    State(Status),
    /// Everything that is not shown by itself.
    Rest,
}

/// How much a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Money.
    Cents(i64),
    /// A number of things.
    Count(u32),
}

impl Content {
    /// The chart that goes with it, when it tells of money that was spent.
    pub fn chart(&self) -> Option<Chart> {
        match self {
            Self::Cost(view) => of_cost(view),
            Self::Digest(view) => of_digest(view),
            _ => None,
        }
    }
}

fn of_cost(view: &CostView) -> Option<Chart> {
    let begins = |place: usize| match view.edges.get(place) {
        Some(edge) => *edge,
        // As it was written before slices had edges.
        None => Ts(view.from.0.saturating_add(view.slice.0.saturating_mul(i64::try_from(place).unwrap_or(i64::MAX)))),
    };
    let slices = view.slices.iter().enumerate();
    let course = Course {
        cents: view.total_cents,
        each: if view.slice >= Span::days(1) { Each::Day } else { Each::Time(view.slice) },
        slices: slices.map(|(place, cost)| Slice { from: Begin::At(begins(place)), cost: *cost }).collect(),
        open: true,
        last_hour: Some(view.last_hour),
    };
    chart(view.total.cost, course, &view.groups)
}

fn of_digest(view: &DigestView) -> Option<Chart> {
    let is_day = view.unit == Unit::Day && view.count <= 1;
    let from = |place: usize| {
        let place = i64::try_from(place).unwrap_or(0);
        if is_day {
            Begin::At(view.from.plus(Span(Span::hours(1).0.saturating_mul(place))))
        } else {
            Begin::On(view.first.checked_add(place.days()).unwrap_or(view.first))
        }
    };
    let slices = view.money.slices.iter().enumerate();
    let course = Course {
        cents: view.money.cents,
        each: if is_day { Each::Time(Span::hours(1)) } else { Each::Day },
        slices: slices.map(|(place, cost)| Slice { from: from(place), cost: *cost }).collect(),
        open: view.so_far,
        last_hour: None,
    };
    chart(view.money.total.cost, course, &view.money.groups)
}

fn chart(total: Micros, course: Course, groups: &[CostGroup]) -> Option<Chart> {
    if total <= Micros(0) {
        return None;
    }
    let course = (course.slices.len() > 1).then_some(Panel::Course(course));
    let parts = groups.iter().filter(|group| group.by != "task" || groups.len() < 3).filter_map(of_group);
    let panels: Vec<Panel> = course.into_iter().chain(parts.map(Panel::Parts)).collect();
    (!panels.is_empty()).then_some(Chart { panels })
}

fn of_group(group: &CostGroup) -> Option<Parts> {
    let part = |row: &CostRow| Part {
        name: if row.name == OTHERS { Name::Rest } else { Name::Given(row.name.clone()) },
        amount: Amount::Cents(row.cents),
        percent: row.percent,
    };
    let rows = few(group.rows.iter().map(part).collect());
    (!rows.is_empty()).then_some(Parts { by: By::of(&group.by)?, rows })
}

/// As many parts as are read on a phone: what is left of them is one part, so that all of them are still the whole.
fn few(mut rows: Vec<Part>) -> Vec<Part> {
    if rows.len() <= MOST_PARTS {
        return rows;
    }
    let rest = rows.split_off(MOST_PARTS - 1);
    let percent = rest.iter().map(|part| part.percent).sum();
    let amount = rest.iter().map(|part| part.amount).reduce(Amount::and).unwrap_or(Amount::Count(0));
    rows.push(Part { name: Name::Rest, amount, percent });
    rows
}

impl Amount {
    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Cents(a), Self::Cents(b)) => Self::Cents(a.saturating_add(b)),
            (Self::Count(a), Self::Count(b)) => Self::Count(a.saturating_add(b)),
            // One whole has parts of one sort.
            (first, _) => first,
        }
    }
}

impl Chart {
    /// Agents by state, as lists count them; nothing where there are none.
    pub fn of_agents(counts: &[(Status, u32)]) -> Option<Self> {
        let weights: Vec<Micros> = counts.iter().map(|(_, count)| Micros(i64::from(*count))).collect();
        let percents = money::percentages(&weights);
        let part = |((status, count), percent): (&(Status, u32), i64)| Part {
            name: Name::State(*status),
            amount: Amount::Count(*count),
            percent,
        };
        let rows: Vec<Part> = counts.iter().zip(percents).map(part).filter(|part| part.percent > 0).collect();
        (!rows.is_empty()).then(|| Self { panels: vec![Panel::Parts(Parts { by: By::Status, rows })] })
    }
}
