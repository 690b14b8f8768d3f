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
        let chosen = run
            .long_tail()
            .choose(&data.train.label_list(), &run.dataset.facts().train)?;
        let held_out = &chosen.validation;
        Ok(Splits {
            train: data.train.select(&chosen.train),
            train_list: IndexList::new(&chosen.train),
            validation: (!held_out.is_empty()).then(|| (data.train.select(held_out), IndexList::new(held_out))),
        })
    }
}
