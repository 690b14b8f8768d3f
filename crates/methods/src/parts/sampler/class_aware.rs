//! Class-aware sampling: classes take turns.

use tch::{Kind, Tensor};

/// Indices `[n]` of an epoch in which classes take turns, each giving its next `samples_per_turn` samples. Labels
/// `[n]`, class counts `[k]`. A round has one turn of every class, in random order; a class gives its samples in random
/// order, and in a new one after it has given all. On a GPU this synchronises with the host once.
pub(super) fn class_aware_order(labels: &Tensor, class_counts: &Tensor, samples_per_turn: i64) -> Tensor {
    let (samples, classes) = (labels.size()[0], class_counts.size()[0]);
    let integer = (Kind::Int64, labels.device());
    let turns = (samples + samples_per_turn - 1) / samples_per_turn;
    let rounds = (turns + classes - 1) / classes;
    let double = (Kind::Double, labels.device());

    // The samples in the order in which each class gives them, class after class: sorted by class, then pass, then
    // draw.
    let given = rounds * samples_per_turn; // the most samples that a class gives
    let passes = (given as f64 / class_counts.to_kind(Kind::Double)).ceil(); // [k]
    let passes_of_samples = passes.to_kind(Kind::Int64).index_select(0, labels); // [n]
    let candidates = Tensor::arange(samples, integer).repeat_interleave_self_tensor(&passes_of_samples, None, None);
    let first = passes_of_samples.cumsum(0, Kind::Int64) - &passes_of_samples; // where a sample's repeats begin
    let pass = Tensor::arange(candidates.size()[0], integer) - first.index_select(0, &candidates);
    let key = labels.index_select(0, &candidates) * (passes.max().to_kind(Kind::Int64)) + pass;
    let sorted = (key + Tensor::rand([candidates.size()[0]], double)).argsort(0, false);
    let lists = candidates.index_select(0, &sorted);
    let lengths = (passes * class_counts).to_kind(Kind::Int64);
    let starts = lengths.cumsum(0, Kind::Int64) - lengths; // [k]

    // Turn t is the turn of `order[t]` in round t / k.
    let order = Tensor::rand([rounds, classes], double).argsort(1, false);
    let round = Tensor::arange(rounds, integer).unsqueeze(1) * samples_per_turn; // samples that a class gave before
    let begin = starts.index_select(0, &order.view([-1])).view([rounds, classes]) + round;
    let positions = begin.view([-1, 1]) + Tensor::arange(samples_per_turn, integer);
    lists.index_select(0, &positions.view([-1]).narrow(0, 0, samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels and indices of an epoch, of classes with 60, 7 and 3 samples.
    fn epoch(samples_per_turn: i64) -> (Vec<i64>, Vec<i64>) {
        let counts = Tensor::from_slice(&[60.0_f32, 7.0, 3.0]);
        let labels = Tensor::arange(3, (Kind::Int64, counts.device())).repeat_interleave_self_tensor(
            &counts.to_kind(Kind::Int64),
            None,
            None,
        );
        let order = class_aware_order(&labels, &counts, samples_per_turn);
        assert_eq!(order.size(), [70]);
        let drawn = labels.index_select(0, &order);
        (Vec::try_from(drawn).unwrap(), Vec::try_from(order).unwrap())
    }

    #[test]
    fn every_round_has_one_turn_of_each_class() {
        tch::manual_seed(5);
        let (labels, _) = epoch(4);
        let turns: Vec<i64> = labels
            .chunks(4)
            .map(|turn| {
                assert!(turn.iter().all(|label| *label == turn[0]), "{turn:?}");
                turn[0]
            })
            .collect();
        for round in turns.chunks_exact(3) {
            let mut round = round.to_vec();
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2]);
        }
    }

    #[test]
    fn no_sample_repeats_before_all_of_its_class_have_come() {
        tch::manual_seed(6);
        let (labels, order) = epoch(1);
        for (class, size) in [(0, 60), (1, 7), (2, 3)] {
            let given: Vec<i64> = labels
                .iter()
                .zip(&order)
                .filter(|(label, _)| **label == class)
                .map(|(_, index)| *index)
                .collect();
            assert!(given.len() >= 23);
            for pass in given.chunks(size) {
                let distinct: std::collections::HashSet<_> = pass.iter().collect();
                assert_eq!(distinct.len(), pass.len(), "class {class}");
            }
        }
    }

    #[test]
    fn rounds_and_passes_are_shuffled() {
        tch::manual_seed(7);
        let (labels, order) = epoch(1);
        let (other_labels, other_order) = epoch(1);
        assert_ne!(labels, other_labels);
        assert_ne!(order, other_order);
        let rarest: Vec<i64> = order.iter().copied().filter(|index| *index >= 67).collect();
        let passes: std::collections::HashSet<_> = rarest.chunks_exact(3).collect();
        assert!(passes.len() > 1, "every pass in the same order: {rarest:?}");
    }
}
