//! NC in somebody else's loop of tch: two clusters of points become a simplex.
//!
//!     cargo run --example training_loop

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::error::Error;

use tch::nn::{self, Module, OptimizerConfig};
use tch::{Device, Kind, Tensor};

const CLASSES: i64 = 3;
const DIMENSION: i64 = 8;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    tch::manual_seed(0);
    let variables = nn::VarStore::new(Device::Cpu);
    let backbone = nn::seq()
        .add(nn::linear(
            &variables.root() / "first",
            2,
            32,
            nn::LinearConfig::default(),
        ))
        .add_fn(Tensor::relu)
        .add(nn::linear(
            &variables.root() / "second",
            32,
            DIMENSION,
            nn::LinearConfig::default(),
        ));
    let head = nn::linear(
        &variables.root() / "head",
        DIMENSION,
        CLASSES,
        nn::LinearConfig::default(),
    );
    let mut optimizer = nn::sgd(0.9, 0.0, 5e-4, false).build(&variables, 0.05)?;

    // Points around three places on a line, in which the middle one is nearest to both others.
    let labels = Tensor::arange(300, (Kind::Int64, Device::Cpu)).remainder(CLASSES);
    let noise = Tensor::randn([300, 2], (Kind::Float, Device::Cpu)) * 0.2;
    let points = labels.to_kind(Kind::Float).unsqueeze(1) + noise;

    let config = nc::Config {
        lambda_1: 0.05,
        lambda_2: 0.5,
        ..nc::Config::default()
    };
    let mut regularizer = nc::Regularizer::new(config, CLASSES, DIMENSION, Kind::Float, Device::Cpu);
    let collapse = || nc::measure(&backbone.forward(&points).detach(), &labels, CLASSES, None);
    let before = collapse()?;
    for epoch in 0..200 {
        let features = backbone.forward(&points);
        let loss = head.forward(&features).cross_entropy_for_logits(&labels);
        let loss = loss + regularizer.forward(epoch, &features, &labels);
        optimizer.backward_step(&loss);
        regularizer.step();
    }
    let after = collapse()?;
    println!("NC1 {:.3} before, {:.3} after", before.nc1, after.nc1);
    println!(
        "smallest angle {:.0}° before, {:.0}° after, 120° in a simplex",
        before.nc2_smallest_angle_degrees, after.nc2_smallest_angle_degrees
    );
    assert!(after.nc1 < before.nc1 && after.nc2_smallest_angle_degrees > before.nc2_smallest_angle_degrees);
    Ok(())
}
