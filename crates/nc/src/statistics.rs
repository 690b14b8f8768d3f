//! One pass over features: class counts, class means and scatter, from which all but NC4 follows.

use tch::{Device, Kind, Tensor, no_grad};

use crate::{Error, check};

/// Rows of features converted to f64 at a time.
pub(crate) const ROWS_AT_ONCE: i64 = 4096;

/// Between-class scatter below this share of the mean squared feature norm is rounding.
const ROUNDING: f64 = 1e-28;

/// Collects class counts, sums and scatter in f64 from batches of features, one at a time.
///
/// Memory is `k·d + d²` numbers however many samples follow. Scatter is updated by Welford's recurrence per class,
/// `S += Σ_i (h_i − μ_before)(h_i − μ_after)ᵀ`, so that nothing cancels when features have all but collapsed.
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
        // A class met for the first time has no mean before; its first mean does as well, and cancels least.
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
    /// [`Error::TooFewPresentClasses`], [`Error::EqualFeatures`], [`Error::CoincidingMeans`], or
    /// [`Error::NotFinite`] where squares of the features are beyond f64.
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
/// and all quantities about features are over those.
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

    /// Class means minus their unweighted mean, `[p, d]`: the vectors whose angles NC2 is about.
    pub fn centred_means(&self) -> &Tensor {
        &self.centred
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

    /// Refuses features whose class means coincide, or whose squares are beyond f64.
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
