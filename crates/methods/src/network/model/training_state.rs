//! State that a model keeps only for training.

use nc::Regularizer;
use tch::Tensor;

use crate::network::max_norm::MaxNorm;
use crate::parts::contrast::ContrastiveBranch;

const CENTRES: &str = "regularizer.centres";
const LABELS_SEEN: &str = "loss.labels_seen";

/// State of the method's parts between steps. Predictions do not need it.
#[derive(Debug)]
pub struct TrainingState {
    /// Neural-collapse regularizer with its centres.
    pub regularizer: Option<Regularizer>,
    /// What contrastive learning has beside the classifier. Its parameters are part of the model's, which the optimizer
    /// updates.
    pub(crate) contrast: Option<ContrastiveBranch>,
    /// How often training has drawn each class as a label, `[k]`, if the loss counts that.
    pub(crate) labels_seen: Option<Tensor>,
    /// Bound on the classifier's rows.
    pub(super) max_norm: Option<MaxNorm>,
}

impl TrainingState {
    /// Call it before the first batch of an epoch: statistics by epoch begin a new one.
    pub(crate) fn begin_epoch(&self) {
        if let Some(branch) = &self.contrast {
            branch.begin_epoch();
        }
    }

    /// Adds a step's labels `[b]` to the classes drawn so far, if the loss counts them.
    pub(crate) fn count_labels(&mut self, labels: &Tensor) {
        if let Some(seen) = &mut self.labels_seen {
            *seen += nc::batch_counts(labels, seen.size()[0]);
        }
    }

    /// What a checkpoint stores, by name.
    pub(super) fn state(&self) -> impl Iterator<Item = (String, Tensor)> {
        let centres = self.regularizer.as_ref().map(|nc| (CENTRES, nc.centres()));
        let labels_seen = self.labels_seen.as_ref().map(|seen| (LABELS_SEEN, seen));
        [centres, labels_seen]
            .into_iter()
            .flatten()
            .map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()))
    }
}
