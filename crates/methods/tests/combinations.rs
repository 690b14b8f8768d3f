//! Random sums of parts on random features: finite, and no part is without effect.

mod parts;

use methods::{
    Distillation, Experts, Head, Loss, LossInput, Method, Regularizer, Resample, Reweight, Sampler, Target,
    cosine_logits,
};
use tch::{Device, Kind, Tensor};

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);
const EPOCH: i64 = 3; // of 0 to 4

const SAMPLERS: [Sampler; 7] = [
    Sampler::InstanceBalanced,
    Sampler::ClassAware { samples_per_turn: 4 },
    Sampler::ClassBalanced,
    Sampler::SquareRoot,
    Sampler::ProgressivelyBalanced,
    Sampler::EffectiveNumber { beta: 0.99 },
    Sampler::Reverse,
];

const REWEIGHTS: [Option<Reweight>; 4] = [
    None,
    Some(Reweight::ClassBalanced {
        beta: 0.9999,
        start_epoch: EPOCH,
    }),
    Some(Reweight::InverseFrequency {
        power: 1.2,
        start_epoch: 0,
    }),
    Some(Reweight::CostSensitive {
        power: 0.5,
        start_epoch: 1,
    }),
];

fn distillation(power: f64) -> Distillation {
    Distillation {
        teacher: String::new(),
        temperature: 3.0,
        weight: 0.5,
        labels_weight: None,
        power,
    }
}

/// One of `options`, drawn from libtorch's generator.
fn any<T: Clone>(options: &[T]) -> T {
    let index = Tensor::randint(options.len() as i64, [1], (Kind::Int64, Device::Cpu)).int64_value(&[0]);
    options[index as usize].clone()
}

/// A long-tailed training split of inputs `[120, 6]`, and a network of two layers.
struct Problem {
    inputs: Tensor,
    labels: Tensor,
    class_counts: Tensor,
    weights: [Tensor; 2],
}

impl Problem {
    fn drawn() -> Problem {
        let class_counts = Tensor::from_slice(&[70.0_f64, 28.0, 12.0, 7.0, 3.0]);
        let classes = Tensor::arange(5, (Kind::Int64, Device::Cpu));
        Problem {
            inputs: Tensor::randn([120, 6], DOUBLE),
            labels: classes.repeat_interleave_self_tensor(&class_counts.to_kind(Kind::Int64), None, None),
            class_counts,
            weights: [Tensor::randn([6, 8], DOUBLE), Tensor::randn([8, 5], DOUBLE)],
        }
    }

    /// One batch of epoch 3 of 5 as the loop trains it: the loss, then its gradient at both layers' weights.
    fn step(&self, method: &Method, mixed: bool) -> Tensor {
        tch::manual_seed(99);
        let sampler = method.sampler_at(EPOCH);
        let order = sampler.epoch_order(&self.labels, &self.class_counts, EPOCH as f64 / 4.0);
        let batch = order.narrow(0, 0, 48);
        let (inputs, first) = (self.inputs.index_select(0, &batch), self.labels.index_select(0, &batch));
        let class_weights = method
            .reweight
            .and_then(|reweight| reweight.class_weights(EPOCH, &self.class_counts));
        let weights = [0, 1].map(|layer: usize| self.weights[layer].copy().set_requires_grad(true));

        let (inputs, target) = if mixed {
            let (lambda, second) = (Tensor::from(0.7_f64), first.flip([0]));
            let inputs = &inputs * &lambda + inputs.flip([0]) * (1.0 - &lambda);
            (inputs, Target::Mixed { first, second, lambda })
        } else {
            (inputs, Target::Labels(first))
        };
        let feature = inputs.matmul(&weights[0]).relu(); // [b, d]
        let logits_of = |feature: &Tensor| match method.head {
            Head::Linear => feature.matmul(&weights[1]),
            Head::Cosine | Head::ScaledCosine { .. } | Head::FixedEtf => cosine_logits(feature, &weights[1]),
        };
        let (features, logits) = match method.experts {
            None => (feature.shallow_clone(), logits_of(&feature)),
            Some(experts) => {
                let of_experts: Vec<Tensor> = (0..experts.count()).map(|expert| feature.roll(expert, 1)).collect();
                let logits: Vec<Tensor> = of_experts.iter().map(logits_of).collect();
                (Tensor::stack(&of_experts, 1), Tensor::stack(&logits, 1)) // [b, e, d], [b, e, k]
            }
        };
        tch::manual_seed(98); // what the loss draws must not depend on the sampler
        let labels_seen = nc::batch_counts(target.first(), 5).to_kind(Kind::Double);
        let mut loss = target.blend(|labels| {
            method.objective(&LossInput {
                logits: &logits,
                labels,
                features: &features,
                class_counts: &self.class_counts,
                class_weights: class_weights.as_ref(),
                labels_seen: Some(&labels_seen),
                epoch: EPOCH,
            })
        });
        if let Some(distillation) = &method.distillation {
            loss = distillation.blend(&loss, &logits, &inputs.narrow(1, 0, 5));
        }
        if let Some(Regularizer::Nc(config)) = &method.regularizer {
            tch::manual_seed(97); // nor the centres on the loss
            let regularizer = nc::Regularizer::new(*config, 5, 8, Kind::Double, Device::Cpu);
            loss += regularizer.forward(EPOCH, &feature, target.first());
        }
        loss.backward();
        let [first, second] = weights.map(|weight| weight.grad().view([-1]));
        Tensor::cat(&[loss.detach().view([1]), first, second], 0)
    }
}

#[test]
fn every_combination_is_finite_and_no_part_is_ignored() {
    tch::set_num_threads(1);
    let losses = parts::losses(EPOCH);
    let experts: Vec<Option<Experts>> = [None].into_iter().chain(parts::ensembles(6).map(Some)).collect();
    for draw in 0..240 {
        tch::manual_seed(draw);
        let problem = Problem::drawn();
        let loss = losses[draw as usize % losses.len()];
        let head = parts::head_of(loss);
        let sampler = any(&SAMPLERS);
        let later = Resample {
            sampler: any(&SAMPLERS),
            start_epoch: any(&[1, EPOCH]),
        };
        let mixed = any(&[false, true]);
        let plain = Method {
            sampler,
            resample: any(&[None, Some(later)]).filter(|later| later.sampler != sampler),
            loss,
            reweight: any(&REWEIGHTS),
            regularizer: any(&[None, Some(Regularizer::Nc(nc::Config::default()))]),
            head,
            distillation: any(&[None, Some(1.0), Some(0.5)])
                .filter(|_| head != Head::FixedEtf)
                .map(distillation),
            ..Method::default()
        };
        let with_experts = Method {
            experts: any(&experts),
            ..plain.clone()
        };
        let mixes_branches = mixed && matches!(with_experts.experts, Some(Experts::Bilateral(_)));
        let method = match with_experts.check() {
            Ok(()) if !mixes_branches => with_experts,
            _ => plain,
        };
        method.check().unwrap_or_else(|error| panic!("{method:?}: {error}"));

        let whole = problem.step(&method, mixed);
        assert!(
            whole.isfinite().all().int64_value(&[]) == 1,
            "mixed {mixed}, {method:?}: {whole}"
        );
        let mut others = vec![(method.clone(), !mixed)];
        for without in [
            Method {
                sampler: Sampler::InstanceBalanced,
                resample: None,
                ..method.clone()
            },
            Method {
                loss: Loss::CrossEntropy,
                ..method.clone()
            },
            Method {
                reweight: None,
                ..method.clone()
            },
            Method {
                regularizer: None,
                ..method.clone()
            },
            Method {
                experts: None,
                ..method.clone()
            },
            Method {
                distillation: None,
                ..method.clone()
            },
        ] {
            let same_draws = without.sampler_at(EPOCH) == method.sampler_at(EPOCH);
            let same_objective = without.loss == method.loss
                && without.reweight == method.reweight
                && without.experts == method.experts
                && without.distillation == method.distillation
                && without.regularizer == method.regularizer;
            if !(same_draws && same_objective) {
                others.push((without, mixed));
            }
        }
        for (other, mixed) in others {
            let other_step = problem.step(&other, mixed);
            assert!(
                !whole.allclose(&other_step, 1e-9, 1e-12, false),
                "{method:?} does what {other:?} does, mixed {mixed}"
            );
        }
    }
}
