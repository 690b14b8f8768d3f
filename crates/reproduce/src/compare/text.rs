//! Comparisons as a table for people and as CSV. Accuracies become points, hundredths, only here.

use std::fmt::Write;

use super::comparison::{Comparison, Verdict};
use crate::markdown::{aligned, cell};

const HEADER: [&str; 9] = [
    "imbalance",
    "method",
    "compared with",
    "accuracy",
    "difference",
    "95 % interval",
    "could show",
    "Welch",
    "verdict",
];

/// A table, and what its columns mean.
pub(super) fn markdown(comparisons: &[Comparison]) -> String {
    let rows = comparisons.iter().flat_map(|comparison| {
        comparison.cells.iter().map(|cell_of| {
            let points = 100.0 * cell_of.difference.mean;
            let margin = 100.0 * cell_of.difference.detectable();
            let welch = cell_of.welch.map_or("—".to_owned(), |welch| {
                format!("t {:.2}, {:.1} df, p {:.3}", welch.t, welch.freedom, welch.p)
            });
            vec![
                comparison.imbalance.clone(),
                cell(&comparison.left),
                cell(&comparison.right),
                cell_of.measure.name().to_owned(),
                format!("{points:+.2}"),
                format!("{:+.2} to {:+.2}", points - margin, points + margin),
                format!("{margin:.2}"),
                welch,
                verdict(cell_of.verdict, comparison.is_of_networks()),
            ]
        })
    });
    let mut text = aligned(&HEADER, rows, 4);
    text += "\nDifferences are in points of accuracy after the last epoch, the method less the one it is compared with. The interval is of seeds \
             and test images together (two-level bootstrap, Student's t); *could show* is the smallest difference that this many \
             seeds could have shown in a comparison of its own. Verdicts hold for all comparisons of this table at once (Holm, 5 %).\n";
    for comparison in comparisons {
        let names = format!(
            "{} and {} at {}",
            comparison.left, comparison.right, comparison.imbalance
        );
        let (left, right) = (&comparison.seeds.0, &comparison.seeds.1);
        let seeds = if left == right {
            format!("seeds {}", joined(left))
        } else {
            format!("seeds {} against {}", joined(left), joined(right))
        };
        let pairing = match &comparison.unpaired {
            None => "paired".to_owned(),
            Some(reason) => format!("unpaired: {reason}"),
        };
        let scope = if comparison.is_of_networks() {
            "; one seed says something about these two networks (McNemar's test for top-1), not about the methods"
        } else {
            ""
        };
        let remarks = comparison.remarks.iter().map(|remark| format!("; {remark}"));
        let remarks: String = remarks.collect();
        writeln!(text, "\n- {names}: {seeds}, {pairing}{remarks}{scope}.").expect("a string takes all");
    }
    text
}

/// The same as CSV, accuracies in 0..1.
pub(super) fn csv(comparisons: &[Comparison]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "imbalance",
        "method",
        "compared_with",
        "seeds",
        "compared_seeds",
        "paired",
        "accuracy",
        "difference",
        "low",
        "high",
        "could_show",
        "p",
        "welch_t",
        "welch_freedom",
        "welch_p",
        "verdict",
    ])?;
    for comparison in comparisons {
        for cell in &comparison.cells {
            let (mean, margin) = (cell.difference.mean, cell.difference.detectable());
            let welch = |value: fn(&crate::statistics::welch::Welch) -> f64| {
                cell.welch
                    .as_ref()
                    .map_or(String::new(), |welch| value(welch).to_string())
            };
            writer.write_record([
                comparison.imbalance.clone(),
                comparison.left.clone(),
                comparison.right.clone(),
                joined(&comparison.seeds.0),
                joined(&comparison.seeds.1),
                comparison.unpaired.is_none().to_string(),
                cell.measure.name().to_owned(),
                mean.to_string(),
                (mean - margin).to_string(),
                (mean + margin).to_string(),
                margin.to_string(),
                number(cell.p),
                welch(|welch| welch.t),
                welch(|welch| welch.freedom),
                cell.welch.as_ref().map_or(String::new(), |welch| number(welch.p)),
                verdict(cell.verdict, comparison.is_of_networks()),
            ])?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// A p value with all its digits, and with an exponent where it would begin with a row of zeros.
fn number(p: f64) -> String {
    if p > 0.0 && p < 1e-4 {
        format!("{p:e}")
    } else {
        p.to_string()
    }
}

fn verdict(verdict: Verdict, is_of_networks: bool) -> String {
    if is_of_networks && verdict != Verdict::Undecided {
        format!("{}, these networks", verdict.name())
    } else {
        verdict.name().to_owned()
    }
}

fn joined(seeds: &[i64]) -> String {
    let seeds: Vec<String> = seeds.iter().map(i64::to_string).collect();
    seeds.join(" ")
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_small_p_value_has_an_exponent_and_keeps_its_digits() {
        let texts = [1.0, 0.0125, 1.25e-4, 6.25e-5, 1e-300, 0.0].map(number);
        assert_eq!(texts, ["1", "0.0125", "0.000125", "6.25e-5", "1e-300", "0"]);
    }
}
