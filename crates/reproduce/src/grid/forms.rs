//! Messages that list the possible values of a key where serde's own message names no remedy.
//!
//! The values are found through the `Deserialize` of each type, so that no variant or field is listed here.

use std::fmt;

use datasets::photographs::LargeSet;
use datasets::{Imbalance, Selection, Validation};
use methods::{
    Augmentation, Cmo, ContrastiveTerm, CutMix, Cutout, Distillation, Experts, FeatureTransform, Head, Initial,
    InitialClassifier, LearningRate, Loss, Mixup, Nearness, Policy, Protocol, Remix, Resample, Sampler, ShotSplit,
};
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

use super::file::{DatasetEntry, RegularizerEntry, ReweightEntry, SecondStageEntry};
use super::spelling;

/// The parser's `message`, with the nearest name if it is about an unknown one.
pub(super) fn with_hint(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let (unknown, known) = (names.next().unwrap_or_default(), names.collect::<Vec<_>>());
    let hint = message.starts_with("unknown ").then(|| spelling::hint(unknown, &known));
    message.to_owned() + &hint.unwrap_or_default()
}

/// The values that `key` can have instead of the `stated` one, if the parser's `message` is about its shape.
pub(super) fn instead_of(message: &str, key: Option<&str>, stated: Option<&str>) -> Option<String> {
    let of_shape = [
        "invalid type",
        "invalid value",
        "wanted ",
        "expected table",
        "expected string",
        "variant",
    ];
    let is_of_shape = !message.starts_with("unknown ") && of_shape.iter().any(|part| message.contains(part));
    let (key, stated) = (key.filter(|_| is_of_shape)?, stated?);
    let forms = of(key)?;
    let name = stated.trim_start_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let name = name
        .split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'))
        .next();
    let of_name = forms.iter().find(|form| form.variant.is_some() && form.variant == name);
    let texts: Vec<String> = match of_name {
        Some(form) => vec![form.text.clone()],
        None => forms.into_iter().map(|form| form.text).collect(),
    };
    let one_of = if texts.len() == 1 { "" } else { "one of " };
    Some(format!(
        "`{key}` cannot be `{stated}`; write {one_of}{}",
        texts.join(", ")
    ))
}

/// The key whose value begins at byte `start` of `text`; inside a nested value, the key that begins the line. Keys of photographs are named
/// with those around them.
pub(super) fn key_before(text: &str, start: usize) -> Option<String> {
    let is_key = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let before = text.get(..start)?;
    let nearest = before.trim_end().strip_suffix('=').map(str::trim_end);
    let nearest = nearest.and_then(|before| before.rsplit(|letter| !is_key(letter)).next());
    let line = before.rsplit('\n').next()?.trim_start();
    let first = line.split(|letter| !is_key(letter)).next();
    let key = nearest.filter(|key| of(key).is_some()).or(first);
    nearest
        .and_then(|nearest| of_photographs(nearest, before))
        .or(key.map(str::to_owned))
}

/// The key `nearest` of photographs, or of what they hold out, if it comes after `before`.
fn of_photographs(nearest: &str, before: &str) -> Option<String> {
    let after = before.rsplit_once("photographs")?.1;
    let is_inside = after.matches(['{', '[']).count() >= after.matches(['}']).count();
    let key = match nearest {
        "set" | "side" | "hold_out" => format!("photographs.{nearest}"),
        "per_class" | "seed" if after.contains("hold_out") => format!("photographs.hold_out.{nearest}"),
        _ => return None,
    };
    is_inside.then_some(key)
}

/// The possible values of `key`, if they have a form.
fn of(key: &str) -> Option<Vec<Form>> {
    Some(match key {
        "dataset" => forms::<DatasetEntry>(),
        "photographs.set" => forms::<LargeSet>(),
        "photographs.side" => vec![Form::plain("a number of pixels, such as `224`")],
        "photographs.hold_out.per_class" => vec![Form::plain("a number of photographs, such as `10`")],
        "photographs.hold_out.seed" => vec![Form::plain("a whole number, such as `0`")],
        "protocol" => forms::<Protocol>(),
        "selection" => forms::<Selection>(),
        "validation" | "photographs.hold_out" => forms::<Validation>(),
        "shots" => forms::<ShotSplit>(),
        "imbalance" => lists(forms::<Imbalance>()),
        "seeds" => vec![Form::plain("a list such as `[0, 1, 2]`")],
        "methods" => vec![Form::plain("a list such as `[\"ce\", \"ldam-drw\"]`")],
        "plug_in" | "regularizer" => forms::<RegularizerEntry>(),
        "augmentation" => forms::<Augmentation>(),
        "policy" => forms::<Policy>(),
        "cutout" => forms::<Cutout>(),
        "mixup" | "manifold-mixup" | "manifold_mixup" => forms::<Mixup>(),
        "remix" => forms::<Remix>(),
        "cutmix" => forms::<CutMix>(),
        "cmo" => forms::<Cmo>(),
        "learning_rate" => forms::<LearningRate>(),
        "sampler" => forms::<Sampler>(),
        "resample" => forms::<Resample>(),
        "loss" => forms::<Loss>(),
        "reweight" => forms::<ReweightEntry>(),
        "contrast" => forms::<ContrastiveTerm>(),
        "head" => forms::<Head>(),
        "experts" => forms::<Experts>(),
        "distillation" => forms::<Distillation>(),
        "initial" => forms::<Initial>(),
        "second_stage" => forms::<SecondStageEntry>(),
        "classifier" => forms::<InitialClassifier>(),
        "features" => forms::<FeatureTransform>(),
        "nearness" => forms::<Nearness>(),
        _ => return None,
    })
}

/// A possible value.
struct Form {
    /// The variant of an enum.
    variant: Option<&'static str>,
    /// In TOML.
    text: String,
}

impl Form {
    fn plain(text: &str) -> Form {
        Form {
            variant: None,
            text: text.to_owned(),
        }
    }
}

fn lists(forms: Vec<Form>) -> Vec<Form> {
    let listed = forms.into_iter().map(|form| Form {
        text: form.text.replacen('`', "`[", 1).trim_end_matches('`').to_owned() + "]`",
        ..form
    });
    listed.collect()
}

/// All possible values of a `T`.
fn forms<T: DeserializeOwned>() -> Vec<Form> {
    match asked::<T>(None) {
        Asked::Enum(variants) => variants.iter().map(|variant| of_variant::<T>(variant)).collect(),
        Asked::Table(fields) => vec![Form::plain(&format!("`{}`", table(fields)))],
        Asked::Word | Asked::Anything => vec![Form::plain("another kind of value")],
    }
}

fn of_variant<T: DeserializeOwned>(variant: &'static str) -> Form {
    let text = match asked::<T>(Some(variant)) {
        Asked::Word => format!("`\"{variant}\"`"),
        Asked::Table(fields) => format!("`{{ {variant} = {} }}`", table(fields)),
        Asked::Enum(_) | Asked::Anything => format!("`{{ {variant} = … }}`"),
    };
    Form {
        variant: Some(variant),
        text,
    }
}

fn table(fields: &[&str]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| format!("{field} = …")).collect();
    if fields.is_empty() {
        return "{ … }".to_owned();
    }
    format!("{{ {} }}", fields.join(", "))
}

/// What a type requests of a deserializer.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// One of these variants.
    Enum(&'static [&'static str]),
    /// A table of these keys, or of any keys if none are listed.
    Table(&'static [&'static str]),
    /// A variant without values.
    Word,
    /// Anything else.
    Anything,
}

impl fmt::Display for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?}")
    }
}

impl std::error::Error for Asked {}

impl de::Error for Asked {
    fn custom<T: fmt::Display>(_: T) -> Asked {
        Asked::Anything
    }
}

/// What a `T`, or its variant `variant`, requests. No value is ever made: the request is returned as the error.
fn asked<T: DeserializeOwned>(variant: Option<&'static str>) -> Asked {
    T::deserialize(Asker { variant }).err().unwrap_or(Asked::Anything)
}

/// A deserializer without data that records what is requested of it.
struct Asker {
    variant: Option<&'static str>,
}

impl<'de> Deserializer<'de> for Asker {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked::Anything)
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked::Table(&[]))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Asked> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked::Table(fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Asked> {
        match self.variant {
            None => Err(Asked::Enum(variants)),
            Some(variant) => visitor.visit_enum(Arm(variant)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct identifier ignored_any
    }
}

/// A variant of an enum whose values are requested.
struct Arm(&'static str);

impl<'de> EnumAccess<'de> for Arm {
    type Error = Asked;
    type Variant = Values;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Values), Asked> {
        let name: StrDeserializer<'_, Asked> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, Values))
    }
}

struct Values;

impl<'de> VariantAccess<'de> for Values {
    type Error = Asked;

    fn unit_variant(self) -> Result<(), Asked> {
        Err(Asked::Word)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Asked> {
        seed.deserialize(Asker { variant: None })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Asked> {
        Err(Asked::Anything)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], _: V) -> Result<V::Value, Asked> {
        Err(Asked::Table(fields))
    }
}
