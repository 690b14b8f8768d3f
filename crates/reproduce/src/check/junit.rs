//! The verdicts as JUnit XML, which CI servers display, and as annotations of GitHub's workflows.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::judge::{Judged, Verdict};
use super::text::{in_words, name};

/// The text of a JUnit file: a suite for each method, a case for each metric and for what is missing.
///
/// # Errors
/// If a text holds what XML cannot.
pub(crate) fn xml(grid: &str, judged: &[Judged]) -> anyhow::Result<String> {
    let mut report = Report::new(grid);
    for judged in judged {
        let mut suite = TestSuite::new(format!("{} at {}", judged.method, judged.imbalance));
        for change in &judged.changes {
            let mut case = TestCase::new(change.metric.name(), TestCaseStatus::success());
            if change.verdict == Verdict::Worse {
                case = failure(change.metric.name(), &in_words(change));
            }
            case.set_classname(format!("{grid}.{}", judged.method));
            suite.add_test_case(case);
        }
        for missing in &judged.missing {
            suite.add_test_case(failure("all runs are finished", missing));
        }
        report.add_test_suite(suite);
    }
    Ok(report.to_string()?)
}

fn failure(name: &str, message: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(message);
    TestCase::new(name, status)
}

/// A line for each failure as GitHub's runners read it.
pub(crate) fn annotations(judged: &[Judged]) -> String {
    let worse = judged.iter().flat_map(|judged| {
        let changes = judged.changes.iter().filter(|change| change.verdict == Verdict::Worse);
        let missing = judged.missing.iter().cloned();
        let name = name(judged);
        changes
            .map(in_words)
            .chain(missing)
            .map(move |message| format!("::error title=accuracy::{}\n", escaped(&format!("{name}, {message}"))))
    });
    worse.collect()
}

/// The message of an annotation ends at the line's end.
fn escaped(message: &str) -> String {
    message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
