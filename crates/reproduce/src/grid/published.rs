//! Published numbers, embedded in the binary. A grid names the source and each method's name in
//! it; nothing is matched by likeness.

use std::sync::LazyLock;

use datasets::photographs::LargeSet;
use datasets::{Dataset, Imbalance};
use models::Backbone;
use serde::Deserialize;
use toml::Spanned;

use super::Grid;
use super::file::PublishedEntry;
use super::named::Named;
use crate::run::Run;

/// One row of `benchmarks/published.csv`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Published {
    dataset: String,
    imbalance_type: String,
    imbalance_factor: Option<f64>,
    backbone: String,
    method: String,
    /// Length of the training, or of the first of two stages; `None` if the source does not state it.
    pub(crate) epochs: Option<i64>,
    /// Top-1 accuracy in percent, with the digits of the source.
    #[serde(rename = "top1")]
    pub(crate) percent: String,
    /// File and table in which it was found.
    pub(crate) source: String,
    /// A remark for readers; may be empty.
    pub(crate) note: String,
}

impl Published {
    /// Top-1 accuracy, 0..1: of `70.4` the number nearest to 0.704, which 70.4 / 100 is not.
    pub(crate) fn accuracy(&self) -> f64 {
        let share = format!("{}e-2", self.percent);
        share
            .parse()
            .expect("the file is embedded, and a test reads its numbers")
    }

    /// Whether it is for `dataset` with `imbalance`. A large set has the one imbalance that it is published with, which some sources state.
    fn has_imbalance(&self, dataset: Dataset, imbalance: Imbalance) -> bool {
        if matches!(dataset, Dataset::Photographs(_)) {
            return imbalance == Imbalance::Natural;
        }
        let (imbalance_type, factor) = match imbalance {
            Imbalance::Exponential { ratio } | Imbalance::Step { ratio } if ratio <= 1.0 => ("none", 1.0),
            Imbalance::Exponential { ratio } => ("exp", ratio),
            Imbalance::Step { ratio } => ("step", ratio),
            Imbalance::Natural => ("none", 1.0), // CIFAR has as many images of each class
            Imbalance::Balanced { .. } | Imbalance::Pareto { .. } => return false,
        };
        self.imbalance_type == imbalance_type && self.imbalance_factor == Some(factor)
    }
}

/// The name of `dataset` in the file; `None` if nothing is published on it.
fn name_of(dataset: Dataset) -> Option<&'static str> {
    match dataset {
        Dataset::Cifar10 => Some("CIFAR-10"),
        Dataset::Cifar100 => Some("CIFAR-100"),
        Dataset::Shapes => None,
        Dataset::Photographs(set) => set.large_set().map(|set| match set {
            LargeSet::ImagenetLt => "ImageNet-LT",
            LargeSet::Inaturalist2018 => "iNaturalist2018",
            LargeSet::PlacesLt => "Places-LT",
        }),
    }
}

static ROWS: LazyLock<Vec<Published>> = LazyLock::new(|| {
    let text = include_str!("../../../../benchmarks/published.csv");
    let rows: Result<_, csv::Error> = csv::Reader::from_reader(text.as_bytes()).deserialize().collect();
    rows.expect("the file is embedded, and a test reads it")
});

/// The number of a method in `source`. If there are several, for trainings of different lengths, the one for `epochs` is preferred.
fn find(
    source: &str,
    method: &str,
    dataset: Dataset,
    imbalance: Imbalance,
    backbone: Backbone,
    epochs: i64,
) -> Option<&'static Published> {
    let dataset_name = name_of(dataset)?;
    let mut rows: Vec<&Published> = ROWS
        .iter()
        .filter(|row| row.source == source && row.dataset == dataset_name)
        .filter(|row| row.method == method && row.backbone == backbone.name())
        .filter(|row| row.has_imbalance(dataset, imbalance))
        .collect();
    rows.sort_by_key(|row| row.epochs != Some(epochs));
    rows.first().copied()
}

impl Grid {
    /// The published number that the grid sets beside `run`.
    pub(crate) fn published(&self, run: &Run) -> Option<&'static Published> {
        let entry = self.published_entry(run)?;
        if entry.dataset.is_some_and(|dataset| dataset != run.dataset) {
            return None;
        }
        find(
            self.file.source_of(entry)?,
            &entry.method,
            run.dataset,
            run.imbalance,
            run.recipe.backbone,
            run.recipe.epochs,
        )
    }

    /// How the training behind that number differs, according to the grid.
    pub(crate) fn published_differs(&self, run: &Run) -> Option<&str> {
        self.published_entry(run)?.differs.as_deref()
    }

    fn published_entry(&self, run: &Run) -> Option<&PublishedEntry> {
        let published = self.file.method.iter().find_map(|entry| {
            let name = entry.name.get_ref();
            if run.name == *name {
                Some(&entry.published)
            } else if run.name == Named::twin_name(name) {
                Some(&entry.published_with_plug_in)
            } else {
                None
            }
        })?;
        published.as_ref().map(Spanned::get_ref)
    }
}

/// Every source, in the order of the file.
pub(crate) fn sources() -> Vec<&'static str> {
    distinct(ROWS.iter().map(|row| row.source.as_str()))
}

/// Every method for which `source` has a number, on any data set.
pub(crate) fn methods(source: &str) -> Vec<&'static str> {
    distinct(
        ROWS.iter()
            .filter(|row| row.source == source)
            .map(|row| row.method.as_str()),
    )
}

fn distinct<'a>(entries: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for entry in entries {
        if !seen.contains(&entry) {
            seen.push(entry);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE_3: &str = "mlresearch/v206:liu23i/liu23i.pdf (Liu AISTATS 2023) table 3";

    #[test]
    fn all_rows_are_read_as_shares_of_one() {
        assert_eq!(ROWS.len(), 792);
        assert!(ROWS.iter().all(|row| row.accuracy() > 0.0 && row.accuracy() < 1.0));
    }

    #[test]
    fn table_3_of_the_nc_paper_is_found_by_its_names() {
        let ratio = |ratio| Imbalance::Exponential { ratio };
        let cases = [
            ("NC-DRW-cRT", Dataset::Cifar10, 100.0, 0.826),
            ("NC-DRW", Dataset::Cifar10, 10.0, 0.898),
            ("NC-DRW", Dataset::Cifar100, 100.0, 0.486),
            ("CE", Dataset::Cifar100, 10.0, 0.557),
        ];
        for (method, dataset, factor, accuracy) in cases {
            let row = find(TABLE_3, method, dataset, ratio(factor), Backbone::Resnet32, 200).unwrap();
            assert!(
                (row.accuracy() - accuracy).abs() < 1e-12,
                "{method} on {dataset}: {}",
                row.accuracy()
            );
        }
    }

    #[test]
    fn ratio_one_and_no_ratio_are_the_balanced_data_set_and_a_remark_after_a_ratio_is_no_part_of_it() {
        let accuracy = |table: &str, method, dataset, ratio| {
            let (source, imbalance) = (TABLE_3.replace("table 3", table), Imbalance::Exponential { ratio });
            find(&source, method, dataset, imbalance, Backbone::Resnet32, 200).map(Published::accuracy)
        };
        assert_eq!(accuracy("table 2", "MSE + NC", Dataset::Cifar100, 1.0), Some(0.719));
        assert_eq!(accuracy("table 2", "MSE + NC", Dataset::Cifar100, 10.0), None);
        let source = TABLE_3.replace("table 3", "table 2");
        let find_of = |imbalance| {
            find(
                &source,
                "MSE + NC",
                Dataset::Cifar100,
                imbalance,
                Backbone::Resnet32,
                200,
            )
        };
        assert_eq!(find_of(Imbalance::Natural).map(Published::accuracy), Some(0.719));
        assert!(find_of(Imbalance::Balanced { ratio: 1.0 }).is_none());
        assert_eq!(accuracy("table 5", "LDAM-DRW", Dataset::Cifar10, 100.0), Some(0.77));
    }

    #[test]
    fn nothing_is_found_for_another_network_imbalance_or_data_set() {
        let (exponential, step) = (
            Imbalance::Exponential { ratio: 100.0 },
            Imbalance::Step { ratio: 100.0 },
        );
        assert!(find(TABLE_3, "NC-DRW", Dataset::Cifar10, exponential, Backbone::Resnet8, 200).is_none());
        assert!(find(TABLE_3, "NC-DRW", Dataset::Cifar10, step, Backbone::Resnet32, 200).is_none());
        assert!(find(TABLE_3, "NC-DRW", Dataset::Shapes, exponential, Backbone::Resnet32, 200).is_none());
    }

    #[test]
    fn of_trainings_of_two_lengths_the_one_of_the_same_length_is_found() {
        let find = |epochs| {
            let imbalance = Imbalance::Exponential { ratio: 100.0 };
            let source = "LeapLabTHU/ProCo:README.md";
            find(
                source,
                "ProCo",
                Dataset::Cifar100,
                imbalance,
                Backbone::Resnet32,
                epochs,
            )
            .unwrap()
            .accuracy()
        };
        assert!((find(200) - 0.528).abs() < 1e-12 && (find(400) - 0.542).abs() < 1e-12);
    }
}
