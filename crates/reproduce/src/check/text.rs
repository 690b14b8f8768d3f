//! The verdicts as text for people.

use std::fmt::Write;

use super::baseline::Baseline;
use super::judge::{Change, Judged, Verdict};
use super::metric::Metric;
use crate::markdown::{MISSING, aligned, cell};

/// A table of all differences, the failures and improvements in full, and a last line that says how it ended.
pub(crate) fn markdown(baseline: &Baseline, judged: &[Judged], remarks: &[String]) -> String {
    let header: Vec<&str> = ["method", "imbalance"]
        .into_iter()
        .chain(Metric::ALL.map(Metric::name))
        .collect();
    let rows = judged.iter().map(|judged| {
        let cells = Metric::ALL.map(|metric| {
            let change = judged.changes.iter().find(|change| change.metric == metric);
            change.map_or(MISSING.to_owned(), short)
        });
        [cell(&judged.method), judged.imbalance.clone()]
            .into_iter()
            .chain(cells)
            .collect()
    });
    let mut text = aligned(&header, rows, 2);
    let made_by = &baseline.made_by;
    write!(
        text,
        "\nNew less baseline: accuracies in points, NC1 to NC3 in percent (lower is better); ± is half the 95 % interval. The baseline is of \
         commit {}, {} on {}, threads: {}.\n",
        made_by.commit, made_by.precision, made_by.device, made_by.threads
    )
    .expect("a string takes all");
    for remark in remarks {
        writeln!(text, "\n- {remark}").expect("a string takes all");
    }
    for (verdict, title) in [
        (Verdict::Better, "Better than the baseline"),
        (Verdict::Worse, "Worse than the baseline"),
    ] {
        let lines: Vec<String> = judged.iter().flat_map(|judged| lines(judged, verdict)).collect();
        if !lines.is_empty() {
            write!(text, "\n{title}:\n\n{}", lines.concat()).expect("a string takes all");
        }
    }
    let missing: Vec<String> = judged
        .iter()
        .flat_map(|judged| {
            let name = name(judged);
            judged
                .missing
                .iter()
                .map(move |missing| format!("- {name}: {missing}\n"))
        })
        .collect();
    if !missing.is_empty() {
        write!(text, "\nIn the baseline and not here:\n\n{}", missing.concat()).expect("a string takes all");
    }
    let all = judged.iter().map(|judged| judged.changes.len()).sum::<usize>();
    let count = |verdict| {
        let changes = judged.iter().flat_map(|judged| &judged.changes);
        changes.filter(|change| change.verdict == verdict).count()
    };
    let (worse, better) = (count(Verdict::Worse), count(Verdict::Better));
    let end = if judged.iter().any(Judged::fails) {
        let missing = match missing.len() {
            1 => "1 run or metric is missing".to_owned(),
            others => format!("{others} runs or metrics are missing"),
        };
        format!("Failed: {worse} of {all} metrics are worse by more than their margin, {missing}")
    } else {
        format!("Passed: none of {all} metrics is worse by more than its margin")
    };
    write!(text, "\n{end}; {better} are better.\n").expect("a string takes all");
    text
}

/// A method under an imbalance.
pub(super) fn name(judged: &Judged) -> String {
    format!("`{}` at {}", judged.method, judged.imbalance)
}

fn short(change: &Change) -> String {
    let half = (change.interval.1 - change.interval.0) / 2.0;
    let verdict = match change.verdict {
        Verdict::Worse => " **worse**",
        Verdict::Better => " better",
        Verdict::Kept => "",
    };
    format!("{:+.2} ± {half:.2}{verdict}", change.difference)
}

fn lines(judged: &Judged, verdict: Verdict) -> impl Iterator<Item = String> {
    let changes = judged.changes.iter().filter(move |change| change.verdict == verdict);
    changes.map(|change| format!("- {}, {}\n", name(judged), in_words(change)))
}

/// A change in full.
pub(super) fn in_words(change: &Change) -> String {
    let (unit, digits) = match change.metric {
        Metric::Accuracy(_) => (" %", 2),
        Metric::Nc1 | Metric::Nc2 | Metric::Nc3 => ("", 3),
    };
    format!(
        "{}: {:.digits$}{unit} in the baseline, {:.digits$}{unit} now: {:+.2} {of} (95 % interval {:+.2} to {:+.2}, margin {})",
        change.metric.name(),
        change.baseline,
        change.now,
        change.difference,
        change.interval.0,
        change.interval.1,
        change.margin,
        of = change.metric.unit(),
    )
}
