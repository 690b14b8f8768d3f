//! Group accuracies by class index, independent of how the grid defines its groups.

use std::path::Path;

use methods::{Groups, Shots};

use crate::run::Run;
use crate::run::metrics::read;
use crate::run::scores::ConfusionRow;

/// Mean test accuracies (0..1) of groups by class index, from the accuracy of each class. All are missing in pre-training, whose
/// classes are not the data set's.
pub(crate) fn by_index(run: &Run, per_class: &[Option<f64>]) -> Groups<Option<f64>> {
    match run.method.pretext {
        None => Shots::by_index(per_class.len()).means(per_class),
        Some(_) => Groups::default(),
    }
}

/// As [`by_index`], computed from the `confusion.csv` at `path`, for outcomes of the first version, which did not store these accuracies.
/// All are missing if the file is. Cells without samples may be absent.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub(crate) fn by_index_from_confusion(run: &Run, path: &Path) -> anyhow::Result<Groups<Option<f64>>> {
    if !path.exists() {
        return Ok(Groups::default());
    }
    let classes = run.dataset.facts().classes() as usize;
    let (mut samples, mut hits) = (vec![0; classes], vec![0; classes]);
    for row in read::<ConfusionRow>(path)? {
        let class = usize::try_from(row.label).ok().filter(|&class| class < classes);
        if let Some(class) = class {
            samples[class] += row.samples;
            hits[class] += if row.prediction == row.label { row.samples } else { 0 };
        }
    }
    let accuracy = |class: usize| (samples[class] > 0).then(|| hits[class] as f64 / samples[class] as f64);
    let per_class: Vec<Option<f64>> = (0..classes).map(accuracy).collect();
    Ok(by_index(run, &per_class))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;
    use crate::grid::{Grid, Options, Ratio};
    use crate::results::find;
    use crate::run::directory::RunDir;
    use crate::tables::collect::tests::outcome;

    #[test]
    fn a_run_of_an_older_version_gets_its_groups_from_its_confusion_matrix() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/cifar10-lt.toml");
        let grid = Grid::load(&path, None).expect("a sound grid");
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
        for planned in planned.asked() {
            let run_dir = RunDir::of(out.path(), &planned.id);
            run_dir.prepare(&planned.run).expect("a folder");
            let text = outcome("ce", 100.0, 0, 0.5).text();
            let mut older: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
            older.insert("run".to_owned(), planned.id.to_string().into());
            older.retain(|name, _| name != "format" && !name.ends_with("_by_index"));
            run_dir
                .write("outcome.json", &Value::from(older).to_string())
                .expect("writable");
        }
        // Class k has 10 test images, of which 10 − k are taken for it, and the others for class 0.
        let cells = (0..10).flat_map(|label| [(label, 0, label), (label, label, 10 - label)]);
        let rows = cells.map(|(label, prediction, samples)| ConfusionRow {
            label,
            prediction,
            samples,
        });
        let run_dir = RunDir::of(out.path(), &planned[1].id);
        run_dir.write_rows("confusion.csv", rows).expect("writable");

        let found = find(out.path(), &planned).finished;
        assert_eq!(found[0].few_by_index, None, "it has no confusion matrix");
        let groups = [found[1].many_by_index, found[1].medium_by_index, found[1].few_by_index];
        for (found, expected) in groups.into_iter().zip([0.9, 0.55, 0.2]) {
            assert!((found.expect("ten classes have all groups") - expected).abs() < 1e-12);
        }
    }
}
