//! The shapes of Claude Code's lines, borrowed from the line. Only what is needed, and only the
//! message is parsed at once.

use crate::model::usage;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// One line. `M` is what is made of the message: it is the bulk of the stream and parsed in the
/// same pass, all else only where it is needed.
#[derive(Deserialize)]
#[serde(bound(deserialize = "M: Deserialize<'de>"))]
pub(super) struct Entry<'a, M> {
    pub message: Option<M>,
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub subtype: Field<'a>,
    #[serde(borrow, default)]
    pub session_id: Field<'a>,
    #[serde(borrow, default)]
    pub model: Field<'a>,
    #[serde(borrow, default)]
    pub parent_tool_use_id: Field<'a>,
    #[serde(borrow, default)]
    pub rate_limit_info: Field<'a>,
    #[serde(borrow, default)]
    pub attempt: Field<'a>,
    #[serde(borrow, default)]
    pub max_retries: Field<'a>,
    #[serde(borrow, default)]
    pub error_status: Field<'a>,
    #[serde(borrow, default)]
    pub error: Field<'a>,
    #[serde(borrow, default)]
    pub status: Field<'a>,
    #[serde(borrow, default)]
    pub tool_name: Field<'a>,
    #[serde(borrow, default)]
    pub tool_use_id: Field<'a>,
    #[serde(borrow, default)]
    pub is_error: Field<'a>,
    #[serde(borrow, default)]
    pub result: Field<'a>,
    #[serde(borrow, default)]
    pub errors: Field<'a>,
    #[serde(borrow, default)]
    pub total_cost_usd: Field<'a>,
    #[serde(borrow, default)]
    pub usage: Field<'a>,
    #[serde(borrow, default, rename = "modelUsage")]
    pub model_usage: Field<'a>,
    #[serde(borrow, default)]
    pub permission_denials: Field<'a>,
    #[serde(borrow, default)]
    pub api_error_status: Field<'a>,
    #[serde(borrow, default)]
    pub api_error_type: Field<'a>,
}

/// A value not looked at yet.
#[derive(Deserialize, Default, Clone, Copy)]
#[serde(transparent)]
pub(super) struct Field<'a>(#[serde(borrow)] pub Option<&'a RawValue>);

impl<'a> Field<'a> {
    /// The value, when it is there and of that shape.
    pub fn get<T: Deserialize<'a>>(self) -> Option<T> {
        serde_json::from_str(self.0?.get()).ok()
    }

    pub fn text(self) -> Option<Cow<'a, str>> {
        self.get::<Text>().map(|text| text.0)
    }

    /// A told count of tokens; what is not a number counts nothing.
    pub fn tokens(self) -> u64 {
        self.number().map_or(0, usage::tokens)
    }

    /// A told cost.
    pub fn dollars(self) -> Option<f64> {
        self.number().and_then(usage::dollars)
    }

    /// As a program printed it: `1e999` is infinite here, and no error.
    fn number(self) -> Option<f64> {
        let raw = self.0?.get();
        if raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) { raw.parse().ok() } else { None }
    }

    pub fn is_some(self) -> bool {
        self.0.is_some_and(|raw| raw.get() != "null")
    }
}

/// Borrowed unless it holds an escape.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub content: Blocks<'a>,
}

/// The blocks of a message; plain text instead of blocks is none of them.
#[derive(Default)]
pub(super) struct Blocks<'a>(pub Vec<Block<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Blocks<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlocksVisitor<'a>(PhantomData<Blocks<'a>>);

        impl<'de: 'a, 'a> Visitor<'de> for BlocksVisitor<'a> {
            type Value = Blocks<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or content blocks")
            }

            fn visit_str<E>(self, _text: &str) -> Result<Self::Value, E> {
                Ok(Blocks::default())
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Blocks::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
                let mut blocks = Vec::new();
                while let Some(block) = sequence.next_element()? {
                    blocks.push(block);
                }
                Ok(Blocks(blocks))
            }
        }

        deserializer.deserialize_any(BlocksVisitor(PhantomData))
    }
}

#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub text: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub input: Field<'a>,
    #[serde(borrow, default)]
    pub content: Field<'a>,
    #[serde(default)]
    pub is_error: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct ToolInput<'a> {
    #[serde(borrow, default)]
    pub command: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub file_path: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub notebook_path: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LimitInfo<'a> {
    #[serde(borrow)]
    pub status: Cow<'a, str>,
    #[serde(borrow, default)]
    pub resets_at: Field<'a>,
    #[serde(borrow, default)]
    pub rate_limit_type: Field<'a>,
    #[serde(borrow, default)]
    pub utilization: Field<'a>,
    #[serde(borrow, default)]
    pub is_using_overage: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct Denial<'a> {
    #[serde(borrow)]
    pub tool_name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub tool_use_id: Field<'a>,
}

/// Of one round.
#[derive(Deserialize)]
pub(super) struct RoundUsage<'a> {
    #[serde(borrow, default)]
    pub input_tokens: Field<'a>,
    #[serde(borrow, default)]
    pub output_tokens: Field<'a>,
    #[serde(borrow, default)]
    pub cache_creation_input_tokens: Field<'a>,
    #[serde(borrow, default)]
    pub cache_read_input_tokens: Field<'a>,
}

/// Of the whole session, per model.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModelUsage<'a> {
    #[serde(borrow, default)]
    pub input_tokens: Field<'a>,
    #[serde(borrow, default)]
    pub output_tokens: Field<'a>,
    #[serde(borrow, default)]
    pub cache_creation_input_tokens: Field<'a>,
    #[serde(borrow, default)]
    pub cache_read_input_tokens: Field<'a>,
}
