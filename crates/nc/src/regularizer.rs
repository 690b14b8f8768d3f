//! The regularizer with its state: one learnable centre per class.

use tch::{Device, Kind, Tensor, no_grad};

use crate::{BeforeStart, Config, Error, InitialCentres, MixedLabels, NormPenalty, between_class, within_class};

/// Pulls features to learnable class centres and pushes the centres apart (Liu et al., AISTATS 2023).
///
/// `lambda_1 · within-class(features, labels, centres) + lambda_2 · between-class(centres) + lambda_3 · norm penalty`,
/// added to any loss. The centres belong to this struct; [`step`](Regularizer::step) moves them, next to the model's
/// optimizer. With several experts, pass the features averaged over them (`features.mean_dim(1, …)` of `[b, e, d]`), as
/// the authors' fork of RIDE intends.
#[derive(Debug)]
pub struct Regularizer {
    config: Config,
    centres: Tensor,
}

impl Regularizer {
    /// A regularizer for `classes` classes and features of `dimension` entries. The centres start as draws from N(0, 1)
    /// by libtorch's generator (`tch::manual_seed`).
    ///
    /// # Panics
    /// On fewer than two classes, which have no angle between them, and on settings that [`Config::validate`] rejects.
    pub fn new(config: Config, classes: i64, dimension: i64, kind: Kind, device: Device) -> Self {
        assert!(
            classes >= 2,
            "the neural collapse regularizer needs at least 2 classes, not {classes}"
        );
        if let Err(error) = config.validate() {
            panic!("{error}");
        }
        let centres = Tensor::randn([classes, dimension], (kind, device)).set_requires_grad(true);
        Regularizer { config, centres }
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The centres `[k, d]`: a leaf whose gradient [`step`](Regularizer::step) consumes.
    pub fn centres(&self) -> &Tensor {
        &self.centres
    }

    /// Overwrites the centres, as when a checkpoint is restored. The tensor stays the same leaf.
    ///
    /// # Errors
    /// [`Error::Shape`] unless `centres` is `[k, d]`, [`Error::NotFinite`] if it holds a NaN or an infinity.
    pub fn set_centres(&mut self, centres: &Tensor) -> Result<(), Error> {
        if centres.size() != self.centres.size() {
            let expected = format!("{:?}, classes by feature dimension", self.centres.size());
            return Err(Error::Shape {
                what: "centres",
                expected,
                found: centres.size(),
            });
        }
        if centres.isfinite().all().int64_value(&[]) == 0 {
            return Err(Error::NotFinite { what: "centres" });
        }
        no_grad(|| self.centres.copy_(centres));
        Ok(())
    }

    /// Whether the centres move in this 0-based epoch.
    pub fn is_active(&self, epoch: i64) -> bool {
        epoch >= self.config.start_epoch
    }

    /// Whether the loop should call [`initialise_from_class_means`](Regularizer::initialise_from_class_means) with
    /// the features of the training split before this epoch.
    pub fn wants_class_means(&self, epoch: i64) -> bool {
        self.config.initial_centres == InitialCentres::ClassMeans && epoch == self.config.start_epoch
    }

    /// The regularizer's term of the loss in `epoch` (0-based), a scalar.
    ///
    /// Shapes: features `[b, d]`, labels `[b]` i64 in `0..k`. No value is copied to the host.
    pub fn forward(&self, epoch: i64, features: &Tensor, labels: &Tensor) -> Tensor {
        self.total(epoch, features, |centres| self.within(features, labels, centres))
    }

    /// As [`forward`](Regularizer::forward) for a batch mixed with itself: the labels `first` have weight `lambda`, a
    /// scalar, the labels `second` the rest (both `[b]`). [`MixedLabels`] says which of them count.
    pub fn forward_mixed(
        &self,
        epoch: i64,
        features: &Tensor,
        first: &Tensor,
        second: &Tensor,
        lambda: &Tensor,
    ) -> Tensor {
        self.total(epoch, features, |centres| match self.config.mixed_labels {
            MixedLabels::First => self.within(features, first, centres),
            MixedLabels::Weighted => {
                self.within(features, first, centres) * lambda + self.within(features, second, centres) * (1.0 - lambda)
            }
        })
    }

    /// The gradient of the centres `[k, d]`, if they have one before [`Regularizer::step`]: processes that share a batch add theirs up.
    pub fn centre_gradients(&self) -> Option<Tensor> {
        Some(self.centres.grad()).filter(Tensor::defined)
    }

    /// Moves the centres against their gradient and clears it; does nothing if they have no gradient.
    ///
    /// Plain SGD: `c ← c − centre_rate · gradient / lambda_1` (without the division if `rescale` is off or `lambda_1`
    /// is 0). Source: `engine_cifar.py` of the public code.
    pub fn step(&mut self) {
        let gradient = self.centres.grad();
        if !gradient.defined() {
            return;
        }
        let rescale = if self.config.rescale && self.config.lambda_1 > 0.0 {
            1.0 / self.config.lambda_1
        } else {
            1.0
        };
        no_grad(|| {
            let _ = self.centres.g_sub_(&(gradient * rescale * self.config.centre_rate));
        });
        self.centres.zero_grad();
    }

    /// Sets each centre to the mean of its class's features. A class without a sample keeps its centre.
    ///
    /// Shapes: features `[n, d]`, labels `[n]` i64.
    ///
    /// # Errors
    /// As [`Accumulator::add`](crate::Accumulator::add): labels out of range, shape mismatch, NaN.
    pub fn initialise_from_class_means(&mut self, features: &Tensor, labels: &Tensor) -> Result<(), Error> {
        let (classes, dimension) = (self.centres.size()[0], self.centres.size()[1]);
        crate::check::batch(features, labels, classes, dimension)?;
        let options = (Kind::Double, features.device());
        let sums = Tensor::zeros([classes, dimension], options).index_add(0, labels, &features.to_kind(Kind::Double));
        let counts = Tensor::zeros(classes, options).index_add(0, labels, &labels.ones_like().to_kind(Kind::Double));
        let means = (sums / counts.clamp_min(1.0).unsqueeze(-1))
            .to_kind(self.centres.kind())
            .to(self.centres.device());
        let present = counts.gt(0.0).unsqueeze(-1).to(self.centres.device());
        no_grad(|| {
            let centres = means.where_self(&present, &self.centres);
            self.centres.copy_(&centres);
        });
        Ok(())
    }

    fn within(&self, features: &Tensor, labels: &Tensor, centres: &Tensor) -> Tensor {
        within_class(
            features,
            labels,
            centres,
            self.config.within,
            self.config.absent_classes,
        )
    }

    /// The weighted sum of the terms with a nonzero weight.
    fn total(&self, epoch: i64, features: &Tensor, within: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let config = &self.config;
        let zero = Tensor::zeros([], (self.centres.kind(), self.centres.device()));
        let centres = match (self.is_active(epoch), config.before_start) {
            (true, _) => self.centres.shallow_clone(),
            (false, BeforeStart::Off) => return zero,
            (false, BeforeStart::WithinClassToFrozenCentres) => self.centres.detach(),
        };
        let mut total = zero;
        if config.lambda_1 > 0.0 {
            total += within(&centres) * config.lambda_1;
        }
        if config.lambda_2 > 0.0 {
            total += between_class(&centres, config.between) * config.lambda_2;
        }
        if config.lambda_3 > 0.0 {
            total += norm_penalty(features, &centres, config.norm_penalty) * config.lambda_3;
        }
        total
    }
}

/// Squared norm of the centres' mean, or mean squared norm of the features (see [`NormPenalty`]): scalar.
pub fn norm_penalty(features: &Tensor, centres: &Tensor, penalty: NormPenalty) -> Tensor {
    match penalty {
        NormPenalty::CentreMean => centres.mean_dim(0, false, None::<Kind>).square().sum(None::<Kind>),
        NormPenalty::Features => {
            let features = features.to_kind(centres.kind());
            features
                .square()
                .sum_dim_intlist(-1, false, None::<Kind>)
                .mean(None::<Kind>)
        }
    }
}

#[cfg(test)]
mod tests;
