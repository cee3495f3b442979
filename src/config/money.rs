//! What models cost and what may be spent: the sections `[prices]` and `[budgets]`, and what is wrong with them.
//!
//! Knows dollars as they are written; what they are worth inside is the core's.

use serde::{Deserialize, Serialize};

use crate::core::calendar::Unit;
use crate::core::money::{self, Micros};
use crate::core::policy::BudgetSpec;

/// `[prices."MODEL"]`, dollars per million tokens.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub input: f64,
    pub output: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
}

impl Price {
    /// The price as the core knows it; none when it is no number of dollars.
    pub fn in_force(&self) -> Option<money::Price> {
        money::Price::per_million(self.input, self.output, self.cache_read, self.cache_write)
    }
}

/// `[budgets.NAME]`, dollars.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_week: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_month: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Budget {
    /// The budget as the core knows it.
    ///
    /// # Errors
    /// What is wrong with it, with the remedy.
    pub fn spec(&self) -> Result<BudgetSpec, &'static str> {
        let limits = [(Unit::Day, self.per_day), (Unit::Week, self.per_week), (Unit::Month, self.per_month)];
        let mut said = limits.into_iter().filter_map(|(per, dollars)| Some((per, dollars?)));
        let (Some((per, dollars)), None) = (said.next(), said.next()) else {
            return Err(
                "a budget has one of per_day, per_week and per_month; write one of each kind as a budget of its own",
            );
        };
        let limit = Micros::from_dollars(dollars).filter(|limit| *limit > Micros(0));
        let Some(limit) = limit else { return Err("a budget is an amount of dollars above 0, such as 20.0") };
        if self.agent.is_some() && self.model.is_some() {
            return Err("a budget is for an agent or for a family of models; write two budgets for both");
        }
        Ok(BudgetSpec { limit, per, agent: self.agent.clone(), model: self.model.clone() })
    }
}
