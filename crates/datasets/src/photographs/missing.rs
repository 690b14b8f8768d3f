//! What the disk has of the photographs of an index.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use crate::photographs::index::PhotographIndex;

/// The photographs of an index that are not on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPhotographs {
    /// How many of each class, `[k]`.
    pub class_counts: Vec<i64>,
    /// Paths of the first ones, in the order of the index.
    pub first: Vec<PathBuf>,
}

impl MissingPhotographs {
    /// How many there are.
    pub fn total(&self) -> i64 {
        self.class_counts.iter().sum()
    }
}

impl PhotographIndex {
    /// Looks for every photograph on the disk, with `threads` threads, and keeps the paths of the first `shown` that are
    /// not files there.
    ///
    /// # Panics
    /// If the operating system starts no further thread.
    pub fn missing(&self, threads: NonZeroUsize, shown: usize) -> MissingPhotographs {
        let is_file = self.look_up(threads, |position| self.path(position).is_file());
        let absent: Vec<usize> = (0..self.len()).filter(|&position| !is_file[position]).collect();
        let mut class_counts = vec![0; self.class_names().len()];
        for &position in &absent {
            class_counts[self.label(position) as usize] += 1;
        }
        MissingPhotographs {
            class_counts,
            first: absent.iter().take(shown).map(|&position| self.path(position)).collect(),
        }
    }

    /// Bytes of each photograph's file, `[n]`, looked up with `threads` threads; 0 of one that is missing, which is said when it is read.
    ///
    /// # Panics
    /// As [`PhotographIndex::missing`].
    pub(crate) fn lengths(&self, threads: NonZeroUsize) -> Vec<u64> {
        self.look_up(threads, |position| {
            fs::metadata(self.path(position)).map_or(0, |file| file.len())
        })
    }

    /// What `look` finds of each photograph, in the order of the index.
    fn look_up<T: Send>(&self, threads: NonZeroUsize, look: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let share = self.len().div_ceil(threads.get()).max(1);
        let positions: Vec<usize> = (0..self.len()).collect();
        thread::scope(|scope| {
            let parts: Vec<_> = positions
                .chunks(share)
                .map(|part| scope.spawn(|| part.iter().copied().map(&look).collect::<Vec<T>>()))
                .collect();
            parts
                .into_iter()
                .flat_map(|part| part.join().expect("looking for files does not panic"))
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn missing_photographs_are_counted_by_class_whatever_the_number_of_threads() {
        let folder = tempfile::tempdir().unwrap();
        let mut index = PhotographIndex::new(folder.path(), ["a", "b", "c"].map(String::from).to_vec());
        for number in 0..20 {
            let path = format!("{number}.jpg");
            index.push(&path, number % 3);
            if number % 4 != 0 {
                std::fs::write(folder.path().join(path), "").unwrap();
            }
        }
        std::fs::create_dir(folder.path().join("4.jpg")).unwrap(); // a folder is no photograph
        for threads in [1, 3, 64] {
            let missing = index.missing(NonZeroUsize::new(threads).unwrap(), 2);
            assert_eq!((missing.class_counts.clone(), missing.total()), (vec![2, 2, 1], 5));
            assert_eq!(
                missing.first,
                [0, 4].map(|number| folder.path().join(format!("{number}.jpg")))
            );
        }
    }

    #[test]
    fn nothing_is_missing_of_nothing() {
        let index = PhotographIndex::new(Path::new("nowhere"), vec!["a".to_owned()]);
        assert_eq!(index.missing(NonZeroUsize::MIN, 3).total(), 0);
    }
}
