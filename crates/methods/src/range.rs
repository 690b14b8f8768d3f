//! Ranges of the numbers that parts accept.

/// A number out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{name}` is {value}; set it to {expected}")]
pub struct OutOfRange {
    /// Key or option, with or without its part.
    pub name: &'static str,
    /// The value given.
    pub value: f64,
    /// The range.
    pub expected: &'static str,
}

impl OutOfRange {
    /// The key, without its part.
    pub fn key(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }
}

/// Refuses `value` unless the condition `holds`; `expected` describes its range.
///
/// # Errors
/// [`OutOfRange`].
pub fn require(name: &'static str, value: f64, holds: bool, expected: &'static str) -> Result<(), OutOfRange> {
    if holds {
        Ok(())
    } else {
        Err(OutOfRange { name, value, expected })
    }
}

/// In \[0, 1).
pub(crate) fn share(name: &'static str, value: f64) -> Result<(), OutOfRange> {
    require(name, value, (0.0..1.0).contains(&value), "0 or more, below 1")
}

/// Above 0.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<(), OutOfRange> {
    require(name, value, value.is_finite() && value > 0.0, "a number above 0")
}

/// 0 or above.
pub(crate) fn not_negative(name: &'static str, value: f64) -> Result<(), OutOfRange> {
    require(name, value, is_not_negative(value), "a number, 0 or above")
}

/// In \[0, 1\].
pub(crate) fn zero_to_one(name: &'static str, value: f64) -> Result<(), OutOfRange> {
    require(name, value, (0.0..=1.0).contains(&value), "0 to 1")
}

/// A 0-based epoch.
pub(crate) fn start(name: &'static str, epoch: i64) -> Result<(), OutOfRange> {
    require(name, epoch as f64, epoch >= 0, "0 or a later epoch")
}

/// Whether it is 0 or above, and finite.
pub(crate) fn is_not_negative(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}
