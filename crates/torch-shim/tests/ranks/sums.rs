//! What ranks compute together.

use super::{free_port, impatient, outcomes, printed, start_all, tell};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;
use tch::{Device, Kind, Tensor};
use torch_shim::ranks::{Ranks, RanksError, SynchronisedBatchNorm};

/// The values of `rank`, which every rank can compute.
fn values(rank: usize, length: i64, kind: Kind) -> Tensor {
    tch::manual_seed(rank as i64);
    (Tensor::randn(length, (Kind::Double, Device::Cpu)) * 1000.0).to_kind(kind)
}

fn same_bits(left: &Tensor, right: &Tensor) -> bool {
    left.equal(right) && left.signbit().equal(&right.signbit())
}

pub(super) fn sums(ranks: &Ranks) -> Result<(), RanksError> {
    let mut bits = DefaultHasher::new();
    for kind in [Kind::Float, Kind::Double, Kind::Int64] {
        for length in [0, 1, 2, 7, 10_000, 1_000_003] {
            let tensor = values(ranks.rank(), length, kind);
            ranks.all_reduce_sum(&tensor)?;
            let mut expected = values(0, length, kind);
            for rank in 1..ranks.world_size() {
                expected += values(rank, length, kind);
            }
            assert!(same_bits(&tensor, &expected), "{length} of {kind:?}");
            Vec::<f64>::try_from(&tensor.to_kind(Kind::Double))
                .expect("one axis")
                .iter()
                .for_each(|value| value.to_bits().hash(&mut bits));
            let tensor = values(ranks.rank(), length, kind);
            ranks.broadcast_from_first(&tensor)?;
            assert!(same_bits(&tensor, &values(0, length, kind)));
        }
    }
    tell("bits", &format!("{:x}", bits.finish()));
    ranks.barrier()
}

#[test]
fn two_and_three_ranks_have_the_same_bits_of_the_sum_in_the_order_of_ranks() {
    for world_size in [2, 3] {
        let processes = start_all("sums", world_size);
        let bits: Vec<String> = processes.into_iter().map(|process| printed(process, "bits")).collect();
        assert!(bits.iter().all(|other| *other == bits[0]), "{bits:?}");
    }
}

pub(super) fn gradient(ranks: &Ranks) -> Result<(), RanksError> {
    let own = ranks.rank() as f64;
    let input = values(0, 6, Kind::Double).view([2, 3]).set_requires_grad(true);
    let sum = ranks.all_reduce_sum_with_gradient(&(&input * (own + 1.0)).transpose(0, 1))?;
    let total = (1..=ranks.world_size()).sum::<usize>() as f64;
    assert!(sum.allclose(&(&input * total).transpose(0, 1), 1e-14, 0.0, false));
    // A gradient that is one number for all values has gaps in memory.
    (sum.square().sum(Kind::Double) * (own + 1.0)).backward();
    let expected = input.detach() * (2.0 * total * total * (own + 1.0));
    assert!(input.grad().allclose(&expected, 1e-14, 0.0, false));
    ranks.barrier()
}

#[test]
fn the_gradient_of_a_sum_is_the_sum_of_gradients() {
    assert_eq!(outcomes(start_all("gradient", 3)), ["fine"; 3]);
}

/// The batches of two ranks have 3 and 5 images, that of a third one none.
pub(super) fn batch_norm(ranks: &Ranks) -> Result<(), RanksError> {
    let (start, images) = [(0, 3), (3, 5), (8, 0)][ranks.rank()];
    let mine = |all: &Tensor| all.narrow(0, start, images);
    let options = (Kind::Double, Device::Cpu);
    tch::manual_seed(7);
    let input = Tensor::randn([8, 4, 2, 3], options) * 3.0 + 100.0;
    let factors = Tensor::randn([8, 4, 2, 3], options);
    let parameters = Tensor::randn([2, 4], options);
    let layer = || {
        let parameter = |row| parameters.get(row).copy().set_requires_grad(true);
        (
            parameter(0),
            parameter(1),
            Tensor::zeros(4, options),
            Tensor::ones(4, options),
        )
    };

    let whole = input.copy().set_requires_grad(true);
    let (weight, bias, mean, var) = layer();
    let expected = whole.batch_norm(
        Some(&weight),
        Some(&bias),
        Some(&mean),
        Some(&var),
        true,
        0.1,
        1e-5,
        false,
    );
    (&expected * &factors).sum(Kind::Double).backward();

    let part = mine(&input).copy().set_requires_grad(true);
    let (own_weight, own_bias, own_mean, own_var) = layer();
    let norm = SynchronisedBatchNorm {
        weight: Some(&own_weight),
        bias: Some(&own_bias),
        running_mean: &own_mean,
        running_var: &own_var,
        momentum: 0.1,
        epsilon: 1e-5,
    };
    let output = norm.forward(ranks, &part)?;
    (&output * mine(&factors)).sum(Kind::Double).backward();
    for parameter in [&own_weight, &own_bias] {
        ranks.all_reduce_sum(&parameter.grad())?;
    }
    let close = |left: &Tensor, right: &Tensor, what: &str| {
        assert!(left.allclose(right, 1e-12, 1e-12, false), "{what}: {left} {right}");
    };
    close(&output, &mine(&expected), "output");
    close(&part.grad(), &mine(&whole.grad()), "gradient");
    close(&own_weight.grad(), &weight.grad(), "weight");
    close(&own_bias.grad(), &bias.grad(), "bias");
    close(&own_mean, &mean, "mean");
    close(&own_var, &var, "variance");
    ranks.barrier()
}

#[test]
fn synchronised_batch_norm_is_that_of_all_images_together() {
    for world_size in [2, 3] {
        assert_eq!(outcomes(start_all("batch norm", world_size)), vec!["fine"; world_size]);
    }
}

#[test]
fn a_single_rank_needs_no_network() {
    let ranks = Ranks::connect(&impatient(free_port(), 0, 1)).expect("nobody to wait for");
    sums(&ranks).expect("sums");
    gradient(&ranks).expect("a gradient");
}

#[test]
fn tensors_that_ranks_do_not_exchange_are_named() {
    let ranks = Ranks::connect(&impatient(free_port(), 0, 1)).expect("nobody to wait for");
    let refusal = |tensor: &Tensor| ranks.all_reduce_sum(tensor).expect_err("refused").to_string();
    let options = (Kind::Float, Device::Cpu);
    assert_eq!(
        refusal(&Tensor::zeros([2, 3], options).transpose(0, 1)),
        "ranks exchange contiguous tensors of f32, f64 or i64 on the CPU, not one with gaps; copy it with contiguous() \
         first"
    );
    assert_eq!(
        refusal(&Tensor::zeros(2, (Kind::Half, Device::Cpu))),
        "ranks exchange contiguous tensors of f32, f64 or i64 on the CPU, not Half; convert it first"
    );
}

pub(super) fn speed(ranks: &Ranks) -> Result<(), RanksError> {
    for length in [16, 500_000, 5_000_000] {
        let tensor = Tensor::ones(length, (Kind::Float, Device::Cpu));
        let mut milliseconds = Vec::new();
        for _ in 0..15 {
            ranks.barrier()?;
            let begin = Instant::now();
            ranks.all_reduce_sum(&tensor)?;
            milliseconds.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        milliseconds.sort_by(f64::total_cmp);
        let (median, best) = (milliseconds[7], milliseconds[0]);
        tell(
            "speed",
            &format!("{} bytes: {median:.2} ms, at best {best:.2} ms", length * 4),
        );
    }
    ranks.barrier()
}

#[test]
#[ignore = "a measurement: run it alone"]
fn speed_of_a_sum_over_two_ranks() {
    for process in start_all("speed", 2) {
        let output = process.wait_with_output().expect("it was started here");
        tell("rank", &String::from_utf8_lossy(&output.stdout));
    }
}
