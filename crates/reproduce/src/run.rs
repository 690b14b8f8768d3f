//! Run: one network to train, everything resolved; Outcome: what is left of it when it is done.

pub(crate) mod directory;
pub(crate) mod environment;
pub(crate) mod groups;
pub(crate) mod message;
pub(crate) mod metric;
pub(crate) mod metrics;
mod role;
pub(crate) mod rows;
pub(crate) mod scores;
pub(crate) mod settings;

use std::sync::OnceLock;

use datasets::{DataError, Dataset, Imbalance, Selection, Validation};
use methods::{Method, Protocol, Recipe, ShotSplit};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use role::Role;

/// One network to train: every default written out. Its text is a run directory's `config.toml`, and the digest of that
/// text names the directory: change a line and it is a new run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    /// Name of the method in its grid, such as `ldam-drw+nc`.
    pub(crate) name: String,
    /// What is trained on.
    pub(crate) dataset: Dataset,
    /// Which reading of the paper the defaults came from.
    pub(crate) protocol: Protocol,
    /// Every draw follows from it.
    pub(crate) seed: i64,
    /// Which images of each class are kept.
    pub(crate) selection: Selection,
    /// How many images of each class are kept.
    pub(crate) imbalance: Imbalance,
    /// Which images are held out of each class before that; `None`: none.
    pub(crate) validation: Option<Validation>,
    /// Which classes count as many-, medium- and few-shot.
    #[serde(default, skip_serializing_if = "ShotSplit::is_by_images")]
    pub(crate) shots: ShotSplit,
    /// Network, length and speed.
    pub(crate) recipe: Recipe,
    /// What is done with them.
    pub(crate) method: Method,
    /// See [`Run::id`].
    #[serde(skip)]
    pub(crate) id: Remembered,
}

/// A run's id once somebody has asked for it. It follows from the other fields, which do not change: a queue of 10,000 runs that
/// wrote and digested every config again for each question would do little else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered(OnceLock<String>);

impl PartialEq for Remembered {
    /// Runs whose other fields are alike are alike.
    fn eq(&self, _: &Remembered) -> bool {
        true
    }
}

impl Run {
    /// The text of `config.toml`.
    pub(crate) fn config(&self) -> String {
        toml::to_string(self).expect("a run holds only numbers, words and tables of them")
    }

    /// Readable name plus digest of the config, such as `ldam-drw+nc.r100.s1.3f9a2c1e`. Step imbalance
    /// reads `step100`, a balanced set `balanced100`, a natural one `natural`.
    pub(crate) fn id(&self) -> String {
        self.id.0.get_or_init(|| self.digested()).clone()
    }

    fn digested(&self) -> String {
        let imbalance = match self.imbalance {
            Imbalance::Exponential { ratio } => format!("r{ratio}"),
            Imbalance::Step { ratio } => format!("step{ratio}"),
            Imbalance::Balanced { ratio } => format!("balanced{ratio}"),
            Imbalance::Natural => "natural".to_owned(),
        };
        let digest = Sha256::digest(self.config());
        let digest = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        format!("{}.{imbalance}.s{}.{digest:08x}", self.name, self.seed)
    }

    /// Name of the method in a run's [`Run::id`].
    pub(crate) fn method_of(id: &str) -> &str {
        let (before_seed, _) = id.rsplit_once(".s").unwrap_or((id, ""));
        let imbalance = [".r", ".step", ".balanced", ".natural"].map(|kind| before_seed.rfind(kind));
        imbalance
            .into_iter()
            .max()
            .flatten()
            .map_or(id, |imbalance| &before_seed[..imbalance])
    }

    /// What this run trains itself: its second stage, if it has one.
    pub(crate) fn stage(&self) -> (Recipe, Method) {
        match &self.method.second_stage {
            None => (self.recipe.clone(), self.method.clone()),
            Some(second_stage) => second_stage.as_training(&self.recipe, &self.method),
        }
    }

    /// Training images that each class keeps, `[classes]`.
    ///
    /// # Errors
    /// If a class would keep none.
    pub(crate) fn class_counts(&self) -> Result<Vec<i64>, DataError> {
        let held_out = self.validation.map_or(0, |validation| validation.per_class);
        let available = self.dataset.facts().train.into_iter();
        let available: Vec<i64> = available.map(|images| images - held_out).collect();
        self.imbalance.class_counts(&available)
    }

    /// Epochs this run trains itself: those of its second stage, if it has one.
    pub(crate) fn epochs(&self) -> i64 {
        self.method
            .second_stage
            .as_ref()
            .map_or(self.recipe.epochs, methods::SecondStage::epochs)
    }
}

/// What is left of a finished run: the only type shared by measuring and reporting. Accuracies are in 0..1; a value that
/// is not defined (no few-shot class, say) is missing, not zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    /// Directory name of the run.
    pub(crate) run: String,
    /// Directory name of the run whose network the second stage started from.
    pub(crate) first_stage: Option<String>,
    /// As in the grid.
    pub(crate) method: String,
    /// Data set.
    pub(crate) dataset: String,
    /// `paper` or `code`.
    pub(crate) protocol: String,
    /// `exponential`, `step`, `balanced` or `natural`.
    pub(crate) imbalance: String,
    /// Largest class over smallest; missing where the imbalance is natural.
    pub(crate) ratio: Option<f64>,
    /// Seed.
    pub(crate) seed: i64,
    /// Network, as papers print it.
    pub(crate) backbone: String,
    /// Trainable parameters, classifier included.
    pub(crate) parameters: usize,
    /// Epochs of this run's own training; 0 where a classifier was only computed.
    pub(crate) epochs: i64,
    /// Images of the long-tailed training split.
    pub(crate) train_images: i64,
    /// Test accuracy after the last epoch.
    pub(crate) accuracy_last: f64,
    /// Highest test accuracy of any epoch: chosen on the test split, as many papers do. Missing without epochs.
    pub(crate) accuracy_best: Option<f64>,
    /// The epoch it was reached at, 0-based.
    pub(crate) best_epoch: Option<i64>,
    /// Test accuracy after the epoch with the highest accuracy on the validation split, or of the classifier that was
    /// computed; missing without a validation split.
    pub(crate) accuracy_selected: Option<f64>,
    /// That epoch, 0-based.
    pub(crate) selected_epoch: Option<i64>,
    /// Strength of a post-hoc adjustment: the one stated or, of several, the one chosen on the validation split.
    pub(crate) tau: Option<f64>,
    /// Mean class accuracy after the last epoch, many-shot classes: of more than 100 training images, or as the config's
    /// `shots` says.
    pub(crate) many: Option<f64>,
    /// Medium-shot classes: 20 to 100 training images.
    pub(crate) medium: Option<f64>,
    /// Few-shot classes: fewer than 20 training images.
    pub(crate) few: Option<f64>,
    /// As `many`, `medium` and `few` by index, whatever the config's `shots` says: the first 36 %, the next 35 % and the last
    /// 29 % of the classes. Missing where the classes are not the data set's, and in outcomes from before it was measured.
    pub(crate) many_by_index: Option<f64>,
    /// See `many_by_index`.
    pub(crate) medium_by_index: Option<f64>,
    /// See `many_by_index`.
    pub(crate) few_by_index: Option<f64>,
    /// Share of test samples with their label among the five largest logits; missing for five classes or fewer, and in
    /// outcomes from before it was measured.
    pub(crate) top5: Option<f64>,
    /// Expected calibration error on the test split, 15 bins; missing where no softmax was trained, and
    /// in outcomes from before it was measured.
    pub(crate) ece: Option<f64>,
    /// NC1, tr(Σ_W Σ_B⁺) / K, of the training split in evaluation mode after the last epoch.
    pub(crate) nc1: Option<f64>,
    /// NC2: mean |cos + 1/(K−1)| over pairs of centred class means, same features.
    pub(crate) nc2_equiangularity: Option<f64>,
    /// NC2: smallest angle between centred class means, degrees.
    pub(crate) nc2_min_angle: Option<f64>,
    /// NC2: coefficient of variation of the norms of centred class means.
    pub(crate) nc2_norm_cov: Option<f64>,
    /// NC3: ‖W/‖W‖ − M/‖M‖‖², M centred class means.
    pub(crate) nc3: Option<f64>,
    /// Seconds of training and evaluation, all sessions together.
    pub(crate) seconds: f64,
    /// `cpu` or `cuda`, with its model name. This and the commit are those of all sessions, such as `a then b`.
    pub(crate) device: String,
    /// Arithmetic of the convolutions.
    pub(crate) precision: String,
    /// Threads of libtorch.
    #[serde(deserialize_with = "settings::threads")]
    pub(crate) threads: u16,
    /// Version of libtorch; missing in outcomes from before it was written down here.
    pub(crate) libtorch: Option<String>,
    /// How steps reached the device; missing likewise.
    pub(crate) launch: Option<String>,
    /// Commit of the source, with `+` if it had uncommitted changes.
    pub(crate) commit: String,
    /// SHA-256 of images and labels.
    pub(crate) data_digest: String,
    /// SHA-256 of the list of kept training images.
    pub(crate) split_digest: String,
    /// Command that repeats this run alone.
    pub(crate) command: String,
}
