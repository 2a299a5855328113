//! What a run may spend on a model, and what it did spend, by stage.
//!
//! Before a request goes out, the most that it can cost is set aside; so requests in flight cannot pass the cap together.
//! An answer from the journal costs nothing and is counted apart.

use super::answer::Answer;
use super::settings::{ModelSettings, Price};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What requests have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Requests answered.
    pub answers: u64,
    /// Of these, answered by the journal.
    pub replayed: u64,
    /// Tokens read, as paid for now.
    pub input_tokens: u64,
    /// Tokens written, as paid for now.
    pub output_tokens: u64,
    /// Money.
    pub cost: f64,
    /// Time that the endpoint took, added up over requests.
    pub seconds: f64,
}

impl std::ops::Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            answers: self.answers + other.answers,
            replayed: self.replayed + other.replayed,
            input_tokens: self.input_tokens + other.input_tokens,
            output_tokens: self.output_tokens + other.output_tokens,
            cost: self.cost + other.cost,
            seconds: self.seconds + other.seconds,
        }
    }
}

/// What each stage spent, by its name.
pub type StageUsage = BTreeMap<String, Spent>;

/// Tokens and money.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Amount {
    tokens: u64,
    cost: f64,
}

/// The purse of one model.
#[derive(Debug)]
pub(super) struct Budget {
    price: Price,
    max_tokens: Option<u64>,
    max_cost: Option<f64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    set_aside: Amount,
    stages: StageUsage,
}

impl Budget {
    pub(super) fn new(settings: &ModelSettings) -> Self {
        let ModelSettings { price, max_tokens, max_cost, .. } = settings;
        Self { price: *price, max_tokens: *max_tokens, max_cost: *max_cost, state: Mutex::default() }
    }

    /// Sets aside the most that a request of so many bytes can cost; the error says which cap it would pass.
    pub(super) fn set_aside(&self, bytes: usize, max_output: Option<u64>) -> Result<Amount, String> {
        // A token has about four letters, and never less than one; two is a careful guess for code and Chinese.
        let input = (bytes as u64).div_ceil(2);
        let output = max_output.unwrap_or(0);
        let cost = self.cost(input, 0, output);
        let most = Amount { tokens: input + output, cost };
        let mut state = self.lock();
        let spent = total(&state.stages);
        if let Some(cap) = self.max_tokens {
            let used = spent.input_tokens + spent.output_tokens;
            if used + state.set_aside.tokens + most.tokens > cap {
                return Err(format!(
                    "{used} of {cap} tokens are used, and the next request may pass the cap"
                ));
            }
        }
        if let Some(cap) = self.max_cost
            && spent.cost + state.set_aside.cost + most.cost > cap
        {
            let used = spent.cost;
            return Err(format!("{used:.4} of {cap} are spent, and the next request may pass the cap"));
        }
        state.set_aside.tokens += most.tokens;
        state.set_aside.cost += most.cost;
        Ok(most)
    }

    /// Gives back what was set aside.
    pub(super) fn give_back(&self, amount: Amount) {
        let mut state = self.lock();
        state.set_aside.tokens = state.set_aside.tokens.saturating_sub(amount.tokens);
        state.set_aside.cost = (state.set_aside.cost - amount.cost).max(0.0);
    }

    /// Counts an answer.
    pub(super) fn count(&self, stage: &str, answer: &Answer, seconds: f64) {
        let mut state = self.lock();
        if !state.stages.contains_key(stage) {
            state.stages.insert(stage.to_owned(), Spent::default());
        }
        let Some(spent) = state.stages.get_mut(stage) else { return };
        spent.answers += 1;
        if answer.replayed {
            spent.replayed += 1;
            return;
        }
        spent.input_tokens += answer.usage.input_tokens;
        spent.output_tokens += answer.usage.output_tokens;
        spent.cost += self.cost(answer.usage.input_tokens, answer.cached_tokens, answer.usage.output_tokens);
        spent.seconds += seconds;
    }

    pub(super) fn stages(&self) -> StageUsage {
        self.lock().stages.clone()
    }

    fn cost(&self, input: u64, cached: u64, output: u64) -> f64 {
        let cached = cached.min(input);
        let of_cached = self.price.cached.unwrap_or(self.price.input);
        let sum = (input - cached) as f64 * self.price.input
            + cached as f64 * of_cached
            + output as f64 * self.price.output;
        sum / 1e6
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Over all stages.
pub(super) fn total(stages: &StageUsage) -> Spent {
    stages.values().fold(Spent::default(), |sum, one| sum + *one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use astra_protocol::Usage;

    fn budget(max_tokens: Option<u64>, max_cost: Option<f64>) -> Budget {
        let price = Price { input: 1.0, output: 10.0, cached: Some(0.1) };
        Budget::new(&ModelSettings { price, max_tokens, max_cost, ..ModelSettings::at("http://x/v1", "m") })
    }

    fn answer(input: u64, output: u64) -> Answer {
        let usage = Usage { input_tokens: input, output_tokens: output };
        Answer { usage, cached_tokens: 10, ..Answer::default() }
    }

    #[test]
    fn requests_in_flight_cannot_pass_the_cap_together() {
        let budget = budget(Some(1000), None);
        let first = budget.set_aside(400, Some(300)).unwrap();
        let error = budget.set_aside(800, Some(300)).unwrap_err();
        assert!(error.contains("0 of 1000 tokens"), "{error}");
        budget.give_back(first);
        budget.count("a", &answer(200, 100), 1.0);
        budget.set_aside(800, Some(300)).unwrap();
        assert!(budget.set_aside(0, Some(1)).unwrap_err().contains("300 of 1000"));
    }

    #[test]
    fn money_is_counted_by_stage_and_the_journal_is_free() {
        let budget = budget(None, Some(0.002));
        budget.count("a", &answer(110, 100), 0.5);
        budget.count("b", &Answer { replayed: true, ..answer(1000, 1000) }, 0.0);
        let stages = budget.stages();
        assert!((stages["a"].cost - (100.0 + 1.0 + 1000.0) / 1e6).abs() < 1e-12);
        assert_eq!((stages["b"].answers, stages["b"].replayed, stages["b"].input_tokens), (1, 1, 0));
        assert!(budget.set_aside(10, Some(100)).unwrap_err().contains("of 0.002 are spent"));
    }
}
