//! Groups: accuracies of many-, medium- and few-shot classes by index, of runs of any version that has a confusion matrix.

use methods::Shots;

use crate::run::Run;
use crate::run::directory::RunDir;
use crate::run::metrics::read;
use crate::run::scores::ConfusionRow;

/// Mean class accuracies on the test split at a run's end, in 0..1.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct GroupsByIndex {
    /// Of the first 36 % of classes, from the largest to the smallest.
    pub(crate) many: Option<f64>,
    /// Of the next 35 %.
    pub(crate) medium: Option<f64>,
    /// Of the last 29 %.
    pub(crate) few: Option<f64>,
}

impl GroupsByIndex {
    /// From `confusion.csv` of the finished `run`. All are missing where there is no such file, and where the classes are
    /// not the data set's, as in pre-training.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub(crate) fn of(run: &Run, run_dir: &RunDir) -> anyhow::Result<GroupsByIndex> {
        let path = run_dir.path().join("confusion.csv");
        if run.method.pretext.is_some() || !path.exists() {
            return Ok(GroupsByIndex::default());
        }
        let rows: Vec<ConfusionRow> = read(&path)?;
        let accuracy = |class: &usize| {
            let of_class = rows.iter().filter(|row| row.label == *class as i64);
            let samples: i64 = of_class.clone().map(|row| row.samples).sum();
            let hits = of_class.filter(|row| row.prediction == row.label);
            (samples > 0).then(|| hits.map(|row| row.samples).sum::<i64>() as f64 / samples as f64)
        };
        let mean_over = |group: Vec<usize>| {
            let accuracies: Vec<f64> = group.iter().filter_map(accuracy).collect();
            (!accuracies.is_empty()).then(|| accuracies.iter().sum::<f64>() / accuracies.len() as f64)
        };
        let Shots { many, medium, few } = Shots::by_index(run.dataset.facts().classes() as usize);
        Ok(GroupsByIndex {
            many: mean_over(many),
            medium: mean_over(medium),
            few: mean_over(few),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::grid::{Grid, Options, Ratio};
    use crate::results::find;
    use crate::tables::collect::tests::outcome;

    #[test]
    fn a_run_of_an_older_version_gets_its_groups_from_its_confusion_matrix() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/cifar10-lt.toml");
        let grid = Grid::load(&path).expect("a sound grid");
        let (methods, seeds, imbalance) = (
            Some(vec!["ce".to_owned()]),
            Some(vec![0, 1]),
            Some(vec![Ratio::Number(100.0)]),
        );
        let options = Options {
            seeds,
            methods,
            imbalance,
            ..Options::default()
        };
        let planned = grid.runs(&options).expect("a method of the grid");
        let out = tempfile::tempdir().expect("a temporary folder");
        for planned in &planned {
            let run_dir = RunDir::of(out.path(), &planned.run);
            run_dir.prepare(&planned.run).expect("a folder");
            let mut outcome = outcome("ce", 100.0, 0, 0.5);
            outcome.few_by_index = None;
            let text = serde_json::to_string(&outcome).expect("numbers and words");
            run_dir.write("outcome.json", &text).expect("writable");
        }
        // Class k has 10 test images, of which 10 − k are taken for it, and the others for class 0.
        let cells = (0..10).flat_map(|label| [(label, 0, label), (label, label, 10 - label)]);
        let rows = cells.map(|(label, prediction, samples)| ConfusionRow {
            label,
            prediction,
            samples,
        });
        let run_dir = RunDir::of(out.path(), &planned[1].run);
        run_dir.write_rows("confusion.csv", rows).expect("writable");

        let found = find(out.path(), &planned).finished;
        assert_eq!(found[0].few_by_index, None, "it has no confusion matrix");
        let groups = [found[1].many_by_index, found[1].medium_by_index, found[1].few_by_index];
        for (found, expected) in groups.into_iter().zip([0.9, 0.55, 0.2]) {
            assert!((found.expect("ten classes have all groups") - expected).abs() < 1e-12);
        }
    }
}
