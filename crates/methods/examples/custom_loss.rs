//! A loss that this crate does not have, in a loop of one's own over its data, network and optimizer: cross-entropy whose
//! gradient is divided by the square root of the class's size.
//!
//!     cargo run --example custom_loss

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use datasets::{DataError, Dataset, Imbalance, LongTail, Selection, Validation};
use methods::{Images, Method, Model, Sgd, Shots, Shown, evaluate};
use models::Backbone;
use tch::{Device, Kind, Reduction, Tensor};

pub(crate) fn main() -> Result<(), DataError> {
    tch::manual_seed(0);
    let data = Dataset::Shapes.load(None)?;
    let long_tail = LongTail {
        imbalance: Imbalance::Exponential { ratio: 20.0 },
        selection: Selection::default(),
        validation: Some(Validation {
            per_class: 900,
            seed: 0,
        }), // for time: 100 images of a class are left at most
    };
    let chosen = long_tail.choose(&data.train.label_list(), &data.train.class_counts())?;
    let normalization = Dataset::Shapes.facts().normalization;
    let train = Images::new(&data.train.select(&chosen.train), &normalization, Device::Cpu);
    let test = Images::new(&data.test, &normalization, Device::Cpu);

    let method = Method::default();
    let model = Model::new(Backbone::Resnet8, &method, data.train.classes, Kind::Float, Device::Cpu);
    let mut optimizer = Sgd::new(&model.learning_variables(), 0.9, 5e-4);
    let weights = Tensor::from_slice(&train.class_counts()).to_kind(Kind::Float).rsqrt();
    let mut first_loss = None;
    let mut last_loss = f64::INFINITY;
    for _epoch in 0..3 {
        let order = Tensor::randperm(train.samples(), (Kind::Int64, Device::Cpu)).split(32, 0);
        for batch in train.batches(&order, Shown::AsTheyAre)? {
            let batch = batch?;
            let features = model.training_features(&train.normalize(&batch.images));
            let logits = model.training_logits(&features);
            let loss = logits.cross_entropy_loss(&batch.labels, Some(&weights), Reduction::Mean, -100, 0.0);
            loss.backward();
            optimizer.step(0.05);
            last_loss = loss.double_value(&[]);
            first_loss.get_or_insert(last_loss);
        }
    }
    let (evaluation, _) = evaluate(&model, &test, &Shots::new(&train.class_counts()))?;
    println!(
        "loss {:.2} at first, {last_loss:.2} at last",
        first_loss.unwrap_or_default()
    );
    println!("test accuracy {:.1} %", 100.0 * evaluation.accuracy);
    assert!(first_loss > Some(last_loss));
    Ok(())
}
