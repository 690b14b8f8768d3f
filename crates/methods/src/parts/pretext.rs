//! Pretext tasks: labels computed from the images themselves.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::images::Images;

/// A task to pre-train a network on, without the labels of its data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pretext {
    /// Predict by how many quarter turns, 0 to 3, an image is rotated (Gidaris et al. 2018, §3). A batch contains each
    /// image once and all rotations equally often, as in the public code of Yang & Xu 2020.
    Rotation,
}

impl Pretext {
    /// Number of classes.
    pub fn classes(self) -> i64 {
        match self {
            Pretext::Rotation => 4,
        }
    }

    /// Square images `[b, 3, s, s]`, raw or augmented → the same images posed, in another order, with their labels
    /// `[b]`. An image's pose follows from its place in the batch, so it is random if the order of the batch is.
    pub fn pose(self, images: &Tensor) -> (Tensor, Tensor) {
        match self {
            Pretext::Rotation => {
                let turns = 0..self.classes().min(images.size()[0]);
                let (turned, labels): (Vec<_>, Vec<_>) = turns
                    .map(|turns| {
                        let turned = images.slice(0, turns, None, self.classes()).rot90(turns, [2, 3]);
                        let labels = Tensor::full([turned.size()[0]], turns, (Kind::Int64, images.device()));
                        (turned, labels)
                    })
                    .unzip();
                (Tensor::cat(&turned, 0), Tensor::cat(&labels, 0))
            }
        }
    }
}

impl Images {
    /// The split under a pretext task: posed images with its labels in place of their own.
    #[must_use]
    pub fn posed(&self, pretext: Pretext) -> Images {
        self.relabelled(pretext.classes(), |images| pretext.pose(images))
    }
}

/// Such as `rotation prediction`.
impl fmt::Display for Pretext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pretext::Rotation => formatter.write_str("rotation prediction"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn each_image_comes_once_and_rotated_as_its_label_says() {
        let images = Tensor::rand([10, 3, 5, 5], (Kind::Float, Device::Cpu));
        let (turned, labels) = Pretext::Rotation.pose(&images);
        assert_eq!(turned.size(), images.size());
        let labels = Vec::<i64>::try_from(labels).unwrap();
        assert_eq!(labels, [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]);
        let mut seen = Vec::new();
        for (index, &turns) in (0..).zip(&labels) {
            let upright = turned.get(index).rot90(-turns, [1, 2]);
            let same = (0..10).filter(|&other| images.get(other) == upright);
            seen.extend(same);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<i64>>());
    }

    #[test]
    fn a_batch_of_fewer_images_than_rotations_is_posed_too() {
        let images = Tensor::rand([2, 3, 5, 5], (Kind::Float, Device::Cpu));
        let (turned, labels) = Pretext::Rotation.pose(&images);
        assert_eq!(turned.size(), [2, 3, 5, 5]);
        assert_eq!(Vec::<i64>::try_from(labels).unwrap(), [0, 1]);
    }
}
