//! The training and validation images of a run.

use datasets::{IndexList, Loaded, Split};

use crate::run::Run;

/// The training images of a data set, divided into the splits of a run.
pub(crate) struct Splits {
    /// The long-tailed training split.
    pub(crate) train: Split,
    /// The indices of its images.
    pub(crate) train_list: IndexList,
    /// The balanced validation split and the indices of its images, if there is one.
    pub(crate) validation: Option<(Split, IndexList)>,
}

impl Splits {
    /// Divides the training images of `data` as `run` says: the validation split first, then the long-tailed split of the rest.
    ///
    /// # Errors
    /// If a class has too few images.
    pub(crate) fn new(run: &Run, data: &Loaded) -> anyhow::Result<Splits> {
        let mut labels = data.train.label_list();
        let held_out = match run.validation {
            None => Vec::new(),
            Some(validation) => validation.hold_out(&labels, data.train.classes)?,
        };
        for &index in &held_out {
            labels[usize::try_from(index)?] = -1; // a label of no class, so that the image is not selected again
        }
        let kept = run.selection.select(&labels, &run.class_counts()?)?;
        Ok(Splits {
            train: data.train.select(&kept),
            train_list: IndexList::new(&kept),
            validation: (!held_out.is_empty()).then(|| (data.train.select(&held_out), IndexList::new(&held_out))),
        })
    }
}
