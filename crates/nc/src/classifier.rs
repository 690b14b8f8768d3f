//! NC3, self-duality: the linear classifier against the class means.

use tch::{Kind, Tensor};

use crate::angles::{scaled_to_one, simplex_distance, unit_rows};
use crate::{Error, Statistics, check};

/// A linear classifier, `logits = weight · feature + bias`.
#[derive(Debug)]
pub struct LinearClassifier {
    /// One row per class, `[k, d]`.
    pub weight: Tensor,
    /// One number per class, `[k]`, if it has a bias.
    pub bias: Option<Tensor>,
}

impl LinearClassifier {
    /// The classifier in f64 on the device of `statistics`, if its shapes fit them.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kind`] or [`Error::NotFinite`].
    pub(crate) fn converted_for(&self, statistics: &Statistics) -> Result<LinearClassifier, Error> {
        let dimension = statistics.means.size()[1];
        check::matrix(
            "classifier weights",
            &self.weight,
            [Some(statistics.classes), Some(dimension)],
        )?;
        if let Some(bias) = &self.bias {
            if bias.size() != [statistics.classes] {
                let expected = format!("[{}], one per class", statistics.classes);
                return Err(Error::Shape {
                    what: "classifier biases",
                    expected,
                    found: bias.size(),
                });
            }
            check::finite("classifier biases", bias)?;
        }
        let convert = |tensor: &Tensor| {
            tensor
                .detach()
                .to_device(statistics.means.device())
                .to_kind(Kind::Double)
        };
        Ok(LinearClassifier {
            weight: convert(&self.weight),
            bias: self.bias.as_ref().map(convert),
        })
    }
}

/// How the classifier rows of the present classes relate to their centred means; see [`Metrics`](crate::Metrics).
#[derive(Debug)]
pub(crate) struct Duality {
    /// `‖w_k/‖W‖_F − m_k/‖M‖_F‖²`, `[p]`.
    pub(crate) shares: Tensor,
    /// Cosine of each row with its mean, `[p]`.
    pub(crate) cosines: Tensor,
    /// Distance between their unit vectors, `[p]`.
    pub(crate) distances: Tensor,
    /// Unbiased variance over classes of `w_k · m_k`.
    pub(crate) product_variance: f64,
    /// Distance of `W Mᵀ` from a simplex's Gram matrix, unless it is zero.
    pub(crate) simplex_distance: Option<f64>,
}

impl Duality {
    /// Compares rows of `weight` `[k, d]` (f64) with the class means.
    pub(crate) fn of(weight: &Tensor, statistics: &Statistics) -> Self {
        let weight = weight.index_select(0, &statistics.present);
        let means = &statistics.centred;
        let squared_rows = |rows: Tensor| rows.square().sum_dim_intlist(-1, false, None::<Kind>);
        let (unit_weight, unit_means) = (unit_rows(&weight), unit_rows(means));
        Duality {
            shares: squared_rows(scaled_to_one(&weight) - scaled_to_one(means)),
            cosines: (&unit_weight * &unit_means).sum_dim_intlist(-1, false, None::<Kind>),
            distances: squared_rows(unit_weight - unit_means).sqrt(),
            product_variance: (&weight * means)
                .sum_dim_intlist(-1, false, None::<Kind>)
                .var(true)
                .double_value(&[]),
            simplex_distance: simplex_distance(&weight, means),
        }
    }
}
