//! From the text of a condition to a rule in the index.

use std::fmt;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::{Program, Value};

use super::{Condition, Op, Rule, RuleBook, RuleIx, STANDARD, ScopeIndex};
use crate::core::policy::{RuleSpec, ScopeKind};
use crate::core::signal::{CATALOGUE, Entry, Gauge, Measure, Ratio, Shape, Signal, TextSignal, Timed, WindowSpec};
use crate::core::time::Span;

/// CEL functions that conditions may use besides operators and signals.
const FUNCTIONS: &[&str] = &["contains", "startsWith", "endsWith", "size", "int", "double", "string"];

/// Why a rule cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// Name of the rule.
    pub rule: String,
    /// What is wrong, and what to write instead.
    pub message: String,
    /// Where in the condition, in bytes, when that is known.
    pub offset: Option<usize>,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}`: {}", self.rule, self.message)
    }
}

impl std::error::Error for RuleError {}

/// A message and the node that it is about.
type Refusal = (String, u64);

impl RuleBook {
    /// Compiles one rule and puts it into the index.
    pub(super) fn add(&mut self, spec: &RuleSpec) -> Result<(), RuleError> {
        let error = |message: String, offset| RuleError { rule: spec.name.clone(), message, offset };
        let program = Program::compile(&spec.when).map_err(|errors| {
            let first = errors.errors.first();
            let column = first.and_then(|e| usize::try_from(e.pos.1 - 1).ok());
            error(first.map_or_else(|| errors.to_string(), |e| spoken(&e.msg)), column)
        })?;
        let source = program.source_info();
        let place = |id| source.offset_for(id).map(|(start, _)| start as usize);
        let index = &mut self.scopes[spec.per as usize];
        let mut reader = Reader { index, per: spec.per, found: Vec::new(), texts: Vec::new(), moments: Vec::new() };
        let mut expression = program.expression().clone();
        reader.rewrite(&mut expression).map_err(|(message, id)| error(message, place(id)))?;
        let Reader { found, texts, moments, .. } = reader;
        if found.is_empty() {
            let hint = "the condition reads no signal, so it could never change; write for example cost('10m') > 5";
            return Err(error(hint.into(), None));
        }
        if let Some(id) = no_question(&expression) {
            let hint = "this gives no yes or no; compare it with something, such as cost('10m') > 5";
            return Err(error(hint.into(), place(id)));
        }
        let rule = assemble(spec.clone(), expression, found, texts, moments);
        let ix = RuleIx::try_from(self.rules.len()).unwrap_or(RuleIx::MAX);
        self.scopes[spec.per as usize].list(ix, &rule);
        // Of rules with the same name, the first is the one that is found.
        self.by_name.entry(rule.spec.name.clone()).or_insert(ix);
        self.rules.push(rule);
        Ok(())
    }
}

/// What the CEL reader says, without the tokens of its grammar.
fn spoken(said: &str) -> String {
    let said = said.split(" expecting ").next().unwrap_or(said).trim_start_matches("Syntax error: ");
    if said.contains("<EOF>") {
        return "the condition ends too early".into();
    }
    format!("the condition cannot be read: {said}")
}

fn assemble(
    spec: RuleSpec,
    expression: IdedExpr,
    signals: Vec<Signal>,
    texts: Vec<String>,
    moments: Vec<(Timed, Span)>,
) -> Rule {
    let plain = plain_comparison(&expression);
    let grows_only = matches!(plain, Some((Op::Greater | Op::GreaterEquals, _)))
        && matches!(signals[0], Signal::Sum(..) | Signal::Repeats(_));
    let reads_window = signals.iter().any(|s| matches!(s, Signal::Sum(..) | Signal::Ratio(..) | Signal::Repeats(_)));
    let condition = match plain {
        Some((op, threshold)) if !matches!(signals[0], Signal::Text(_)) => Condition::Compare(op, threshold),
        _ => Condition::Expression(expression),
    };
    Rule { spec, signals, texts, condition, moments, decays: reads_window && !grows_only }
}

impl ScopeIndex {
    fn list(&mut self, ix: RuleIx, rule: &Rule) {
        let plain = rule.threshold().filter(|_| rule.signals.len() == 1);
        for signal in &rule.signals {
            match (signal, plain) {
                (Signal::Sum(window, scale), Some(threshold)) => {
                    let at = threshold * scale;
                    self.thresholds[usize::from(*window)].push((at, ix));
                }
                (Signal::Sum(window, _), None) => listed(&mut self.readers[usize::from(*window)], ix),
                (Signal::Ratio(_, windows), _) => {
                    for window in windows {
                        listed(&mut self.readers[usize::from(*window)], ix);
                    }
                }
                (Signal::Repeats(span), Some(threshold)) if !rule.decays => {
                    let known = self.repeated.iter().position(|(have, _)| have == span);
                    let place = known.unwrap_or(self.repeated.len());
                    if known.is_none() {
                        self.repeated.push((*span, Vec::new()));
                    }
                    self.repeated[place].1.push((threshold, ix));
                }
                (Signal::Repeats(_), _) => listed(&mut self.repeats, ix),
                (Signal::Gauge(_) | Signal::Text(_), _) => listed(&mut self.facts, ix),
                (Signal::Timed(_), _) => {}
            }
        }
        if rule.decays || !rule.moments.is_empty() {
            self.timed.push(ix);
        }
        let spans = rule.moments.iter().map(|(_, span)| *span);
        let losses = rule.signals.iter().filter_map(|signal| match signal {
            Signal::Sum(window, _) => Some(self.windows[usize::from(*window)].span),
            Signal::Ratio(_, windows) => windows.iter().map(|w| self.windows[usize::from(*w)].span).min(),
            Signal::Repeats(span) => Some(*span),
            _ => None,
        });
        // The first loss of a window comes at least eleven twelfths of its span after it was empty. What only grows true
        // does not wait for it, and while its alert is open it is looked at anyway.
        let losses = losses.filter(|_| rule.decays).map(|span| Span(span.0 / 12 * 11));
        self.soonest = self.soonest.into_iter().chain(spans).chain(losses).min();
    }
}

fn listed(list: &mut Vec<RuleIx>, ix: RuleIx) {
    if list.last() != Some(&ix) {
        list.push(ix);
    }
}

/// The part of a condition that should be true or false and can be neither: a signal alone, a number, a sum.
fn no_question(expression: &IdedExpr) -> Option<u64> {
    const ARITHMETIC: [&str; 6] = [
        operators::ADD,
        operators::SUBSTRACT,
        operators::MULTIPLY,
        operators::DIVIDE,
        operators::MODULO,
        operators::NEGATE,
    ];
    match &expression.expr {
        Expr::Ident(_) => Some(expression.id),
        Expr::Literal(literal) if !matches!(literal, LiteralValue::Boolean(_)) => Some(expression.id),
        Expr::Call(call) => match call.func_name.as_str() {
            operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT => {
                call.args.iter().find_map(no_question)
            }
            operators::CONDITIONAL => call.args.iter().skip(1).find_map(no_question),
            "size" | "int" | "double" | "string" => Some(expression.id),
            name => ARITHMETIC.contains(&name).then_some(expression.id),
        },
        _ => None,
    }
}

/// `$0 > 5`, `5 < $0`, …: the operator with the signal on the left, and the constant.
fn plain_comparison(expression: &IdedExpr) -> Option<(Op, f64)> {
    let Expr::Call(call) = &expression.expr else { return None };
    let op = comparison(&call.func_name)?;
    let [left, right] = call.args.as_slice() else { return None };
    let is_first = |e: &IdedExpr| matches!(&e.expr, Expr::Ident(name) if name == "$0");
    if is_first(left) {
        constant(right).map(|c| (op, c))
    } else if is_first(right) {
        constant(left).map(|c| (op.mirrored(), c))
    } else {
        None
    }
}

fn comparison(function: &str) -> Option<Op> {
    Some(match function {
        operators::GREATER => Op::Greater,
        operators::GREATER_EQUALS => Op::GreaterEquals,
        operators::LESS => Op::Less,
        operators::LESS_EQUALS => Op::LessEquals,
        operators::EQUALS => Op::Equals,
        operators::NOT_EQUALS => Op::NotEquals,
        _ => return None,
    })
}

/// The number that an expression without signals evaluates to, such as `15 * 60`.
#[expect(clippy::cast_precision_loss, reason = "thresholds are small numbers")]
fn constant(expression: &IdedExpr) -> Option<f64> {
    match Value::resolve(expression, &STANDARD).ok()? {
        Value::Int(n) => Some(n as f64),
        Value::UInt(n) => Some(n as f64),
        Value::Float(n) => Some(n),
        _ => None,
    }
}

/// Walks a condition, registers what it reads and replaces each signal by its number.
struct Reader<'a> {
    index: &'a mut ScopeIndex,
    per: ScopeKind,
    found: Vec<Signal>,
    texts: Vec<String>,
    moments: Vec<(Timed, Span)>,
}

impl Reader<'_> {
    fn rewrite(&mut self, node: &mut IdedExpr) -> Result<(), Refusal> {
        let id = node.id;
        match &mut node.expr {
            Expr::Ident(name) => {
                let signal = self.word(name).map_err(|m| (m, id))?;
                let text = name.clone();
                node.expr = self.replace(signal, text);
            }
            Expr::Call(call) if call.target.is_none() && Entry::find(&call.func_name).is_some() => {
                let name = call.func_name.clone();
                let signal = self.call(&name, &call.args).map_err(|m| (m, id))?;
                if matches!(signal, Signal::Timed(_)) {
                    return Err((
                        format!("{name}() can only be compared with a constant, as in {name}() > 15 * 60"),
                        id,
                    ));
                }
                let text = written(&name, &call.args);
                node.expr = self.replace(signal, text);
            }
            Expr::Call(call) => {
                if comparison(&call.func_name).is_some() && self.moment(call).map_err(|m| (m, id))? {
                    return Ok(());
                }
                check_function(&call.func_name).map_err(|m| (m, id))?;
                for part in call.target.iter_mut().map(AsMut::as_mut).chain(&mut call.args) {
                    self.rewrite(part)?;
                }
            }
            Expr::List(list) => {
                for part in &mut list.elements {
                    self.rewrite(part)?;
                }
            }
            Expr::Literal(_) => {}
            _ => return Err(("conditions are comparisons, joined by &&, || and !".into(), id)),
        }
        Ok(())
    }

    fn replace(&mut self, signal: Signal, text: String) -> Expr {
        let known = self.texts.iter().position(|have| *have == text);
        let place = known.unwrap_or_else(|| {
            self.found.push(signal);
            self.texts.push(text);
            self.found.len() - 1
        });
        Expr::Ident(format!("${place}"))
    }

    /// `idle() > 900`: notes the moment at which the comparison can flip.
    fn moment(&mut self, call: &mut CallExpr) -> Result<bool, String> {
        let op = comparison(&call.func_name);
        let [left, right] = call.args.as_mut_slice() else { return Ok(false) };
        let (timed, other, op) = match (timed_call(left), timed_call(right)) {
            (Some(timed), None) => (timed, &*right, op),
            (None, Some(timed)) => (timed, &*left, op.map(Op::mirrored)),
            _ => return Ok(false),
        };
        let (entry, signal) = timed;
        self.check_scope(entry, signal)?;
        let Some(limit) = constant(other).filter(|limit| (0.0..1e12).contains(limit)) else {
            return Err(format!("{entry}() can only be compared with a constant number of seconds"));
        };
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
        let mut after = Span((limit * 1000.0).round() as i64);
        // "More than" is true one millisecond after "at least".
        if matches!(op, Some(Op::Greater | Op::LessEquals)) {
            after.0 += 1;
        }
        self.moments.push((signal, after));
        let text = format!("{entry}()");
        let place = if timed_call(left).is_some() { left } else { right };
        place.expr = self.replace(Signal::Timed(signal), text);
        Ok(true)
    }

    fn check_scope(&self, name: &str, signal: Timed) -> Result<(), String> {
        let fits = match signal {
            Timed::Age => matches!(self.per, ScopeKind::Session | ScopeKind::Task),
            _ => self.per == ScopeKind::Agent,
        };
        if fits {
            return Ok(());
        }
        let per = if signal == Timed::Age { "session or task" } else { "agent" };
        Err(format!("{name}() is known per {per} only; set per = \"{}\"", per.split(' ').next().unwrap_or("agent")))
    }

    fn word(&self, name: &str) -> Result<Signal, String> {
        let signal = match name {
            "status" => TextSignal::Status,
            "phase" => TextSignal::Phase,
            "fault" => TextSignal::Fault,
            "agent" => TextSignal::Agent,
            "role" => TextSignal::Role,
            "runtime" => TextSignal::Runtime,
            "model" => TextSignal::Model,
            "task" => TextSignal::Task,
            other => return Err(unknown("signal", other)),
        };
        if self.per == ScopeKind::Fleet {
            return Err(format!("`{name}` is not known for the fleet as a whole"));
        }
        Ok(Signal::Text(signal))
    }

    fn call(&mut self, name: &str, args: &[IdedExpr]) -> Result<Signal, String> {
        let entry = Entry::find(name).ok_or_else(|| unknown("signal", name))?;
        let text = match (args, entry.shape) {
            ([], Shape::Call) => "",
            ([one], Shape::Window | Shape::Named) => {
                literal(one).ok_or_else(|| format!("write {}", entry.example()))?
            }
            _ => return Err(format!("write {}", entry.example())),
        };
        let sum = |this: &mut Self, measure, scale| Ok(Signal::Sum(this.window(measure, text)?, scale));
        match name {
            "cost" => sum(self, Measure::Cost, 1e6),
            "tokens" => sum(self, Measure::Tokens, 1.0),
            "calls" => sum(self, Measure::Calls, 1.0),
            "tools" => sum(self, Measure::Tools, 1.0),
            "errors" => sum(self, Measure::Errors, 1.0),
            "timeouts" => sum(self, Measure::Timeouts, 1.0),
            "error_rate" => self.ratio(Ratio::Errors, text),
            "timeout_rate" => self.ratio(Ratio::Timeouts, text),
            "success_rate" => self.ratio(Ratio::Success, text),
            "latency" => self.ratio(Ratio::Latency, text),
            "repeats" => self.repeats(text),
            "progress" => Ok(Signal::Gauge(Gauge::Progress)),
            "metric" => Ok(Signal::Gauge(Gauge::Metric(text.to_owned()))),
            other => match timed(other) {
                Some(signal) => Ok(Signal::Timed(signal)),
                None => Ok(Signal::Gauge(Gauge::Metric(other.to_owned()))),
            },
        }
    }

    fn repeats(&self, span: &str) -> Result<Signal, String> {
        if !matches!(self.per, ScopeKind::Agent | ScopeKind::Session) {
            return Err("repeats() is known per agent or session only".into());
        }
        Span::parse(span).map(Signal::Repeats)
    }

    fn ratio(&mut self, ratio: Ratio, span: &str) -> Result<Signal, String> {
        let windows = ratio.measures().iter().map(|m| self.window(*m, span));
        Ok(Signal::Ratio(ratio, windows.collect::<Result<_, _>>()?))
    }

    fn window(&mut self, measure: Measure, span: &str) -> Result<u16, String> {
        let span = Span::parse(span)?;
        if span < Span::secs(12) || span > Span::days(31) {
            return Err(format!("a window is between 12s and 31d, not {span}"));
        }
        Ok(self.index.window(WindowSpec { measure, span }))
    }
}

fn timed(name: &str) -> Option<Timed> {
    Some(match name {
        "idle" => Timed::Idle,
        "in_tool" => Timed::InTool,
        "approval_wait" => Timed::ApprovalWait,
        "age" => Timed::Age,
        _ => return None,
    })
}

fn timed_call(node: &IdedExpr) -> Option<(&'static str, Timed)> {
    let Expr::Call(call) = &node.expr else { return None };
    if call.target.is_some() || !call.args.is_empty() {
        return None;
    }
    Some((Entry::find(&call.func_name)?.name, timed(&call.func_name)?))
}

fn literal(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn written(name: &str, args: &[IdedExpr]) -> String {
    args.first().and_then(literal).map_or_else(|| format!("{name}()"), |arg| format!("{name}('{arg}')"))
}

fn check_function(name: &str) -> Result<(), String> {
    let operator = name.starts_with(['_', '!', '-', '@']);
    if operator || FUNCTIONS.contains(&name) { Ok(()) } else { Err(unknown("function", name)) }
}

fn unknown(what: &str, name: &str) -> String {
    let names = CATALOGUE.iter().map(|e| e.name).chain(FUNCTIONS.iter().copied());
    let near = names
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min();
    match near {
        Some((_, known)) => format!("there is no {what} `{name}`; did you mean `{known}`?"),
        None => format!("there is no {what} `{name}`; the signals are listed in the README"),
    }
}
