use tch::{Device, Tensor};

/// Labelled images, all in the memory of one device. Labels are class numbers from 0 to `classes - 1`.
#[derive(Debug)]
pub struct Split {
    /// Images, `[n, 3, h, w]` u8.
    pub images: Tensor,
    /// Class of each image, `[n]` i64.
    pub labels: Tensor,
    /// Number of classes k, including those without an image here.
    pub classes: i64,
}

impl Split {
    /// Number of images n.
    pub fn len(&self) -> usize {
        self.labels.size()[0] as usize
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of images of each class, `[k]`.
    ///
    /// # Panics
    /// If the labels are not class numbers in a vector of i64.
    pub fn class_counts(&self) -> Vec<i64> {
        let counts = self.labels.bincount::<Tensor>(None, self.classes);
        Vec::try_from(counts).expect("bincount of i64 labels gives a vector of i64")
    }

    /// The labels as a list on the host, `[n]`.
    ///
    /// # Panics
    /// If the labels are not a vector of i64.
    pub fn label_list(&self) -> Vec<i64> {
        Vec::try_from(&self.labels).expect("labels are a vector of i64")
    }

    /// A copy of the images at `indices`, in that order, on the same device.
    ///
    /// # Panics
    /// If an index is not below [`Split::len`].
    #[must_use]
    pub fn select(&self, indices: &[i64]) -> Split {
        let indices = Tensor::from_slice(indices).to_device(self.labels.device());
        Split {
            images: self.images.index_select(0, &indices),
            labels: self.labels.index_select(0, &indices),
            classes: self.classes,
        }
    }

    /// The same split on `device`; without copying if it is there already.
    #[must_use]
    pub fn to_device(&self, device: Device) -> Split {
        Split {
            images: self.images.to_device(device),
            labels: self.labels.to_device(device),
            classes: self.classes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_images() -> Split {
        let pixels: Vec<u8> = (0..3 * 3 * 2 * 2).collect();
        Split {
            images: Tensor::from_slice(&pixels).view([3, 3, 2, 2]),
            labels: Tensor::from_slice(&[2i64, 0, 2]),
            classes: 4,
        }
    }

    #[test]
    fn class_counts_include_absent_classes() {
        assert_eq!(three_images().class_counts(), [1, 0, 2, 0]);
    }

    #[test]
    fn select_keeps_the_order_asked_for() {
        let split = three_images().select(&[2, 1]);
        assert_eq!(split.label_list(), [2, 0]);
        assert_eq!(split.len(), 2);
        assert_eq!(split.images.int64_value(&[0, 0, 0, 0]), 24);
        assert_eq!(split.images.int64_value(&[1, 0, 0, 0]), 12);
        assert_eq!(split.classes, 4);
    }

    #[test]
    fn selecting_nothing_gives_an_empty_split() {
        let split = three_images().select(&[]);
        assert!(split.is_empty());
        assert_eq!(split.class_counts(), [0, 0, 0, 0]);
    }
}
