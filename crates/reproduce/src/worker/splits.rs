//! The training images of a run, and the images it holds out.

use datasets::{IndexList, Loaded, Split};

use crate::run::Run;

/// The training images of a data set, parted.
pub(crate) struct Splits {
    /// What is trained on: long-tailed.
    pub(crate) train: Split,
    /// Which images these are.
    pub(crate) train_list: IndexList,
    /// What is held out, balanced, and which images these are; `None` without a validation split.
    pub(crate) validation: Option<(Split, IndexList)>,
}

impl Splits {
    /// Parts the training images of `data` as `run` says: first the validation split, then the long-tailed one of what is
    /// left.
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
            labels[usize::try_from(index)?] = -1; // of no class, so that nothing selects it again
        }
        let kept = run.selection.select(&labels, &run.class_counts()?)?;
        Ok(Splits {
            train: data.train.select(&kept),
            train_list: IndexList::new(&kept),
            validation: (!held_out.is_empty()).then(|| (data.train.select(&held_out), IndexList::new(&held_out))),
        })
    }
}
