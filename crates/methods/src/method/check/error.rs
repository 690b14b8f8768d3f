//! Why a method is refused, and what to do instead.

use crate::range::OutOfRange;

/// Why a method is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MethodError {
    /// A number out of its range.
    #[error(transparent)]
    Setting(#[from] OutOfRange),
    /// Margins for cosines on logits that are not cosines.
    #[error(
        "loss `ldam` subtracts its margins from cosines, but the head is `{0}`; set head = \"cosine\" or \
         choose another loss"
    )]
    MarginsWithoutCosines(&'static str),
    /// Regression to the rows of a fixed ETF with another head.
    #[error(
        "loss `dot-regression` needs the targets of a fixed ETF, but the head is `{0}`; set head = \"fixed-etf\" or choose \
         another loss"
    )]
    RegressionWithoutEtf(&'static str),
    /// A second stage that changes a linear classifier, after another head.
    #[error(
        "this second stage changes a linear classifier's weights or logits, but the head is `{0}`; leave out `head`, or \
         choose nearest-class-mean (after the cosine head also crt)"
    )]
    StageWithoutLinearHead(&'static str),
    /// Experts on a fixed classifier.
    #[error(
        "experts learn a classifier each, but head `fixed-etf` learns none; set head = \"linear\" or, with loss `ldam`, \"cosine\", or leave \
         out `experts`"
    )]
    ExpertsOnFixedEtf,
    /// Contrast between views with several features each.
    #[error(
        "contrastive learning compares one feature per image, but experts have several; leave out `contrast` or `experts`"
    )]
    ContrastOfExperts,
    /// Pre-training of one network for several experts.
    #[error(
        "pre-training by rotation trains one network, from which experts cannot start; leave out `initial` or `experts`"
    )]
    RotationOfExperts,
    /// A loss from which nothing learns.
    #[error(
        "contrast `k-positive` alone trains the features, and the classifier of head `fixed-etf` learns nothing, so the loss would do \
         nothing; leave out `head`, or choose contrast `balanced` or `probabilistic`"
    )]
    ContrastAloneOnFixedEtf,
    /// Mixing images of two samplers.
    #[error(
        "experts `bilateral` separate the images of two samplers, but `augmentation` mixes them; set augmentation = {{ \
         crop_and_flip = true }}, or choose other experts"
    )]
    MixedBranches,
    /// Two branches on one sampler.
    #[error(
        "experts `bilateral` draw the second branch's images by sampler `reverse`, and the first branch would too; leave out \
         `sampler` and `resample`, or choose other experts"
    )]
    SameSamplerInBranches,
    /// A mixed batch used as a view of its images.
    #[error(
        "this contrast uses the batch as a view of its images, but `augmentation` mixes them; set augmentation = \
         {{ crop_and_flip = true }}, or choose contrast `balanced` or `probabilistic`"
    )]
    ContrastOfMixedImages,
    /// A loss that the contrastive term replaces.
    #[error(
        "contrast `parametric` takes the place of the loss and adjusts for the class sizes itself, so `{0}` would do \
         nothing; leave it out, or choose contrast `balanced` or `probabilistic`"
    )]
    LossOfParametricContrast(&'static str),
    /// A second stage for one classifier, after experts with several.
    #[error(
        "this second stage changes one classifier, but experts have several; choose `expert-assignment`, or leave out \
         `second_stage` or `experts`"
    )]
    StageAfterExperts,
    /// Gates without experts that can answer alone.
    #[error(
        "second stage `expert-assignment` chooses among several experts that can each classify alone; set experts = {{ ride = \
         {{}} }}, or leave out `second_stage`"
    )]
    AssignmentWithoutExperts,
    /// A teacher that sees other images.
    #[error(
        "distillation compares a batch's logits with the teacher's, but each branch of experts `bilateral` sees its \
         own images; leave out `distillation` or `experts`"
    )]
    DistillationOfBranches,
    /// Distillation of logits that are not log-probabilities.
    #[error(
        "distillation compares probabilities, but a fixed ETF's logits are cosines that no loss scales; set head = {{ scaled-cosine = \
         {{ scale = 30 }} }}, or leave out `head` or `distillation`"
    )]
    DistillationOfCosines,
    /// Mixed features with a teacher that sees unmixed images.
    #[error(
        "manifold mixup mixes the student's features, but the teacher sees unmixed images; choose mixup of images, or \
         leave out `distillation`"
    )]
    DistillationOfMixedFeatures,
    /// Unscaled cosines for a loss that needs logits of any size.
    #[error(
        "logits of head `{0}` are cosines, at most 1, and the loss does not scale them, so no probability could come near 1; \
         after head = \"cosine\" choose loss `ldam`, after \"fixed-etf\" `dot-regression`, or set head = {{ scaled-cosine = {{ scale = \
         30 }} }}, or leave it out"
    )]
    CosinesWithoutScale(&'static str),
    /// A later sampler that equals the first one.
    #[error("`resample` names the sampler that is used from the beginning; choose another or leave it out")]
    SameSampler,
    /// A regularizer whose terms have no gradient to the network.
    #[error(
        "`lambda_1` is 0, so the between-class term moves the regularizer's own centres and never the network: it reaches the \
         features through the within-class one; set `lambda_1` above 0, or `lambda_2` to 0 beside a norm penalty on features, or leave \
         the regularizer out"
    )]
    CentresAlone,
    /// A regularizer with no weight.
    #[error(
        "`lambda_1` and `lambda_2` are 0, so the regularizer does nothing; set one above 0, or leave the regularizer out"
    )]
    IdleRegularizer,
    /// Logit adjustment in training and again afterwards.
    #[error(
        "the loss, or the contrast in its place, adjusts logits for the class sizes while it trains, and second stage \
         `logit-adjustment` would do so again; choose loss \"cross-entropy\" alone, or leave out the second stage"
    )]
    PriorTwice,
    /// Logit adjustment twice in training, by the loss and by the experts.
    #[error(
        "these experts adjust logits for the class sizes, and the loss would do so again; choose loss \"cross-entropy\" or \
         other experts"
    )]
    PriorTwiceInExperts,
    /// Logit adjustment of logits that are not log-probabilities.
    #[error(
        "second stage `logit-adjustment` subtracts log-priors from a softmax's logits, but this loss trains no softmax; choose \
         loss \"cross-entropy\" or another second stage"
    )]
    NoSoftmax,
    /// Logit adjustment twice in a second stage, by the loss and by the sampler.
    #[error(
        "the second stage's loss, or the first's where it states none, adjusts logits for the class sizes, and its sampler already \
         balances the classes; set its loss = \"cross-entropy\" or its sampler = \"instance-balanced\""
    )]
    PriorTwiceInStage,
    /// A bound on rows that learnt factors then rescale.
    #[error(
        "`max_norm` bounds the lengths of a classifier's rows, which the factors of second stage `mislas` change again; leave it \
         out, or choose `weight-balancing`"
    )]
    NormsOfScaledClassifier,
    /// A setting of a classifier that the second stage freezes.
    #[error("this second stage freezes the first stage's classifier, which `{0}` would change; leave `{0}` out")]
    FrozenClassifier(&'static str),
    /// A loss for rare classes without a rare class.
    #[error(
        "no class is rare for loss `{loss}`: the smallest has {smallest}, and rare is below {limit}; set `{key}` higher, \
         choose a higher imbalance, or leave the method out with `--methods`"
    )]
    NoRareClass {
        /// As written in a grid.
        loss: &'static str,
        /// Its setting.
        key: &'static str,
        /// Share or number of training images of the smallest class.
        smallest: f64,
        /// That setting.
        limit: f64,
    },
    /// Label counts that the first stage did not keep.
    #[error(
        "the second stage's loss counts labels from the beginning of training, but the first stage's does not; state it \
         as the method's own loss too, or choose another"
    )]
    CountsFromTheMiddle,
}

impl MethodError {
    /// The wrong key, without its part.
    pub fn key(&self) -> &'static str {
        match self {
            MethodError::Setting(setting) => setting.key(),
            MethodError::MarginsWithoutCosines(_)
            | MethodError::RegressionWithoutEtf(_)
            | MethodError::PriorTwice
            | MethodError::PriorTwiceInExperts
            | MethodError::NoSoftmax
            | MethodError::NoRareClass { .. }
            | MethodError::CountsFromTheMiddle => "loss",
            MethodError::StageWithoutLinearHead(_)
            | MethodError::CosinesWithoutScale(_)
            | MethodError::ExpertsOnFixedEtf => "head",
            MethodError::ContrastOfExperts | MethodError::ContrastAloneOnFixedEtf => "contrast",
            MethodError::RotationOfExperts => "initial",
            MethodError::ContrastOfMixedImages | MethodError::MixedBranches => "augmentation",
            MethodError::SameSamplerInBranches => "sampler",
            MethodError::DistillationOfBranches
            | MethodError::DistillationOfCosines
            | MethodError::DistillationOfMixedFeatures => "distillation",
            MethodError::StageAfterExperts | MethodError::AssignmentWithoutExperts | MethodError::PriorTwiceInStage => {
                "second_stage"
            }
            MethodError::NormsOfScaledClassifier => "max_norm",
            MethodError::SameSampler => "resample",
            MethodError::CentresAlone | MethodError::IdleRegularizer => "lambda_1",
            MethodError::FrozenClassifier(key) | MethodError::LossOfParametricContrast(key) => key,
        }
    }
}
