//! A named method of a grid, and the checks that depend on the network and the length of training.

use std::ops::Range;

use datasets::Dataset;
use methods::{Head, Initial, Method, Mix};
use models::Backbone;

use super::catalogue;
use super::error::{Fault, Refusal};

/// A method of the grid, or the `+nc` twin of one.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// Unique in the grid.
    pub(super) name: String,
    /// The method whose `+nc` twin it is.
    pub(super) twin_of: Option<String>,
    /// The place of its name, or of the original's, in the grid file.
    pub(super) span: Range<usize>,
    /// Its parts.
    pub(super) method: Method,
}

impl Named {
    /// Name of the twin of the method called `name`; names in a grid have no `+`.
    pub(super) fn twin_name(name: &str) -> String {
        format!("{name}+nc")
    }

    /// Its names in earlier grids.
    pub(super) fn earlier_names(&self) -> Vec<String> {
        match &self.twin_of {
            None => catalogue::aliases(&self.name).to_vec(),
            Some(original) => {
                let aliases = catalogue::aliases(original).iter();
                aliases.map(|alias| Named::twin_name(alias)).collect()
            }
        }
    }

    /// Refuses a fixed ETF with more classes than the features of `backbone` can hold, and experts that `backbone` does not support.
    pub(super) fn check_network(&self, classes: i64, backbone: Backbone) -> Result<(), Fault> {
        if self.method.experts.is_some() && !backbone.has_experts() {
            return Err(Fault::new(self.span.clone(), Refusal::NoExperts(backbone.name())));
        }
        let dimension = backbone.dimension();
        if self.method.head == Head::FixedEtf && classes > dimension + 1 {
            let refusal = nc::Error::NoSimplex { classes, dimension }.into();
            return Err(Fault::new(self.span.clone(), refusal));
        }
        Ok(())
    }

    /// Refuses parts that photographs in files cannot be read for.
    pub(super) fn check_images(&self, dataset: Dataset) -> Result<(), Fault> {
        if !matches!(dataset, Dataset::Photographs(_)) {
            return Ok(());
        }
        let Method {
            contrast,
            augmentation,
            initial,
            pretext,
            ..
        } = &self.method;
        let parts = [
            (contrast.is_some(), "a contrastive term"),
            (matches!(augmentation.mix, Some(Mix::Cmo(_))), "CMO"),
            (
                *initial == Some(Initial::Rotation) || pretext.is_some(),
                "pre-training by rotations",
            ),
        ];
        match parts.iter().find(|(is_used, _)| *is_used) {
            Some((_, part)) => Err(Fault::new(self.span.clone(), Refusal::InMemoryOnly(part))),
            None => Ok(()),
        }
    }

    /// Refuses a part that would start after the last of `epochs`, since it would never take effect.
    pub(super) fn check_starts(&self, epochs: i64) -> Result<(), Fault> {
        for (part, start) in self.method.starts() {
            if start >= epochs {
                let refusal = Refusal::LateStart {
                    part,
                    method: self.name.clone(),
                    start,
                    epochs,
                };
                return Err(Fault::new(self.span.clone(), refusal));
            }
        }
        match self.method.augmentation.mix.map(|mix| mix.check_room(epochs)) {
            Some(Err(error)) => Err(Fault::new(self.span.clone(), error.into())),
            _ => Ok(()),
        }
    }
}
