//! Rules: conditions in CEL, compiled at load into an index over the signals that they read.
//!
//! A plain comparison of a sum with a constant goes into a sorted list of thresholds per window, so an
//! event finds the rules it may flip by binary search; everything else is listed under what it reads.
//! So the cost of an event does not grow with the number of rules. Nothing here knows alerts: a rule
//! book answers which rules may have changed and whether one holds.

mod compile;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use cel::common::ast::IdedExpr;
use cel::common::types::{CelDouble, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Value};

pub use compile::RuleError;

use super::policy::{RuleSpec, ScopeKind};
use super::signal::{Measure, Signal, Timed, WindowIx, WindowSpec};
use super::time::Span;

/// Index of a rule in its [`RuleBook`].
pub type RuleIx = u32;

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// As configured.
    pub spec: RuleSpec,
    /// What it reads, in order of appearance.
    pub signals: Vec<Signal>,
    /// How each signal was written.
    pub texts: Vec<String>,
    condition: Condition,
    /// Comparisons of growing times with constants: when these pass, the rule must be judged.
    pub moments: Vec<(Timed, Span)>,
    /// It may become true by mere decay of a window.
    pub decays: bool,
}

#[derive(Debug)]
enum Condition {
    /// The only signal compared with a constant.
    Compare(Op, f64),
    /// Anything else: the expression with every signal replaced by its number.
    Expression(IdedExpr),
}

/// A comparison, the signal being on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Greater,
    GreaterEquals,
    Less,
    LessEquals,
    Equals,
    NotEquals,
}

impl Op {
    fn holds(self, left: f64, right: f64) -> bool {
        match left.partial_cmp(&right) {
            Some(Ordering::Greater) => matches!(self, Self::Greater | Self::GreaterEquals | Self::NotEquals),
            Some(Ordering::Less) => matches!(self, Self::Less | Self::LessEquals | Self::NotEquals),
            Some(Ordering::Equal) => matches!(self, Self::GreaterEquals | Self::LessEquals | Self::Equals),
            None => matches!(self, Self::NotEquals),
        }
    }

    /// The same comparison with its sides exchanged.
    const fn mirrored(self) -> Self {
        match self {
            Self::Greater => Self::Less,
            Self::GreaterEquals => Self::LessEquals,
            Self::Less => Self::Greater,
            Self::LessEquals => Self::GreaterEquals,
            same => same,
        }
    }
}

/// What a scope answers when a rule reads it.
pub trait Reading {
    /// The value of a number.
    fn number(&self, signal: &Signal) -> f64;
    /// The value of a word.
    fn word(&self, signal: &Signal) -> String;
}

impl Rule {
    /// Whether the condition holds. A condition that cannot be evaluated does not hold.
    pub fn holds(&self, reading: &(dyn Reading + Sync + Send)) -> bool {
        match &self.condition {
            Condition::Compare(op, threshold) => op.holds(reading.number(&self.signals[0]), *threshold),
            Condition::Expression(expression) => {
                let values = Values { signals: &self.signals, reading };
                let mut scope = STANDARD.new_inner_scope();
                scope.set_variable_resolver(&values);
                matches!(Value::resolve(expression, &scope), Ok(Value::Bool(true)))
            }
        }
    }

    /// The constant with which the only signal is compared, for cards.
    pub const fn threshold(&self) -> Option<f64> {
        match self.condition {
            Condition::Compare(_, threshold) => Some(threshold),
            Condition::Expression(_) => None,
        }
    }
}

static STANDARD: LazyLock<Context<'static, 'static>> = LazyLock::new(Context::default);

/// Answers `$0`, `$1`, … by reading the signal of that number.
struct Values<'a> {
    signals: &'a [Signal],
    reading: &'a (dyn Reading + Sync + Send),
}

impl VariableResolver for Values<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let signal = self.signals.get(variable.strip_prefix('$')?.parse::<usize>().ok()?)?;
        Some(match signal {
            Signal::Text(_) => CowVal::owned(CelString::from(self.reading.word(signal))),
            _ => CowVal::owned(CelDouble::from(self.reading.number(signal))),
        })
    }
}

/// What is read of one kind of scope.
#[derive(Debug, Default)]
pub struct ScopeIndex {
    /// Windows that some rule reads.
    pub windows: Vec<WindowSpec>,
    /// Windows by measure.
    by_measure: [Vec<WindowIx>; Measure::COUNT],
    /// Plain comparisons of a sum, by window, sorted by the sum at which they flip.
    thresholds: Vec<Vec<(f64, RuleIx)>>,
    /// Other rules that read a window, by window.
    readers: Vec<Vec<RuleIx>>,
    /// Rules that hold once a call was repeated so often, by the span that they look at, sorted.
    repeated: Vec<(Span, Vec<(f64, RuleIx)>)>,
    /// The least that any of those asks for.
    pub fewest_repeats: f64,
    /// Other rules that read repeated calls.
    pub repeats: Vec<RuleIx>,
    /// Rules that read words and gauges.
    pub facts: Vec<RuleIx>,
    /// Rules that must be judged as time passes.
    pub timed: Vec<RuleIx>,
    /// No rule can change by mere passing of time sooner than this after the newest event.
    pub soonest: Option<Span>,
}

impl ScopeIndex {
    /// Whether any rule is judged for this kind of scope.
    pub fn is_empty(&self) -> bool {
        let reads_calls = !(self.repeated.is_empty() && self.repeats.is_empty());
        self.windows.is_empty() && !reads_calls && self.facts.is_empty() && self.timed.is_empty()
    }

    /// Windows that add up `measure`.
    pub fn windows_of(&self, measure: Measure) -> &[WindowIx] {
        &self.by_measure[measure as usize]
    }

    /// Rules that may have changed because the sum of a window went from `before` to `after`.
    pub fn crossed(&self, window: WindowIx, before: i64, after: i64) -> impl Iterator<Item = RuleIx> {
        let (low, high) = (before.min(after), before.max(after));
        #[expect(clippy::cast_precision_loss, reason = "sums are far below 2^52")]
        let (low, high) = (low as f64, high as f64);
        let sorted = self.thresholds.get(usize::from(window)).map_or(&[][..], Vec::as_slice);
        let from = sorted.partition_point(|(at, _)| *at < low);
        let to = sorted.partition_point(|(at, _)| *at <= high);
        let plain = sorted[from..to].iter().map(|(_, rule)| *rule);
        let readers = self.readers.get(usize::from(window)).map_or(&[][..], Vec::as_slice);
        plain.chain(readers.iter().copied())
    }

    /// Rules that may hold because a call was repeated; `most` tells how often within a span. A rule with a
    /// higher threshold cannot hold, and if it did before, its open alert has it judged anyway.
    pub fn reached(&self, most: impl Fn(Span) -> f64) -> impl Iterator<Item = RuleIx> {
        self.repeated.iter().flat_map(move |(span, sorted)| {
            let most = most(*span);
            sorted.iter().take_while(move |(at, _)| *at <= most).map(|(_, rule)| *rule)
        })
    }

    fn window(&mut self, spec: WindowSpec) -> WindowIx {
        let found = self.windows.iter().position(|have| *have == spec);
        let place = found.unwrap_or_else(|| {
            self.windows.push(spec);
            self.thresholds.push(Vec::new());
            self.readers.push(Vec::new());
            self.windows.len() - 1
        });
        let ix = WindowIx::try_from(place).unwrap_or(WindowIx::MAX);
        if found.is_none() {
            self.by_measure[spec.measure as usize].push(ix);
        }
        ix
    }
}

/// All rules of a policy, compiled and indexed.
#[derive(Debug, Default)]
pub struct RuleBook {
    /// In the order of the policy.
    pub rules: Vec<Rule>,
    by_name: BTreeMap<String, RuleIx>,
    scopes: [ScopeIndex; 4],
}

impl RuleBook {
    /// Compiles `specs`.
    ///
    /// # Errors
    /// The first rule that cannot be compiled, with its place.
    pub fn compile(specs: &[RuleSpec]) -> Result<Self, RuleError> {
        let mut book = Self::default();
        for spec in specs {
            book.add(spec)?;
        }
        book.finish();
        Ok(book)
    }

    /// Compiles what can be compiled. Only checked policies reach the log, so nothing is left out
    /// unless the log was written by a newer version.
    pub fn compile_lossy(specs: &[RuleSpec]) -> Self {
        let mut book = Self::default();
        for spec in specs {
            let _refused = book.add(spec);
        }
        book.finish();
        book
    }

    /// The index of one kind of scope.
    pub const fn scope(&self, kind: ScopeKind) -> &ScopeIndex {
        &self.scopes[kind as usize]
    }

    /// Finds a rule by name.
    pub fn find(&self, name: &str) -> Option<(RuleIx, &Rule)> {
        let ix = *self.by_name.get(name)?;
        Some((ix, &self.rules[ix as usize]))
    }

    fn finish(&mut self) {
        for scope in &mut self.scopes {
            let repeated = scope.repeated.iter_mut().map(|(_, sorted)| sorted);
            for sorted in scope.thresholds.iter_mut().chain(repeated) {
                sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            }
            let fewest = scope.repeated.iter().filter_map(|(_, sorted)| sorted.first());
            scope.fewest_repeats = fewest.map(|(at, _)| *at).fold(f64::INFINITY, f64::min);
        }
    }
}
