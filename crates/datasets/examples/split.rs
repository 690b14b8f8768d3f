//! Which images a long-tailed split keeps: those of the code of Cao et al. 2019.
//!
//!     cargo run --example split

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use datasets::{DataError, Dataset, Imbalance, IndexList, LongTail, Selection};

pub(crate) fn main() -> Result<(), DataError> {
    let data = Dataset::Shapes.load(None)?; // Cifar10 and Cifar100 are downloaded
    let long_tail = LongTail {
        imbalance: Imbalance::Exponential { ratio: 100.0 },
        selection: Selection::default(),
        validation: None,
    };
    let chosen = long_tail.choose(&data.train.label_list(), &data.train.class_counts())?;
    let train = data.train.select(&chosen.train);
    println!("{} images, of each class {:?}", train.len(), train.class_counts());
    println!("the first ones are {:?}", &chosen.train[..5]);
    println!("SHA-256 of the list {}", IndexList::new(&chosen.train).sha256);
    Ok(())
}
