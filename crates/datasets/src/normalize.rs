/// Mean and standard deviation of each colour channel (red, green, blue), of pixel values scaled to 0–1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// Channel means.
    pub mean: [f64; 3],
    /// Channel standard deviations.
    pub deviation: [f64; 3],
}

impl Normalization {
    /// `cifar_train.py` of Cao et al. (2019) and the code derived from it use these for CIFAR-10 and CIFAR-100: the means of
    /// CIFAR-10's training images and the mean over images of the deviation within an image. CIFAR-100's own are
    /// (0.5071, 0.4865, 0.4409) and (0.2673, 0.2564, 0.2762).
    pub(crate) const CIFAR: Normalization = Normalization {
        mean: [0.4914, 0.4822, 0.4465],
        deviation: [0.2023, 0.1994, 0.2010],
    };

    /// Measured over all pixels of the balanced training split of `shapes`.
    pub(crate) const SHAPES: Normalization = Normalization {
        mean: [0.3231, 0.3248, 0.3231],
        deviation: [0.2203, 0.2211, 0.2217],
    };
}
