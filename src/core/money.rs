//! Money and tokens: integer micro-dollars, a dated price table, and sums that add up.
//!
//! Knows how to price a model call, how to group models into families, and how to round parts so that
//! what is shown always adds up to the total that is shown. Never guesses: a call without a price is
//! counted as unpriced.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Bound, Sub};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Micro-dollars: one millionth of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// What of a difference is worth telling: a cent or more; less is rounding.
    #[must_use]
    pub const fn worth_telling(self) -> Self {
        if self.0.unsigned_abs() < 10_000 { Self(0) } else { self }
    }

    /// Reads a decimal amount of dollars such as `0.089`, rounding half away from zero at one micro-dollar.
    ///
    /// # Errors
    /// Refuses what is not a plain decimal number or does not fit.
    pub fn parse_dollars(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is not an amount in dollars such as 0.089");
        let trimmed = text.trim();
        if trimmed.contains(['e', 'E']) {
            let value: f64 = trimmed.parse().map_err(|_| refuse())?;
            return Self::from_dollars(value).ok_or_else(refuse);
        }
        let (negative, digits) = match trimmed.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, trimmed),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return Err(refuse());
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| refuse())? };
        let mut micros: i64 = 0;
        for place in 0..6 {
            let digit = fraction.as_bytes().get(place).map_or(0, |b| i64::from(b - b'0'));
            micros = micros * 10 + digit;
        }
        if fraction.as_bytes().get(6).is_some_and(|b| *b >= b'5') {
            micros += 1;
        }
        let total = whole.checked_mul(1_000_000).and_then(|w| w.checked_add(micros)).ok_or_else(refuse)?;
        Ok(Self(if negative { -total } else { total }))
    }

    /// Rounds an amount in dollars; `None` when it is not finite or too large.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let micros = (dollars * 1e6).round();
        (micros.is_finite() && micros.abs() < 9e18).then_some(Self(micros as i64))
    }

    /// Dollars as a float, for rule conditions only.
    #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^52 micro-dollars")]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Whole cents, rounded half away from zero.
    pub const fn cents(self) -> i64 {
        let half = if self.0 < 0 { -5_000 } else { 5_000 };
        self.0.saturating_add(half) / 10_000
    }
}

impl Add for Micros {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Micros {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Micros {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Micros {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

/// `$1.85`; below one cent up to six places so that small amounts do not read as nothing.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        if amount == 0 || amount >= 10_000 {
            let cents = self.cents().unsigned_abs();
            return write!(f, "{sign}${}.{:02}", cents / 100, cents % 100);
        }
        let places = format!("{amount:06}");
        write!(f, "{sign}$0.{}", places.trim_end_matches('0'))
    }
}

/// Rounds `parts` to whole cents by the largest remainder, so that they add up to the rounded total.
///
/// Returns the cents of each part, in order, and the cents of the total.
pub fn apportion_cents(parts: &[Micros]) -> (Vec<i64>, i64) {
    let total = parts.iter().copied().sum::<Micros>().cents();
    let weights: Vec<i64> = parts.iter().map(|m| m.0).collect();
    (largest_remainder(&weights, 10_000, total), total)
}

/// Whole percentages of `parts` by the largest remainder: they add up to 100 unless everything is zero.
pub fn percentages(parts: &[Micros]) -> Vec<i64> {
    let whole: i128 = parts.iter().map(|m| i128::from(m.0.max(0))).sum();
    if whole == 0 {
        return vec![0; parts.len()];
    }
    let scaled: Vec<i64> = parts
        .iter()
        .map(|m| {
            let share = i128::from(m.0.max(0)) * 100_000_000 / whole;
            i64::try_from(share).unwrap_or(i64::MAX)
        })
        .collect();
    largest_remainder(&scaled, 1_000_000, 100)
}

fn largest_remainder(weights: &[i64], unit: i64, total: i64) -> Vec<i64> {
    let mut shares: Vec<i64> = weights.iter().map(|w| w.div_euclid(unit)).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(weights[i].rem_euclid(unit)), i));
    let missing = total - shares.iter().sum::<i64>();
    // Each share has lost less than one unit, so more can be missing only where a sum was saturated.
    for &i in order.iter().take(usize::try_from(missing).unwrap_or(0)) {
        shares[i] += 1;
    }
    shares
}

/// What a model call used. All counts are tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Tokens read at the full input price.
    pub input: u64,
    /// Tokens written.
    pub output: u64,
    /// Tokens read from a prompt cache.
    pub cache_read: u64,
    /// Tokens written to a prompt cache.
    pub cache_write: u64,
}

impl Tokens {
    /// All tokens together.
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.output).saturating_add(self.cache_read).saturating_add(self.cache_write)
    }

    /// What `self` has more than `before`, never negative; used when a runtime reports running totals.
    #[must_use]
    pub const fn beyond(&self, before: &Self) -> Self {
        Self {
            input: self.input.saturating_sub(before.input),
            output: self.output.saturating_sub(before.output),
            cache_read: self.cache_read.saturating_sub(before.cache_read),
            cache_write: self.cache_write.saturating_sub(before.cache_write),
        }
    }
}

impl Tokens {
    /// What `self` tells that `other` has not told of the same calls. Which of the tokens that were read were cached is
    /// not known to everybody, so that only their sum is compared.
    #[must_use]
    pub const fn not_within(&self, other: &Self) -> Self {
        let grown = self.beyond(other);
        let more = self.read().saturating_sub(other.read());
        let input = if grown.input < more { grown.input } else { more };
        let rest = more - input;
        let cache_read = if grown.cache_read < rest { grown.cache_read } else { rest };
        Self { input, output: grown.output, cache_read, cache_write: rest - cache_read }
    }

    /// Tokens that were read, from a cache or not.
    const fn read(&self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
    }
}

/// Calls, tokens and money of something, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Model calls.
    pub calls: u64,
    /// Calls for which no price is known; their cost is not in `cost`.
    pub unpriced: u64,
    /// Tokens of all calls.
    pub tokens: Tokens,
    /// Cost of all priced calls.
    pub cost: Micros,
}

impl Sum for Sums {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), |mut all, sums| {
            all += sums;
            all
        })
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.tokens += other.tokens;
        self.cost += other.cost;
    }
}

/// Price of a model in micro-dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Input tokens.
    pub input: i64,
    /// Output tokens.
    pub output: i64,
    /// Tokens read from cache; the input price where the vendor names none.
    pub cache_read: i64,
    /// Tokens written to cache; the input price where the vendor names none.
    pub cache_write: i64,
}

impl Price {
    /// Price from dollars per million tokens.
    pub fn per_million(input: f64, output: f64, read: Option<f64>, write: Option<f64>) -> Option<Self> {
        let micros = |dollars: f64| Micros::from_dollars(dollars).map(|m| m.0);
        Some(Self {
            input: micros(input)?,
            output: micros(output)?,
            cache_read: micros(read.unwrap_or(input))?,
            cache_write: micros(write.unwrap_or(input))?,
        })
    }

    /// Cost of `tokens`, rounded half up at one micro-dollar.
    pub fn cost(&self, tokens: &Tokens) -> Micros {
        let part = |count: u64, price: i64| i128::from(count) * i128::from(price);
        let pico = part(tokens.input, self.input)
            + part(tokens.output, self.output)
            + part(tokens.cache_read, self.cache_read)
            + part(tokens.cache_write, self.cache_write);
        Micros(i64::try_from((pico + 500_000) / 1_000_000).unwrap_or(i64::MAX))
    }
}

/// What the price table says of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The family under which people group it, such as `Claude`.
    pub family: &'a str,
    /// The name to show, such as `Claude Sonnet`.
    pub label: &'a str,
    /// Its price, when known.
    pub price: Option<Price>,
}

#[derive(Deserialize)]
struct PriceFile {
    as_of: String,
    model: Vec<PriceRow>,
}

#[derive(Deserialize)]
struct PriceRow {
    prefix: String,
    family: String,
    label: String,
    input: Option<f64>,
    output: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
}

struct PriceTable {
    as_of: String,
    /// By prefix; looked up longest first.
    rows: BTreeMap<String, (String, String, Option<Price>)>,
}

impl PriceTable {
    /// The row whose prefix is the longest that `key` begins with.
    fn longest_prefix(&self, key: &str) -> Option<&(String, String, Option<Price>)> {
        let mut rest = key;
        loop {
            // Whatever `rest` begins with sorts before it, and the longest such prefix comes last; what sorts
            // between them shares less with `rest`, so nothing longer than what is shared can be found.
            let (prefix, row) = self.rows.range::<str, _>((Bound::Unbounded, Bound::Included(rest))).next_back()?;
            let shared = prefix.bytes().zip(rest.bytes()).take_while(|(a, b)| a == b).count();
            if shared == prefix.len() {
                return Some(row);
            }
            rest = &rest[..rest.floor_char_boundary(shared)];
        }
    }
}

static PRICES: LazyLock<PriceTable> = LazyLock::new(|| {
    let file: PriceFile = toml::from_str(include_str!("prices.toml")).expect("the embedded price table is valid");
    let rows = file.model.into_iter().map(|row| {
        let price = row
            .input
            .zip(row.output)
            .and_then(|(input, output)| Price::per_million(input, output, row.cache_read, row.cache_write));
        (row.prefix, (row.family, row.label, price))
    });
    PriceTable { as_of: file.as_of, rows: rows.collect() }
});

/// The date of the built-in price table, `YYYY-MM-DD`.
pub fn prices_as_of() -> &'static str {
    &PRICES.as_of
}

/// Looks `model` up in the built-in table, without its vendor prefix (`anthropic/…`).
///
/// A name that ends in `:free` costs nothing, whatever the table says. An unknown model is its own family.
pub fn look_up(model: &str) -> Listed<'_> {
    let bare = model.rsplit('/').next().unwrap_or(model);
    let key = if bare.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(bare.to_ascii_lowercase())
    } else {
        Cow::Borrowed(bare)
    };
    let free = key.ends_with(":free");
    let found = PRICES.longest_prefix(&key);
    let listed = found.map_or(Listed { family: bare, label: bare, price: None }, |(family, label, price)| Listed {
        family,
        label,
        price: *price,
    });
    if free {
        let nothing = Price { input: 0, output: 0, cache_read: 0, cache_write: 0 };
        return Listed { price: Some(nothing), ..listed };
    }
    listed
}
