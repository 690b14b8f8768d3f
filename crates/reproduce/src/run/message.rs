//! Messages of a worker to its parent: one JSON object per line on standard output.

use serde::{Deserialize, Serialize};

/// Progress of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Message {
    /// Data and network are loaded; training continues at `next_epoch` of `epochs`.
    Started {
        /// First epoch that is not trained yet.
        next_epoch: i64,
        /// Epochs of this run.
        epochs: i64,
        /// Training images per epoch.
        images: i64,
    },
    /// Progress within `epoch`; at most one message per second.
    Step {
        /// 0-based.
        epoch: i64,
        /// Number of images so far in this epoch.
        images: i64,
    },
    /// An epoch is finished and recorded.
    Epoch {
        /// 0-based.
        epoch: i64,
        /// Mean over its batches.
        train_loss: f64,
        /// Test accuracy after it, 0..1, if it was evaluated.
        accuracy: Option<f64>,
        /// Training images per second.
        images_per_second: f64,
        /// Duration of training and evaluation.
        seconds: f64,
    },
}
