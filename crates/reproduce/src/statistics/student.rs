//! Student's t distribution.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// With `freedom` degrees of freedom, above 0.
fn distribution(freedom: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, freedom).expect("degrees of freedom above 0")
}

/// Probability of a |t| as large as this one.
pub(crate) fn two_sided(t: f64, freedom: f64) -> f64 {
    (2.0 * distribution(freedom).cdf(-t.abs())).min(1.0)
}

/// The |t| that a share of 5 % exceeds.
pub(crate) fn critical(freedom: f64) -> f64 {
    distribution(freedom).inverse_cdf(0.975)
}
