//! One pass over features: class counts, class means and scatter, from which all but NC4 follows.

use tch::{Device, Kind, Tensor, no_grad};

use crate::{Error, check};

/// Rows of features converted to f64 at a time: few enough that features of dimension 2048 stay near the caches.
pub(crate) const ROWS_AT_ONCE: i64 = 1024;

/// Between-class scatter below this share of the mean squared feature norm is rounding error.
const ROUNDING: f64 = 1e-28;

/// Collects class counts, sums and scatter in f64 from batches of features, one at a time.
///
/// Memory is `k·d + d²` numbers, whatever the number of samples. Scatter is updated by Welford's recurrence per class,
/// `S += Σ_i (h_i − μ_before)(h_i − μ_after)ᵀ`, so that nothing cancels when features have nearly collapsed.
#[derive(Debug)]
pub struct Accumulator {
    classes: i64,
    dimension: i64,
    device: Device,
    counts: Tensor,         // [k]
    sums: Tensor,           // [k, d]
    within_scatter: Tensor, // [d, d]
    class_scatter: Tensor,  // [k], the share of each class in the trace of within_scatter
}

impl Accumulator {
    /// An empty accumulator on `device`, where batches will be moved.
    ///
    /// # Errors
    /// [`Error::TooFewClasses`] below two classes.
    pub fn new(classes: i64, dimension: i64, device: Device) -> Result<Self, Error> {
        if classes < 2 {
            return Err(Error::TooFewClasses { classes });
        }
        let options = (Kind::Double, device);
        Ok(Accumulator {
            classes,
            dimension,
            device,
            counts: Tensor::zeros(classes, options),
            sums: Tensor::zeros([classes, dimension], options),
            within_scatter: Tensor::zeros([dimension, dimension], options),
            class_scatter: Tensor::zeros(classes, options),
        })
    }

    /// Adds a batch: features `[b, d]` of any floating kind, labels `[b]` i64. An error leaves the accumulator as it
    /// was.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kind`], [`Error::LabelOutOfRange`], or [`Error::NotFinite`].
    pub fn add(&mut self, features: &Tensor, labels: &Tensor) -> Result<(), Error> {
        check::batch(features, labels, self.classes, self.dimension)?;
        no_grad(|| {
            for (features, labels) in features
                .split(ROWS_AT_ONCE, 0)
                .iter()
                .zip(labels.split(ROWS_AT_ONCE, 0))
            {
                self.update(
                    &features.to_device(self.device).to_kind(Kind::Double),
                    &labels.to_device(self.device),
                );
            }
        });
        Ok(())
    }

    fn update(&mut self, features: &Tensor, labels: &Tensor) {
        let counts_before = self.counts.index_select(0, labels).unsqueeze(-1); // [b, 1]
        let sums_before = self.sums.index_select(0, labels); // [b, d]
        let _ = self
            .counts
            .index_add_(0, labels, &labels.ones_like().to_kind(Kind::Double));
        let _ = self.sums.index_add_(0, labels, features);
        let means_after = self.sums.index_select(0, labels) / self.counts.index_select(0, labels).unsqueeze(-1);
        // A class seen for the first time has no mean yet; its new mean serves instead, and cancels least.
        let means_before = (sums_before / &counts_before).where_self(&counts_before.gt(0.0), &means_after);
        let (before, after) = (features - means_before, features - means_after);
        let _ = self
            .class_scatter
            .index_add_(0, labels, &(&before * &after).sum_dim_intlist(-1, false, None::<Kind>));
        let _ = self.within_scatter.addmm_(&before.tr(), &after);
    }

    /// Class means and scatter of everything added.
    ///
    /// # Errors
    /// [`Error::TooFewPresentClasses`], [`Error::EqualFeatures`], [`Error::CoincidingMeans`], or [`Error::NotFinite`]
    /// where squares of the features overflow f64.
    pub fn finish(self) -> Result<Statistics, Error> {
        let present = self.counts.gt(0.0).nonzero().squeeze_dim(-1); // [p]
        if present.size()[0] < 2 {
            return Err(Error::TooFewPresentClasses {
                present: present.size()[0],
                classes: self.classes,
            });
        }
        let counts = self.counts.index_select(0, &present);
        let means = self.sums.index_select(0, &present) / counts.unsqueeze(-1);
        let samples = counts.sum(Kind::Double).double_value(&[]);
        let sample_mean = counts.unsqueeze(0).matmul(&means).squeeze_dim(0) / samples;
        let centred = &means - means.mean_dim(0, true, None::<Kind>);
        let statistics = Statistics {
            classes: self.classes,
            samples,
            sample_mean,
            class_scatter: self.class_scatter.index_select(0, &present).clamp_min(0.0),
            within_scatter: (&self.within_scatter + self.within_scatter.tr()) / 2.0,
            present,
            counts,
            means,
            centred,
        };
        statistics.check_spread()?;
        Ok(statistics)
    }
}

/// Class means and scatter of a set of features, in f64. Classes without a sample are left out: `p ≤ k` are present,
/// and all statistics of features are over those.
#[derive(Debug)]
pub struct Statistics {
    pub(crate) classes: i64,
    pub(crate) samples: f64,
    pub(crate) present: Tensor,        // [p] i64, ascending
    pub(crate) counts: Tensor,         // [p]
    pub(crate) means: Tensor,          // [p, d]
    pub(crate) centred: Tensor,        // [p, d]
    pub(crate) sample_mean: Tensor,    // [d]
    pub(crate) within_scatter: Tensor, // [d, d]
    pub(crate) class_scatter: Tensor,  // [p]
}

impl Statistics {
    /// Indices of the classes that have a sample, `[p]` i64, ascending.
    pub fn present(&self) -> &Tensor {
        &self.present
    }

    /// Samples per present class, `[p]`.
    pub fn counts(&self) -> &Tensor {
        &self.counts
    }

    /// Class means, `[p, d]`.
    pub fn means(&self) -> &Tensor {
        &self.means
    }

    /// Unweighted mean of the class means, `[d]`.
    pub fn global_mean(&self) -> Tensor {
        self.means.mean_dim(0, false, None::<Kind>)
    }

    /// Mean squared distance of each class's features to their mean, `[p]`.
    pub fn within_variances(&self) -> Tensor {
        &self.class_scatter / &self.counts
    }

    /// Number of present classes.
    pub(crate) fn present_classes(&self) -> f64 {
        self.present.size()[0] as f64
    }

    /// Rejects features whose class means coincide, or whose squares overflow f64.
    fn check_spread(&self) -> Result<(), Error> {
        let within = self.class_scatter.sum(Kind::Double).double_value(&[]) / self.samples;
        let between = self.centred.square().sum(Kind::Double).double_value(&[]) / self.present_classes();
        let squared_norm = self.means.square().sum(Kind::Double).double_value(&[]) / self.present_classes() + within;
        if !squared_norm.is_finite() {
            return Err(Error::NotFinite {
                what: "squared features",
            });
        }
        match (between <= ROUNDING * squared_norm, within <= ROUNDING * squared_norm) {
            (true, true) => Err(Error::EqualFeatures),
            (true, false) => Err(Error::CoincidingMeans),
            (false, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

    fn largest_difference(one: &Tensor, other: &Tensor) -> f64 {
        (one - other).abs().max().double_value(&[])
    }

    #[test]
    fn means_and_scatter_are_their_definitions() {
        tch::manual_seed(0);
        let features = Tensor::randn([7, 3], OPTIONS);
        let labels = Tensor::from_slice(&[0_i64, 2, 2, 0, 2, 0, 0]); // of four classes, 1 and 3 are absent
        let mut accumulator = Accumulator::new(4, 3, Device::Cpu).expect("four classes");
        for (features, labels) in features.split(3, 0).iter().zip(labels.split(3, 0)) {
            accumulator.add(features, &labels).expect("a valid batch");
        }
        let statistics = accumulator.finish().expect("two classes are present");
        let rows_at = |rows: &[i64]| features.index_select(0, &Tensor::from_slice(rows));
        let (first, third) = (rows_at(&[0, 3, 5, 6]), rows_at(&[1, 2, 4]));
        let mean = |rows: &Tensor| rows.mean_dim(0, false, None::<Kind>);
        let means = Tensor::stack(&[mean(&first), mean(&third)], 0);
        let (first, third) = (&first - mean(&first), &third - mean(&third));
        assert_eq!(statistics.present(), &Tensor::from_slice(&[0_i64, 2]));
        assert_eq!(statistics.counts(), &Tensor::from_slice(&[4.0_f64, 3.0]));
        assert!(largest_difference(statistics.means(), &means) < 1e-15);
        assert!(largest_difference(&statistics.global_mean(), &mean(&means)) < 1e-15);
        assert!(largest_difference(&statistics.sample_mean, &mean(&features)) < 1e-15);
        let scatter = first.tr().matmul(&first) + third.tr().matmul(&third);
        assert!(largest_difference(&statistics.within_scatter, &scatter) < 1e-14);
        let variance = |rows: &Tensor| rows.square().sum(Kind::Double).double_value(&[]) / rows.size()[0] as f64;
        let variances = Tensor::from_slice(&[variance(&first), variance(&third)]);
        assert!(largest_difference(&statistics.within_variances(), &variances) < 1e-14);
    }

    #[test]
    fn a_small_spread_far_from_the_origin_keeps_its_digits_over_many_batches() {
        let spread = Tensor::from_slice2(&[[1.0_f64, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]]) / 1024.0;
        let offsets = Tensor::from_slice2(&[[1e6_f64, 0.0], [1e6, 0.0], [0.0, 1e6], [0.0, 1e6]]);
        let labels = Tensor::from_slice(&[0_i64, 0, 1, 1]);
        let mut accumulator = Accumulator::new(2, 2, Device::Cpu).expect("two classes");
        for _ in 0..100 {
            accumulator.add(&(&spread + &offsets), &labels).expect("a valid batch");
        }
        let variances = accumulator.finish().expect("two classes").within_variances() * 1024.0 * 1024.0;
        // Mean square minus squared mean would have no digit left: 1e12 against 1e-6.
        assert!(largest_difference(&variances, &Tensor::from_slice(&[1.0_f64, 4.0])) < 1e-6);
    }

    #[test]
    fn a_refused_batch_leaves_no_trace() {
        let features = Tensor::randn([4, 2], OPTIONS);
        let labels = Tensor::from_slice(&[0_i64, 1, 0, 1]);
        let mut accumulator = Accumulator::new(2, 2, Device::Cpu).expect("two classes");
        accumulator.add(&features, &labels).expect("a valid batch");
        assert!(accumulator.add(&features, &(&labels + 1)).is_err());
        assert!(accumulator.add(&(&features / 0.0), &labels).is_err());
        let statistics = accumulator.finish().expect("two classes");
        assert_eq!(statistics.counts(), &Tensor::from_slice(&[2.0_f64, 2.0]));
    }
}
