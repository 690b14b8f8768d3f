//! The name of an imbalance on the command line.

use std::fmt;
use std::str::FromStr;

use datasets::Imbalance;

/// The ratio of an imbalance, or `natural` for one without a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ratio {
    Number(f64),
    Natural,
}

impl Ratio {
    pub(crate) fn of(imbalance: Imbalance) -> Ratio {
        imbalance.ratio().map_or(Ratio::Natural, Ratio::Number)
    }
}

/// As on the command line.
impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ratio::Number(ratio) => ratio.fmt(formatter),
            Ratio::Natural => Imbalance::Natural.fmt(formatter),
        }
    }
}

impl FromStr for Ratio {
    type Err = String;

    fn from_str(text: &str) -> Result<Ratio, String> {
        let name = text.trim();
        if name == Imbalance::Natural.kind() {
            return Ok(Ratio::Natural);
        }
        let number = name.parse().map(Ratio::Number);
        number.map_err(|_| format!("`{text}` is not a ratio; give a number such as 100, or natural"))
    }
}
