use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::DataError;
use crate::mersenne_twister::MersenneTwister;

/// Which images of each class a long-tailed split keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Selection {
    /// The protocol of Cao et al. (2019), `imbalance_cifar.py`: after `numpy.random.seed(seed)`, for every class in
    /// ascending order, its indices in file order are shuffled and the first ones kept. On the official files, the
    /// default seed 0 keeps the same images as their code.
    Ldam {
        /// The argument of `numpy.random.seed` (`rand_number` in their code).
        seed: u32,
    },
    /// The first images of each class in file order, as in the demo of Alshammari et al. (2022).
    FileOrder,
}

impl Default for Selection {
    fn default() -> Self {
        Selection::Ldam { seed: 0 }
    }
}

impl Selection {
    /// The indices kept, class by class: `class_counts[c]` indices of labels equal to c, for c = 0, 1, ….
    ///
    /// # Errors
    /// If a class has fewer images than requested.
    pub fn select(self, labels: &[i64], class_counts: &[i64]) -> Result<Vec<i64>, DataError> {
        let mut members = vec![Vec::new(); class_counts.len()];
        for (index, &label) in (0..).zip(labels) {
            if let Some(in_class) = usize::try_from(label).ok().and_then(|class| members.get_mut(class)) {
                in_class.push(index);
            }
        }
        // One generator for all classes: which images a class keeps depends on the classes before it.
        let mut generator = match self {
            Selection::Ldam { seed } => Some(MersenneTwister::new(seed)),
            Selection::FileOrder => None,
        };
        let mut kept = Vec::new();
        for (class, (mut indices, &asked)) in members.into_iter().zip(class_counts).enumerate() {
            let found = indices.len() as i64;
            if asked > found {
                return Err(DataError::TooFewImages { class, asked, found });
            }
            if let Some(generator) = &mut generator {
                generator.shuffle(&mut indices);
            }
            kept.extend(indices.into_iter().take(asked as usize));
        }
        Ok(kept)
    }
}

/// A list of chosen indices as the text of a file, with the digest by which two lists are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexList {
    /// One index a line, each line ended.
    pub text: String,
    /// SHA-256 of the text, in lowercase hexadecimal.
    pub sha256: String,
}

impl IndexList {
    /// The list of `indices` in their order.
    pub fn new(indices: &[i64]) -> Self {
        let mut text = String::new();
        for index in indices {
            text += &index.to_string();
            text.push('\n');
        }
        let sha256 = format!("{:x}", Sha256::digest(&text));
        IndexList { text, sha256 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Imbalance;

    // The expected indices below are those of this program (NumPy 2.4.6):
    //
    //     import hashlib, numpy as np
    //     def protocol(labels, counts, seed=0):
    //         np.random.seed(seed)
    //         kept = []
    //         for label, n in enumerate(counts):
    //             indices = np.where(labels == label)[0]
    //             np.random.shuffle(indices)
    //             kept.extend(int(i) for i in indices[:n])
    //         return kept
    //     print(protocol(np.arange(30) * 7 % 3, [6, 3, 1]))
    //     print(protocol(np.array([1, 0, 1, 1]), [1, 2]))
    //     labels = np.arange(50000) * 7 % 10
    //     kept = protocol(labels, [int(5000 * 0.01 ** (k / 9.0)) for k in range(10)])
    //     print(len(kept), kept[:5], kept[-5:])
    //     print(hashlib.sha256("".join(f"{i}\n" for i in kept).encode()).hexdigest())
    //     print(protocol(labels, [3] * 10, seed=2**32 - 1)[-4:])

    fn labels_like_cifar10() -> Vec<i64> {
        (0..50_000).map(|index| index * 7 % 10).collect()
    }

    #[test]
    fn ldam_selection_is_that_of_numpy_on_small_lists() {
        let labels: Vec<i64> = (0..30).map(|index| index * 7 % 3).collect();
        let kept = Selection::default().select(&labels, &[6, 3, 1]).unwrap();
        assert_eq!(kept, [6, 24, 12, 27, 3, 18, 10, 16, 4, 8]);
        assert_eq!(Selection::default().select(&[1, 0, 1, 1], &[1, 2]).unwrap(), [1, 3, 2]);
    }

    #[test]
    fn ldam_selection_is_that_of_numpy_at_the_size_of_cifar10() {
        let class_counts = Imbalance::Exponential { ratio: 100.0 }
            .class_counts(&[5000; 10])
            .unwrap();
        let kept = Selection::default()
            .select(&labels_like_cifar10(), &class_counts)
            .unwrap();
        assert_eq!(kept.len(), 12_406);
        assert_eq!(kept[..5], [3980, 38_330, 48_360, 45_720, 6360]);
        assert_eq!(kept[12_401..], [22_617, 667, 15_787, 4337, 11_627]);
        let sha256 = IndexList::new(&kept).sha256;
        assert_eq!(
            sha256,
            "df01da302f9291bfd7d6413a7959c2fdf917f2fc2e9ea806bd567dd41d2fd272"
        );
    }

    #[test]
    fn ldam_selection_takes_the_largest_seed() {
        let kept = Selection::Ldam { seed: u32::MAX }
            .select(&labels_like_cifar10(), &[3; 10])
            .unwrap();
        assert_eq!(kept[26..], [22_264, 41_037, 17_607, 4357]);
    }

    #[test]
    fn file_order_keeps_the_first_images() {
        let kept = Selection::FileOrder.select(&[1, 0, 1, 0, 1], &[1, 2]).unwrap();
        assert_eq!(kept, [1, 0, 2]);
    }

    #[test]
    fn asking_for_too_many_images_is_an_error() {
        let error = Selection::default().select(&[0, 1, 0], &[2, 2]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "class 1 has 1 images, 2 were asked for; ask for at most 1"
        );
    }

    #[test]
    fn index_list_has_one_index_a_line() {
        let list = IndexList::new(&[7, 0, 12]);
        assert_eq!(list.text, "7\n0\n12\n");
        // printf '7\n0\n12\n' | sha256sum
        assert_eq!(
            list.sha256,
            "cfbc71cb6bede82e32b415a091f0c167533dba42b15104326e816bed9dac900c"
        );
    }

    #[test]
    fn selections_are_written_in_kebab_case() {
        #[derive(Serialize, Deserialize)]
        struct Grid {
            selection: Selection,
        }
        let grid: Grid = toml::from_str("selection = { ldam = { seed = 3 } }").unwrap();
        assert_eq!(grid.selection, Selection::Ldam { seed: 3 });
        let grid: Grid = toml::from_str("selection = 'file-order'").unwrap();
        assert_eq!(grid.selection, Selection::FileOrder);
        assert!(toml::from_str::<Grid>("selection = { ldam = { seed = 3, sort = true } }").is_err());
    }
}
