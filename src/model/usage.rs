//! Tokens and money, as the agent reported them. Whatever was told, the numbers kept here are
//! finite, not negative and bounded: a sum of them is never infinite and lifts nobody's budget.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// No count of tokens is believed beyond that.
pub const MAX_TOKENS: u64 = 1_000_000_000_000;
/// No cost is believed beyond that.
pub const MAX_USD: f64 = 1e6;

/// Tokens by kind, and US dollars where the agent tells them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    #[serde(default, deserialize_with = "read_tokens")]
    pub input_tokens: u64,
    #[serde(default, deserialize_with = "read_tokens")]
    pub output_tokens: u64,
    #[serde(default, deserialize_with = "read_tokens")]
    pub cache_creation_tokens: u64,
    #[serde(default, deserialize_with = "read_tokens")]
    pub cache_read_tokens: u64,
    #[serde(default, deserialize_with = "read_usd")]
    pub usd: Option<f64>,
}

/// What an agent used, as a record has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordedUsage {
    #[serde(flatten)]
    pub known: Usage,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl From<Usage> for RecordedUsage {
    fn from(known: Usage) -> Self {
        Self { known, extra: BTreeMap::new() }
    }
}

/// A told count of tokens, whole and within bounds; what is no finite number counts nothing.
pub fn tokens(told: f64) -> u64 {
    // A negative number becomes 0, one out of range the nearest there is.
    if told.is_finite() { (told.trunc() as u64).min(MAX_TOKENS) } else { 0 }
}

/// A told cost within bounds; `None` for what is no cost: no finite number, or less than nothing.
pub fn dollars(told: f64) -> Option<f64> {
    (told.is_finite() && told >= 0.0).then(|| told.min(MAX_USD))
}

impl Usage {
    pub fn total_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.output_tokens)
            .saturating_add(self.cache_creation_tokens)
            .saturating_add(self.cache_read_tokens)
    }

    /// The same within bounds, wherever it comes from.
    #[must_use]
    pub fn bounded(self) -> Self {
        Self {
            input_tokens: self.input_tokens.min(MAX_TOKENS),
            output_tokens: self.output_tokens.min(MAX_TOKENS),
            cache_creation_tokens: self.cache_creation_tokens.min(MAX_TOKENS),
            cache_read_tokens: self.cache_read_tokens.min(MAX_TOKENS),
            usd: self.usd.and_then(dollars),
        }
    }

    /// What this reading of a running total has more than an earlier one.
    #[must_use]
    pub fn minus(&self, earlier: &Usage) -> Usage {
        let less = |now: u64, then: u64| now.saturating_sub(then);
        Usage {
            input_tokens: less(self.input_tokens, earlier.input_tokens),
            output_tokens: less(self.output_tokens, earlier.output_tokens),
            cache_creation_tokens: less(self.cache_creation_tokens, earlier.cache_creation_tokens),
            cache_read_tokens: less(self.cache_read_tokens, earlier.cache_read_tokens),
            usd: self.usd.map(|usd| (usd - earlier.usd.unwrap_or(0.0)).max(0.0)),
        }
    }

    /// The sum of two separate amounts (never of two readings of one running total), within bounds.
    pub fn plus(&self, other: &Usage) -> Usage {
        let (a, b) = (self.bounded(), other.bounded());
        let sum = Usage {
            input_tokens: a.input_tokens + b.input_tokens,
            output_tokens: a.output_tokens + b.output_tokens,
            cache_creation_tokens: a.cache_creation_tokens + b.cache_creation_tokens,
            cache_read_tokens: a.cache_read_tokens + b.cache_read_tokens,
            usd: match (a.usd, b.usd) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
            },
        };
        sum.bounded()
    }
}

fn read_tokens<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_f64().map_or(0, tokens))
}

fn read_usd<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_f64().and_then(dollars))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_numbers_are_whole_not_negative_and_bounded() {
        for (told, count) in [
            (0.0, 0),
            (12.0, 12),
            (12.9, 12),
            (-5.0, 0),
            (f64::NAN, 0),
            (f64::INFINITY, 0),
            (f64::NEG_INFINITY, 0),
            (1.7e308, MAX_TOKENS),
        ] {
            assert_eq!(tokens(told), count, "{told}");
        }
        for (told, usd) in [
            (0.25, Some(0.25)),
            (-1_000_000.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1.7e308, Some(MAX_USD)),
        ] {
            assert_eq!(dollars(told), usd, "{told}");
        }
    }

    #[test]
    fn a_number_that_is_none_costs_no_other_number() {
        let read = |text: &str| serde_json::from_str::<Usage>(text).unwrap();
        let expected = Usage { output_tokens: 7, usd: Some(0.5), ..Usage::default() };
        for bad in ["null", "-3", "\"many\"", "{}", "0.4"] {
            let text = format!(r#"{{"input_tokens": {bad}, "output_tokens": 7, "usd": 0.5}}"#);
            assert_eq!(read(&text), expected, "{text}");
        }
        for bad in ["null", "-1000000", "\"much\""] {
            let text = format!(r#"{{"output_tokens": 7, "usd": {bad}}}"#);
            assert_eq!(read(&text), Usage { usd: None, ..expected }, "{text}");
        }
        assert_eq!(read(r#"{"usd": 1.7e308}"#).usd, Some(MAX_USD));
    }

    #[test]
    fn sums_stay_finite() {
        let huge = Usage { input_tokens: u64::MAX, usd: Some(1.7e308), ..Usage::default() };
        let sum = huge.plus(&huge);
        assert_eq!((sum.input_tokens, sum.usd), (MAX_TOKENS, Some(MAX_USD)));
        let refund = Usage { usd: Some(-1e6), ..Usage::default() };
        assert_eq!(refund.plus(&Usage { usd: Some(2.0), ..Usage::default() }).usd, Some(2.0));
    }
}
