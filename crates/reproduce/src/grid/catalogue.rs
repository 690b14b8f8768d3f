//! Catalogue: every method with its family and paper, out of the grids themselves.
//!
//! A method is listed where a grid states its `origin`; other grids that spell the same parts are named beside it.

use std::path::{Path, PathBuf};

use methods::Augmentation;
use serde::Deserialize;
use walkdir::WalkDir;

use super::file::{MethodEntry, Uses};
use super::{Grid, GridError, Options};
use crate::grid::describe;

/// Where a method comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    family: Family,
    /// First author and year, or whose words name it.
    paper: String,
}

/// The closed set of families: the nine sub-families of Zhang et al., "Deep Long-Tailed Learning: A Survey" (TPAMI 2023,
/// §3), and what they are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Family {
    Baseline,
    ReSampling,
    ClassSensitiveLearning,
    LogitAdjustment,
    TransferLearning,
    DataAugmentation,
    RepresentationLearning,
    ClassifierDesign,
    DecoupledTraining,
    EnsembleLearning,
}

/// Why there is no catalogue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogueError {
    /// The folder of grids cannot be read.
    #[error("cannot read {}: {source}; name the folder of the grids, such as benchmarks", folder.display())]
    Folder {
        /// As given.
        folder: PathBuf,
        /// The system's reason.
        source: walkdir::Error,
    },
    /// One of its grids is refused.
    #[error(transparent)]
    Grid(#[from] GridError),
}

/// The methods of all grids in `folder` as a Markdown table: families in the order of the survey, within one the order of the
/// grids' names and of their files.
///
/// # Errors
/// If the folder cannot be read, or a grid in it is refused.
pub(crate) fn catalogue(folder: &Path) -> Result<String, CatalogueError> {
    let grids = grids(folder)?;
    let mut listed = Vec::new();
    for grid in grids.iter().filter(|grid| !grid.is_like_another()) {
        let planned = grid.runs(&Options::default())?;
        for entry in &grid.file.method {
            let Some(Origin { family, paper }) = &entry.origin else {
                continue;
            };
            let name = entry.name.get_ref();
            let run = planned.iter().map(|planned| &planned.run).find(|run| run.name == *name);
            let method = &run.expect("a grid plans each of its methods").method;
            let users = grids.iter().filter(|other| other.spells(entry, grid));
            let users: Vec<&str> = users.map(Grid::name).collect();
            let parts = describe::parts_beside(method, &planned[0].run.method.augmentation);
            let (words, users) = (family.name(), users.join(", "));
            listed.push((
                family,
                format!("| {words} | `{name}` | {paper} | {parts} | {users} |\n"),
            ));
        }
    }
    listed.sort_by_key(|(family, _)| *family); // stable
    let lines: String = listed.into_iter().map(|(_, line)| line).collect();
    Ok(format!(
        "| family | method | paper | parts | grids |\n|---|---|---|---|---|\n{lines}"
    ))
}

fn grids(folder: &Path) -> Result<Vec<Grid>, CatalogueError> {
    let mut grids = Vec::new();
    for file in WalkDir::new(folder).sort_by_file_name() {
        let file = file.map_err(|source| CatalogueError::Folder {
            folder: folder.to_owned(),
            source,
        })?;
        if file.path().extension().is_some_and(|extension| extension == "toml") {
            grids.push(Grid::load(file.path())?);
        }
    }
    Ok(grids)
}

impl Grid {
    /// Whether a method of this grid spells the parts of `entry`, one of the grid `of`, on the images that are usual in each or on
    /// the same ones.
    fn spells(&self, entry: &MethodEntry, of: &Grid) -> bool {
        let parts = |entry: &MethodEntry| Uses {
            augmentation: None,
            ..entry.uses.clone()
        };
        self.file.method.iter().any(|other| {
            let both_usual = other.uses.augmentation.is_none() && entry.uses.augmentation.is_none();
            parts(other) == parts(entry) && (both_usual || self.augmentation_of(other) == of.augmentation_of(entry))
        })
    }

    fn augmentation_of(&self, entry: &MethodEntry) -> Augmentation {
        let stated = entry.uses.augmentation.clone();
        stated.unwrap_or_else(|| self.augmentation(self.file.protocol))
    }
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Family::Baseline => "baseline",
            Family::ReSampling => "class re-balancing: re-sampling",
            Family::ClassSensitiveLearning => "class re-balancing: class-sensitive learning",
            Family::LogitAdjustment => "class re-balancing: logit adjustment",
            Family::TransferLearning => "information augmentation: transfer learning",
            Family::DataAugmentation => "information augmentation: data augmentation",
            Family::RepresentationLearning => "module improvement: representation learning",
            Family::ClassifierDesign => "module improvement: classifier design",
            Family::DecoupledTraining => "module improvement: decoupled training",
            Family::EnsembleLearning => "module improvement: ensemble learning",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
    }

    #[test]
    fn readme_has_the_catalogue_that_the_program_prints() {
        let readme = std::fs::read_to_string(repository("docs/methods.md")).expect("docs/methods.md");
        let (_, after) = readme
            .split_once("<!-- methods -->\n")
            .expect("its beginning is marked");
        let (table, _) = after.split_once("<!-- /methods -->").expect("its end is marked");
        let printed = catalogue(&repository("benchmarks")).expect("sound grids");
        assert_eq!(
            table, printed,
            "put what `just methods` prints between the markers of docs/methods.md"
        );
    }

    #[test]
    fn no_parts_are_catalogued_twice_and_every_family_in_reach_has_a_method() {
        let grids = grids(&repository("benchmarks")).expect("sound grids");
        let listed: Vec<_> = grids
            .iter()
            .filter(|grid| !grid.is_like_another())
            .flat_map(|grid| &grid.file.method)
            .filter(|entry| entry.origin.is_some())
            .collect();
        for (index, entry) in listed.iter().enumerate() {
            let twin = listed[..index].iter().find(|other| other.uses == entry.uses);
            assert!(twin.is_none(), "{} is {:?}", entry.name, twin.map(|twin| &twin.name));
        }
        let table = catalogue(&repository("benchmarks")).expect("sound grids");
        for family in [
            Family::Baseline,
            Family::ReSampling,
            Family::ClassSensitiveLearning,
            Family::LogitAdjustment,
            Family::TransferLearning,
            Family::DataAugmentation,
            Family::RepresentationLearning,
            Family::ClassifierDesign,
            Family::DecoupledTraining,
            Family::EnsembleLearning,
        ] {
            assert!(table.contains(family.name()), "{family:?}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named_with_the_remedy() {
        let message = catalogue(Path::new("nowhere")).expect_err("no such folder").to_string();
        assert!(message.starts_with("cannot read nowhere: "), "{message}");
        assert!(
            message.ends_with("name the folder of the grids, such as benchmarks"),
            "{message}"
        );
    }
}
