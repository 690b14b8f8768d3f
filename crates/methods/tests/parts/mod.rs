//! One of every arm, for tests that iterate over all of them.

use methods::{Bilateral, Experts, Head, Loss, Ncl, Ride, Sade, SmoothingShape};

/// Every loss; one that starts late starts at `start_epoch`.
pub(crate) fn losses(start_epoch: i64) -> [Loss; 21] {
    [
        Loss::CrossEntropy,
        Loss::LabelSmoothing { smoothing: 0.1 },
        Loss::LabelAwareSmoothing {
            head: 0.4,
            tail: 0.1,
            shape: SmoothingShape::Concave,
        },
        Loss::LabelAwareSmoothing {
            head: 0.3,
            tail: 0.0,
            shape: SmoothingShape::Power { exponent: 0.5 },
        },
        Loss::Focal { gamma: 1.0 },
        Loss::SigmoidFocal { gamma: 0.5 },
        Loss::Poly { epsilon: 2.0 },
        Loss::SoftmaxBinaryCrossEntropy,
        Loss::Ldam {
            max_margin: 0.5,
            scale: 30.0,
        },
        Loss::BalancedSoftmax,
        Loss::LogitAdjustment { tau: 1.5 },
        Loss::ClassDependentTemperatures { gamma: 0.2 },
        Loss::VectorScaling { gamma: 0.3, tau: 1.0 },
        Loss::Equalization {
            rare_share: 0.2,
            probability: 0.9,
        },
        Loss::SigmoidEqualization { rare_count: 20 },
        Loss::Seesaw {
            mitigation: 0.8,
            compensation: 2.0,
            least_probability: 0.01,
        },
        Loss::InfluenceBalanced {
            alpha: 1000.0,
            start_epoch,
        },
        Loss::Lade {
            alpha: 0.1,
            lambda: 0.01,
        },
        Loss::MeanSquaredError,
        Loss::AttractionRepulsion,
        Loss::DotRegression { balanced_lengths: true },
    ]
}

/// A head that fits `loss`.
pub(crate) fn head_for(loss: Loss) -> Head {
    match loss {
        Loss::Ldam { .. } => Head::Cosine,
        Loss::DotRegression { .. } => Head::FixedEtf,
        _ => Head::Linear,
    }
}

/// Every ensemble; cumulative learning takes `epochs`.
pub(crate) fn ensembles(epochs: i64) -> [Experts; 4] {
    [
        Experts::Ride(Ride {
            experts: 2,
            diversity: 0.45,
            temperature: 1.0,
            frequency: 0.05,
        }),
        Experts::Sade(Sade { tau: 2.0 }),
        Experts::Bilateral(Bilateral { epochs }),
        Experts::Ncl(Ncl {
            experts: 2,
            hard_share: 0.4,
            collaboration: 0.6,
        }),
    ]
}
