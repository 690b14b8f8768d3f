//! The regularizer with its state: one learnable centre per class.

use tch::{Device, Kind, Tensor, no_grad};

use crate::{BeforeStart, Config, Error, InitialCentres, MixedLabels, NormPenalty, between_class, within_class};

/// Draws features to learnable class centres, and the centres apart (Liu et al., AISTATS 2023).
///
/// `lambda_1 · within-class(features, labels, centres) + lambda_2 · between-class(centres) + lambda_3 · norm penalty`,
/// added to any loss. The centres live here and are moved by [`step`](Regularizer::step), beside the model's optimizer.
/// Several experts: give the features averaged over them (`features.mean_dim(1, …)` of `[b, e, d]`), as the authors'
/// fork of RIDE intends.
#[derive(Debug)]
pub struct Regularizer {
    config: Config,
    centres: Tensor,
}

impl Regularizer {
    /// A regularizer for `classes` classes and features of `dimension` entries. The centres start at N(0, 1), drawn
    /// from libtorch's generator (`tch::manual_seed`).
    ///
    /// # Panics
    /// With fewer than two classes, as there is no angle between them, and with settings that [`Config::validate`]
    /// refuses.
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

    /// Whether the centres move in this epoch, counted from 0.
    pub fn is_active(&self, epoch: i64) -> bool {
        epoch >= self.config.start_epoch
    }

    /// Whether the loop should call [`initialise_from_class_means`](Regularizer::initialise_from_class_means) with
    /// the features of the training split before this epoch.
    pub fn wants_class_means(&self, epoch: i64) -> bool {
        self.config.initial_centres == InitialCentres::ClassMeans && epoch == self.config.start_epoch
    }

    /// The regularizer's share of the loss in `epoch` (counted from 0), a scalar.
    ///
    /// Shapes: features `[b, d]`, labels `[b]` i64 in `0..k`. No value is copied to the host.
    pub fn forward(&self, epoch: i64, features: &Tensor, labels: &Tensor) -> Tensor {
        self.total(epoch, features, |centres| self.within(features, labels, centres))
    }

    /// As [`forward`](Regularizer::forward) for a batch mixed with itself: `lambda`, a scalar, is the share of the images that
    /// carry `first`, the rest carries `second` (both `[b]`). [`MixedLabels`] says which of them count.
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

    /// Moves the centres against their gradient and clears it; does nothing if `backward` gave them none.
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

    /// The weighted sum of the terms that have a weight.
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
mod tests {
    use super::*;
    use crate::BetweenClass;

    const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

    fn regularizer(config: Config) -> Regularizer {
        tch::manual_seed(0);
        Regularizer::new(config, 4, 3, Kind::Double, Device::Cpu)
    }

    /// Six samples of classes 0, 1 and 3; class 2 is absent.
    fn batch() -> (Tensor, Tensor) {
        let features = Tensor::randn([6, 3], OPTIONS).set_requires_grad(true);
        (features, Tensor::from_slice(&[0_i64, 0, 1, 3, 3, 3]))
    }

    fn largest_difference(one: &Tensor, other: &Tensor) -> f64 {
        (one - other).abs().max().double_value(&[])
    }

    #[test]
    fn without_weights_it_is_zero_and_the_loss_keeps_its_gradient() {
        let mut nc = regularizer(Config {
            lambda_1: 0.0,
            lambda_2: 0.0,
            ..Config::default()
        });
        let before = nc.centres().copy();
        let (features, labels) = batch();
        let loss = features.sum(Kind::Double) + nc.forward(0, &features, &labels);
        loss.backward();
        nc.step();
        assert!(largest_difference(&features.grad(), &features.ones_like()) < f64::MIN_POSITIVE);
        assert_eq!(nc.centres(), &before);
    }

    #[test]
    fn before_its_start_it_is_off() {
        let nc = regularizer(Config {
            start_epoch: 5,
            ..Config::default()
        });
        let (features, labels) = batch();
        assert!(!nc.forward(4, &features, &labels).requires_grad());
        assert!(nc.forward(4, &features, &labels).double_value(&[]).abs() < f64::MIN_POSITIVE);
        assert!(!nc.is_active(4) && nc.is_active(5));
        assert!(nc.forward(5, &features, &labels).double_value(&[]).abs() > 0.0);
    }

    #[test]
    fn before_its_start_the_codes_variant_draws_features_to_centres_that_stay() {
        let before_start = BeforeStart::WithinClassToFrozenCentres;
        let mut nc = regularizer(Config {
            start_epoch: 5,
            before_start,
            ..Config::default()
        });
        let before = nc.centres().copy();
        let (features, labels) = batch();
        nc.forward(4, &features, &labels).backward();
        nc.step();
        assert!(features.grad().abs().min().double_value(&[]) > 0.0);
        assert_eq!(nc.centres(), &before);
    }

    #[test]
    fn centres_move_to_their_batch_means_at_a_pace_that_lambda_1_does_not_change() {
        for lambda_1 in [0.01, 0.3] {
            let mut nc = regularizer(Config {
                lambda_1,
                lambda_2: 0.0,
                ..Config::default()
            });
            let before = nc.centres().copy();
            let (features, labels) = batch();
            nc.forward(0, &features, &labels).backward();
            nc.step();
            let mean = |rows: &[i64]| {
                features
                    .index_select(0, &Tensor::from_slice(rows))
                    .mean_dim(0, false, None)
            };
            let target = Tensor::stack(&[mean(&[0, 1]), mean(&[2]), before.get(2), mean(&[3, 4, 5])], 0);
            let expected = &before + (target - &before) * (0.5 * 2.0 / 4.0);
            assert!(largest_difference(nc.centres(), &expected) < 1e-9);
        }
    }

    #[test]
    fn without_the_rescale_lambda_1_sets_the_pace() {
        let step = |rescale| {
            let mut nc = regularizer(Config {
                lambda_1: 0.25,
                rescale,
                ..Config::default()
            });
            let before = nc.centres().copy();
            let (features, labels) = batch();
            nc.forward(0, &features, &labels).backward();
            nc.step();
            nc.centres() - before
        };
        assert!(largest_difference(&(step(true) * 0.25), &step(false)) < 1e-15);
    }

    #[test]
    fn without_the_within_class_term_the_centres_follow_the_between_class_gradient_as_it_is() {
        let mut nc = regularizer(Config {
            lambda_1: 0.0,
            lambda_2: 0.5,
            ..Config::default()
        });
        let before = nc.centres().detach().set_requires_grad(true);
        between_class(&before, BetweenClass::V0).backward();
        let (features, labels) = batch();
        nc.forward(0, &features, &labels).backward();
        assert!(!features.grad().defined());
        let start = nc.centres().detach().copy();
        nc.step();
        assert!(largest_difference(nc.centres(), &(start - before.grad() * (0.5 * 0.5))) < 1e-15);
    }

    #[test]
    fn a_step_without_a_gradient_moves_nothing_and_a_gradient_is_used_once() {
        let mut nc = regularizer(Config::default());
        let start = nc.centres().copy();
        nc.step();
        assert_eq!(nc.centres(), &start);
        let (features, labels) = batch();
        nc.forward(0, &features, &labels).backward();
        nc.step();
        let moved = nc.centres().copy();
        nc.step();
        assert_eq!(nc.centres(), &moved);
        assert_ne!(moved, start);
    }

    #[test]
    fn mixed_batches_use_the_first_labels_or_blend_the_within_class_term_alone() {
        let (features, first) = batch();
        let second = first.flip(0);
        let blended = |mixed_labels| {
            let nc = regularizer(Config {
                mixed_labels,
                ..Config::default()
            });
            let plain = |labels| nc.forward(0, &features, labels).double_value(&[]);
            let mixed = nc
                .forward_mixed(0, &features, &first, &second, &Tensor::from(0.3))
                .double_value(&[]);
            (mixed, plain(&first), plain(&second))
        };
        let (mixed, of_first, _) = blended(MixedLabels::First);
        assert!((mixed - of_first).abs() < f64::MIN_POSITIVE);
        let (mixed, of_first, of_second) = blended(MixedLabels::Weighted);
        assert!((mixed - 0.3 * of_first - 0.7 * of_second).abs() < 1e-12);
        assert!((of_first - of_second).abs() > 1e-6);
    }

    #[test]
    fn the_feature_norm_penalty_is_the_mean_squared_norm() {
        let config = Config {
            lambda_1: 0.0,
            lambda_2: 0.0,
            lambda_3: 2.0,
            ..Config::default()
        };
        let nc = regularizer(Config {
            norm_penalty: NormPenalty::Features,
            ..config
        });
        let (features, labels) = batch();
        let expected = 2.0 * features.square().sum(Kind::Double).double_value(&[]) / 6.0;
        assert!((nc.forward(0, &features, &labels).double_value(&[]) - expected).abs() < 1e-12);
    }

    #[test]
    fn saved_centres_restore_the_next_step_exactly() {
        let (features, labels) = batch();
        let advance = |nc: &mut Regularizer| {
            nc.forward(0, &features, &labels).backward();
            nc.step();
        };
        let mut straight = regularizer(Config::default());
        advance(&mut straight);
        let saved = straight.centres().detach().copy();
        advance(&mut straight);
        let mut resumed = Regularizer::new(Config::default(), 4, 3, Kind::Double, Device::Cpu);
        resumed.set_centres(&saved).expect("centres of the same shape");
        advance(&mut resumed);
        assert_eq!(resumed.centres(), straight.centres());
    }

    #[test]
    fn centres_of_another_shape_or_with_a_nan_are_refused() {
        let mut nc = regularizer(Config::default());
        let error = nc
            .set_centres(&Tensor::zeros([4, 2], OPTIONS))
            .expect_err("the dimension is 3");
        assert_eq!(
            error.to_string(),
            "centres have shape [4, 2]; give them as [4, 3], classes by feature dimension"
        );
        let error = nc
            .set_centres(&Tensor::full([4, 3], f64::NAN, OPTIONS))
            .expect_err("a NaN");
        assert_eq!(error, Error::NotFinite { what: "centres" });
    }

    #[test]
    fn class_means_replace_the_centres_of_present_classes() {
        let mut nc = regularizer(Config {
            initial_centres: InitialCentres::ClassMeans,
            start_epoch: 3,
            ..Config::default()
        });
        assert!(nc.wants_class_means(3) && !nc.wants_class_means(0) && !nc.wants_class_means(4));
        let before = nc.centres().copy();
        let (features, labels) = batch();
        nc.initialise_from_class_means(&features, &labels)
            .expect("labels in range");
        assert!(largest_difference(&nc.centres().get(1), &features.get(2)) < 1e-12);
        assert_eq!(nc.centres().get(2), before.get(2));
        assert!(nc.centres().requires_grad());
        let wrong = nc.initialise_from_class_means(&features, &(&labels + 1));
        assert_eq!(wrong, Err(Error::LabelOutOfRange { label: 4, classes: 4 }));
    }

    #[test]
    #[should_panic(expected = "at least 2 classes, not 1")]
    fn one_class_is_refused() {
        Regularizer::new(Config::default(), 1, 3, Kind::Float, Device::Cpu);
    }
}
