//! The neural collapse report: NC1 to NC4 of a set of features, as one flat row and as a table by class.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad};

use crate::angles::{Pairs, mean_and_deviation, nearest_rows, simplex_distance, sum};
use crate::classifier::Duality;
use crate::{Accumulator, Agreement, Error, LinearClassifier, NearestMean, Statistics};

/// Neural collapse of a set of features (and of a classifier), computed in f64.
///
/// `μ_k` are class means, `m_k = μ_k − μ_G` those minus their unweighted mean, `w_k` the classifier's rows. Classes
/// without a sample are left out of everything about means; p classes are present. Numbers of the classifier are about
/// all k rows, unless they compare them with means. The numbers do not say whether the features come from a pass in
/// train mode (augmented images, batch statistics) or in eval mode: store the name of the pass with them.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(deny_unknown_fields))]
pub struct Metrics {
    /// Number of samples.
    pub samples: i64,
    /// Number of classes.
    pub classes: i64,
    /// Number of classes with at least one sample, p.
    pub present_classes: i64,
    /// Length of a feature vector.
    pub dimension: i64,

    /// NC1: `tr(Σ_W Σ_B⁺) / p` ([`Statistics::variability_collapse`]). 0 when collapsed.
    pub nc1: f64,
    /// NC1 as logged by the code of Liu et al. (2023) ([`Statistics::variability_collapse_liu`]).
    pub nc1_liu: f64,
    /// `tr(Σ_W) / tr(Σ_B)`.
    pub nc1_trace_quotient: f64,
    /// NC1 by pairs: class-distance normalised variance; None if two class means coincide.
    pub nc1_class_distance_variance: Option<f64>,

    /// NC2: unbiased standard deviation over mean of `‖m_k‖`. 0 when collapsed.
    pub nc2_norm_variation: f64,
    /// NC2: mean over pairs of `|cos(m_j, m_k) + 1/(p−1)|`. 0 when collapsed.
    pub nc2_equiangularity: f64,
    /// Distance of the scaled Gram matrix of the `m_k` from that of a simplex ETF. 0 when collapsed.
    pub nc2_simplex_distance: f64,
    /// Largest cosine of two `m_k`.
    pub nc2_largest_cosine: f64,
    /// Smallest angle between two `m_k`, degrees.
    pub nc2_smallest_angle_degrees: f64,
    /// Mean over pairs of the angle between two `m_k`, degrees.
    pub nc2_mean_angle_degrees: f64,
    /// Mean over classes of the angle to the nearest other `m_k`, degrees: what the between-class term raises.
    pub nc2_mean_nearest_angle_degrees: f64,
    /// Mean over pairs of the distance between the unit vectors of the `m_k`.
    pub nc2_distance_mean: f64,
    /// Its variance over pairs. 0 when collapsed.
    pub nc2_distance_variance: f64,
    /// Mean over pairs of minus the logarithm of that distance; None if two directions coincide.
    pub nc2_log_distance_mean: Option<f64>,
    /// Its variance over pairs. 0 when collapsed.
    pub nc2_log_distance_variance: Option<f64>,
    /// Mean of `‖m_k‖`.
    pub mean_norm: f64,
    /// Standard deviation over mean of `‖μ_k‖`, not centred.
    pub uncentred_norm_variation: f64,

    /// Mean of `‖w_k‖`.
    pub classifier_norm: Option<f64>,
    /// Unbiased standard deviation of `‖w_k‖`.
    pub classifier_norm_deviation: Option<f64>,
    /// NC2 of the classifier: standard deviation over mean of `‖w_k‖`; None if all are 0.
    pub classifier_norm_variation: Option<f64>,
    /// NC2 of the classifier: mean over pairs of `|cos(w_j, w_k) + 1/(k−1)|`.
    pub classifier_equiangularity: Option<f64>,
    /// Largest cosine of two rows.
    pub classifier_largest_cosine: Option<f64>,
    /// Smallest angle between two rows, degrees.
    pub classifier_smallest_angle_degrees: Option<f64>,

    /// NC3: `‖W/‖W‖_F − M/‖M‖_F‖²` (squared, as in the code of Liu et al.). 0 when collapsed.
    pub nc3: Option<f64>,
    /// Mean of `cos(w_k, m_k)`. 1 when collapsed.
    pub nc3_mean_cosine: Option<f64>,
    /// Distance of the scaled `W Mᵀ` from the Gram matrix of a simplex ETF; None if that is zero. 0 when collapsed.
    pub nc3_simplex_distance: Option<f64>,
    /// Unbiased variance over classes of `w_k · m_k`. 0 when collapsed.
    pub nc3_product_variance: Option<f64>,

    /// Share of samples nearest to the mean of their own class.
    pub nearest_mean_accuracy: Option<f64>,
    /// Share of samples that the classifier gets right.
    pub accuracy: Option<f64>,
    /// NC4: share of samples that the classifier and the nearest class mean classify differently. 0 when collapsed.
    pub nc4: Option<f64>,
    /// Share of samples on which the classifier without its bias agrees with the nearest class mean.
    pub nc4_agreement_without_bias: Option<f64>,
}

/// One class's row of the report. None where the class has no sample, or no classifier was given.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(deny_unknown_fields))]
pub struct ClassMetrics {
    /// Index of the class.
    pub class: i64,
    /// Number of its samples.
    pub samples: i64,
    /// Mean squared distance of its features to their mean.
    pub within_variance: Option<f64>,
    /// `‖μ_k‖`.
    pub uncentred_norm: Option<f64>,
    /// `‖m_k‖`.
    pub mean_norm: Option<f64>,
    /// The class with the smallest angle to it.
    pub nearest_class: Option<i64>,
    /// That angle, degrees.
    pub nearest_angle_degrees: Option<f64>,
    /// `‖w_k‖`.
    pub classifier_norm: Option<f64>,
    /// Its share of NC3, `‖w_k/‖W‖_F − m_k/‖M‖_F‖²`.
    pub nc3: Option<f64>,
    /// `cos(w_k, m_k)`.
    pub nc3_cosine: Option<f64>,
    /// Distance between the unit vectors of `w_k` and `m_k`.
    pub nc3_distance: Option<f64>,
}

/// Measures neural collapse of features `[n, d]` with labels `[n]` i64 in `0..classes`, and of a classifier if given.
/// Works on the features' device, in batches, in f64.
///
/// # Errors
/// [`Error::TooFewClasses`], [`Error::Shape`], [`Error::Kind`], [`Error::LabelOutOfRange`], [`Error::NotFinite`],
/// [`Error::TooFewPresentClasses`], [`Error::EqualFeatures`], [`Error::CoincidingMeans`].
pub fn measure(
    features: &Tensor,
    labels: &Tensor,
    classes: i64,
    classifier: Option<&LinearClassifier>,
) -> Result<Metrics, Error> {
    let dimension = features.size().last().copied().unwrap_or(0);
    let mut accumulator = Accumulator::new(classes, dimension, features.device())?;
    accumulator.add(features, labels)?;
    let statistics = accumulator.finish()?;
    let mut nearest_mean = NearestMean::new(&statistics, classifier)?;
    nearest_mean.add(features, labels)?;
    statistics.metrics(classifier, Some(nearest_mean.finish()?))
}

impl Statistics {
    /// The report. Numbers that need a classifier or a second pass are None without one.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kind`] or [`Error::NotFinite`] about the classifier.
    pub fn metrics(
        &self,
        classifier: Option<&LinearClassifier>,
        agreement: Option<Agreement>,
    ) -> Result<Metrics, Error> {
        let classifier = classifier
            .map(|classifier| classifier.converted_for(self))
            .transpose()?;
        Ok(no_grad(|| self.report(classifier.as_ref(), agreement)))
    }

    fn report(&self, classifier: Option<&LinearClassifier>, agreement: Option<Agreement>) -> Metrics {
        let norms = |rows: &Tensor| mean_and_deviation(&rows.norm_scalaropt_dim(2, -1, false));
        let pairs = Pairs::of(&self.centred);
        let (mean_norm, norm_deviation) = norms(&self.centred);
        let (uncentred_norm, uncentred_deviation) = norms(&self.means);
        let classifier_norms = classifier.map(|classifier| norms(&classifier.weight));
        let classifier_pairs = classifier.map(|classifier| Pairs::of(&classifier.weight));
        let duality = classifier.map(|classifier| Duality::of(&classifier.weight, self));
        Metrics {
            samples: self.samples as i64,
            classes: self.classes,
            present_classes: self.present.size()[0],
            dimension: self.means.size()[1],
            nc1: self.variability_collapse(),
            nc1_liu: self.variability_collapse_liu(),
            nc1_trace_quotient: self.trace_quotient(),
            nc1_class_distance_variance: self.class_distance_variance(),
            nc2_norm_variation: norm_deviation / mean_norm,
            nc2_equiangularity: pairs.equiangularity,
            nc2_simplex_distance: simplex_distance(&self.centred, &self.centred)
                .expect("class means differ: checked in finish"),
            nc2_largest_cosine: pairs.largest_cosine,
            nc2_smallest_angle_degrees: pairs.largest_cosine.acos().to_degrees(),
            nc2_mean_angle_degrees: pairs.mean_angle.to_degrees(),
            nc2_mean_nearest_angle_degrees: pairs.mean_nearest_angle.to_degrees(),
            nc2_distance_mean: pairs.distance.0,
            nc2_distance_variance: pairs.distance.1,
            nc2_log_distance_mean: pairs.log_distance.map(|moments| moments.0),
            nc2_log_distance_variance: pairs.log_distance.map(|moments| moments.1),
            mean_norm,
            uncentred_norm_variation: uncentred_deviation / uncentred_norm,
            classifier_norm: classifier_norms.map(|norms| norms.0),
            classifier_norm_deviation: classifier_norms.map(|norms| norms.1),
            classifier_norm_variation: classifier_norms
                .map(|norms| norms.1 / norms.0)
                .filter(|ratio| ratio.is_finite()),
            classifier_equiangularity: classifier_pairs.map(|pairs| pairs.equiangularity),
            classifier_largest_cosine: classifier_pairs.map(|pairs| pairs.largest_cosine),
            classifier_smallest_angle_degrees: classifier_pairs.map(|pairs| pairs.largest_cosine.acos().to_degrees()),
            nc3: duality.as_ref().map(|duality| sum(&duality.shares)),
            nc3_mean_cosine: duality
                .as_ref()
                .map(|duality| sum(&duality.cosines) / self.present_classes()),
            nc3_simplex_distance: duality.as_ref().and_then(|duality| duality.simplex_distance),
            nc3_product_variance: duality.as_ref().map(|duality| duality.product_variance),
            nearest_mean_accuracy: agreement.map(|agreement| agreement.nearest_mean_accuracy),
            accuracy: agreement.and_then(|agreement| agreement.accuracy),
            nc4: agreement.and_then(|agreement| agreement.mismatch),
            nc4_agreement_without_bias: agreement.and_then(|agreement| agreement.agreement_without_bias),
        }
    }

    /// One row per class, `k` of them, in order.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kind`] or [`Error::NotFinite`] about the classifier.
    pub fn by_class(&self, classifier: Option<&LinearClassifier>) -> Result<Vec<ClassMetrics>, Error> {
        let classifier = classifier
            .map(|classifier| classifier.converted_for(self))
            .transpose()?;
        Ok(no_grad(|| self.rows(classifier.as_ref())))
    }

    fn rows(&self, classifier: Option<&LinearClassifier>) -> Vec<ClassMetrics> {
        let norms = |rows: &Tensor| rows.norm_scalaropt_dim(2, -1, false);
        let (nearest, cosines) = nearest_rows(&self.centred);
        let duality = classifier.map(|classifier| Duality::of(&classifier.weight, self));
        let classifier_norms = classifier.map(|classifier| numbers(&norms(&classifier.weight)));
        let samples = self.by_index(&self.counts);
        let within_variance = self.by_index(&self.within_variances());
        let uncentred_norm = self.by_index(&norms(&self.means));
        let mean_norm = self.by_index(&norms(&self.centred));
        let nearest_class = self.by_index(&self.present.index_select(0, &nearest).to_kind(Kind::Double));
        let nearest_angle = self.by_index(&cosines.acos().rad2deg());
        let dual = |of: fn(&Duality) -> &Tensor| duality.as_ref().map(|duality| self.by_index(of(duality)));
        let shares = dual(|duality| &duality.shares);
        let dual_cosines = dual(|duality| &duality.cosines);
        let distances = dual(|duality| &duality.distances);
        let row = |class: usize| ClassMetrics {
            class: class as i64,
            samples: samples[class].map_or(0, |count| count as i64),
            within_variance: within_variance[class],
            uncentred_norm: uncentred_norm[class],
            mean_norm: mean_norm[class],
            nearest_class: nearest_class[class].map(|class| class as i64),
            nearest_angle_degrees: nearest_angle[class],
            classifier_norm: classifier_norms.as_ref().map(|norms| norms[class]),
            nc3: shares.as_ref().and_then(|shares| shares[class]),
            nc3_cosine: dual_cosines.as_ref().and_then(|cosines| cosines[class]),
            nc3_distance: distances.as_ref().and_then(|distances| distances[class]),
        };
        (0..self.classes as usize).map(row).collect()
    }

    /// Values of the present classes, `[p]`, at their class's index; None for absent classes.
    fn by_index(&self, values: &Tensor) -> Vec<Option<f64>> {
        let mut all = vec![None; self.classes as usize];
        let present =
            Vec::<i64>::try_from(self.present.to_device(tch::Device::Cpu)).expect("indices are one row of i64");
        for (class, value) in present.into_iter().zip(numbers(values)) {
            all[class as usize] = Some(value);
        }
        all
    }
}

/// A vector's entries.
fn numbers(values: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(values.to_device(tch::Device::Cpu)).expect("statistics are rows of f64")
}

#[cfg(test)]
mod tests;
