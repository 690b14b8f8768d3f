//! Random combinations of parts, trained by the real loop: numbers stay finite, and every part has an effect.

mod arms;
mod draw;
#[path = "../parts/mod.rs"]
mod parts;
#[path = "../parts/second_stage.rs"]
mod second_stage;
mod second_stages;
#[path = "../parts/tiny.rs"]
mod tiny;
mod training;
mod without;

use std::collections::BTreeMap;

use methods::{Method, Mix};

use arms::Arm;
use training::{Bench, assert_finite, differ};
use without::{moves_draws, without};

/// At least this many methods, and more until they include every arm of every part.
const METHODS: usize = 200;
const DRAWS: i64 = 10_000;
const TIMES: usize = 3;

/// How often each arm was drawn and left out, and NC and mixup under deferred re-weighting, with and without each.
#[derive(Default)]
struct Seen {
    drawn: BTreeMap<Arm, usize>,
    left_out: BTreeMap<Arm, usize>,
    under_drw: BTreeMap<(bool, bool), usize>,
}

impl Seen {
    fn add(&mut self, method: &Method) {
        for arm in arms::of(method) {
            *self.drawn.entry(arm).or_default() += 1;
        }
        if method.reweight.is_some_and(|reweight| reweight.start_epoch() > 0) {
            let has_mixup = matches!(method.augmentation.mix, Some(Mix::Mixup(_)));
            let key = (method.regularizer.is_some(), has_mixup);
            *self.under_drw.entry(key).or_default() += 1;
        }
    }

    /// What was drawn too rarely so far.
    fn missing(&self) -> Vec<String> {
        let times = |arms: &BTreeMap<Arm, usize>, arm: &Arm| arms.get(arm).copied().unwrap_or_default();
        let may_stay = |arm: &Arm| {
            let plain = Method::default();
            arms::of(&plain).contains(arm) && without(arm, &plain) == plain
        };
        let is_rare = |arm: &Arm| times(&self.drawn, arm) < TIMES || !may_stay(arm) && times(&self.left_out, arm) == 0;
        let arms = arms::all().into_iter().filter(is_rare).map(|arm| format!("{arm:?}"));
        let pairs = [(false, false), (false, true), (true, false), (true, true)];
        let pairs = pairs
            .into_iter()
            .filter(|pair| self.under_drw.get(pair).is_none_or(|&times| times < TIMES));
        arms.chain(pairs.map(|(nc, mixup)| format!("nc {nc} and mixup {mixup} under DRW")))
            .collect()
    }
}

/// A method without one of its parts ends in different parameters, compared bit for bit: every epoch is seeded, and
/// networks start with equal weights.
#[test]
fn every_method_learns_and_no_part_is_ignored() {
    tch::set_num_threads(1);
    let bench = Bench::new();
    let (mut trained, mut seen) = (0, Seen::default());
    for draw in 0.. {
        if trained >= METHODS && seen.missing().is_empty() {
            break;
        }
        assert!(draw < DRAWS, "{trained} methods, not enough of {:?}", seen.missing());
        let method = draw::method(draw);
        if !bench.accepts(&method) {
            continue;
        }
        let whole = bench.trained(&method);
        assert_finite(&whole, &method);
        for arm in arms::of(&method) {
            let other = without(&arm, &method);
            if other == method || moves_draws(arm.0, &method) || !bench.accepts(&other) {
                continue;
            }
            assert!(
                differ(&whole, &bench.trained(&other)),
                "{arm:?} does nothing in {method:?}"
            );
            *seen.left_out.entry(arm).or_default() += 1;
        }
        seen.add(&method);
        trained += 1;
    }
}
