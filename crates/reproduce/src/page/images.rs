//! Test images that most runs get wrong, and those that they are surest of, as thumbnails, where the data set is at hand.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use tch::Tensor;

use super::part::{Part, short};
use crate::compare::Finished;
use crate::run::directory::RunDir;
use crate::run::predictions::Predictions;
use crate::run::{Outcome, Run};

/// Thumbnails of a grid, and what each method makes of them.
#[derive(Debug, Serialize)]
pub(super) struct Images {
    /// Height and width in pixels.
    side: i64,
    /// Class by class: first those that most runs get wrong, then those that they are surest of.
    shown: Vec<Thumbnail>,
    /// For each row of the table its answers to each thumbnail.
    answers: Vec<Vec<Answer>>,
}

#[derive(Debug, Serialize)]
struct Thumbnail {
    /// Its number in the test split, in the order of the official files.
    image: usize,
    label: i64,
    /// Whether it is one of those that most runs get wrong.
    is_hard: bool,
    /// Red, green and blue of each pixel, row by row, as text.
    pixels: String,
}

/// What the runs of a method take an image for.
#[derive(Debug, PartialEq, Serialize)]
struct Answer {
    /// Runs that are right.
    right: usize,
    runs: usize,
    /// What most runs take it for.
    prediction: i64,
    /// Mean probability of the predictions; missing where no softmax was trained.
    confidence: Option<f64>,
}

/// Height and width of a photograph's thumbnail, pixels.
const LARGEST: usize = 64;

/// Most thumbnails of a page, and of a class each of the hard and the easy ones.
const MOST: usize = 400;
const OF_CLASS: usize = 4;

impl Images {
    /// Of the finished runs of each row of the table.
    pub(super) fn new(out: &Path, rows: &[(&Run, Vec<&Outcome>)], data: Option<&Path>) -> Part<Images> {
        Images::of_runs(out, rows, data).into()
    }

    fn of_runs(out: &Path, rows: &[(&Run, Vec<&Outcome>)], data: Option<&Path>) -> anyhow::Result<Images> {
        let mut predictions = Vec::new();
        for (run, outcomes) in rows {
            let kept = outcomes.iter().filter(|outcome| outcome.predictions_digest.is_some());
            let read = kept.map(|&outcome| {
                let directory = RunDir::of(out, &outcome.run).path().to_owned();
                Finished::new(directory, (*run).clone(), outcome.clone()).predictions()
            });
            predictions.push(read.collect::<anyhow::Result<Vec<Predictions>>>()?);
        }
        let Some(first) = predictions.iter().flatten().next() else {
            bail!("no run has predictions, which earlier versions did not keep");
        };
        let labels = &first.labels;
        let (run, _) = rows[0];
        let loaded = run.dataset.load_if_here(data);
        let loaded =
            loaded.with_context(|| format!("{} is not at hand; name its folder with --data", run.dataset))??;
        ensure!(
            loaded.test.label_list() == *labels,
            "the images of {} at hand are others than those that the runs were tested on",
            run.dataset
        );
        let classes = run.dataset.facts().classes() as usize;
        let chosen = choose(&predictions, classes, OF_CLASS.min(MOST / (2 * classes)).max(1));
        let shown = chosen.iter().map(|&(image, is_hard)| {
            Ok(Thumbnail {
                image,
                label: labels[image],
                is_hard,
                pixels: pixels(&loaded.test.thumbnail(image, LARGEST)?),
            })
        });
        let answers = predictions.iter().map(|runs| {
            let answers = chosen.iter().filter(|_| !runs.is_empty());
            answers.map(|&(image, _)| Answer::new(image, runs)).collect()
        });
        Ok(Images {
            side: run.dataset.facts().side.min(LARGEST as i64),
            shown: shown.collect::<anyhow::Result<_>>()?,
            answers: answers.collect(),
        })
    }
}

/// Of each class the `each` images that most runs get wrong, the surest first, and as many that most get right; whether they are the former.
fn choose(predictions: &[Vec<Predictions>], classes: usize, each: usize) -> Vec<(usize, bool)> {
    let runs: Vec<&Predictions> = predictions.iter().flatten().collect();
    let labels = &runs[0].labels;
    let score = |image: usize| {
        let scores = runs.iter().map(|run| {
            let confidence = run
                .probabilities
                .as_ref()
                .map_or(0.5, |values| f64::from(values[image]));
            let sign = if run.predicted[image] == labels[image] {
                1.0
            } else {
                -1.0
            };
            sign * (1.0 + confidence) // how many are right counts first, then how sure they are
        });
        scores.sum::<f64>()
    };
    let mut by_class: Vec<Vec<(usize, f64)>> = vec![Vec::new(); classes];
    for (image, &label) in labels.iter().enumerate() {
        by_class[label as usize].push((image, score(image)));
    }
    let mut chosen = Vec::new();
    for images in &mut by_class {
        images.sort_by(|one, other| one.1.total_cmp(&other.1));
        let hard = images.iter().take(each).filter(|(_, score)| *score < 0.0);
        chosen.extend(hard.map(|(image, _)| (*image, true)));
        let easy = images.iter().rev().take(each).filter(|(_, score)| *score > 0.0);
        chosen.extend(easy.map(|(image, _)| (*image, false)));
    }
    chosen
}

impl Answer {
    fn new(image: usize, runs: &[Predictions]) -> Answer {
        let predicted: Vec<i64> = runs.iter().map(|run| run.predicted[image]).collect();
        let count = |class: i64| predicted.iter().filter(|&&prediction| prediction == class).count();
        let most = predicted.iter().copied().max_by_key(|&class| (count(class), -class));
        let confidences: Option<Vec<f32>> = runs
            .iter()
            .map(|run| Some(run.probabilities.as_ref()?[image]))
            .collect();
        Answer {
            right: count(runs[0].labels[image]),
            runs: runs.len(),
            prediction: most.unwrap_or_default(),
            confidence: confidences.map(|values| short(f64::from(values.iter().sum::<f32>()) / values.len() as f64)),
        }
    }
}

/// The bytes of an image `[3, h, w]` u8 as text, colours last.
fn pixels(image: &Tensor) -> String {
    let bytes = Vec::<u8>::try_from(image.permute([1, 2, 0]).contiguous().flatten(0, 2));
    STANDARD.encode(bytes.expect("images are bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(predicted: &[i64], probabilities: &[f32]) -> Predictions {
        Predictions {
            labels: vec![0, 0, 0, 1],
            predicted: predicted.to_vec(),
            probabilities: Some(probabilities.to_vec()),
            in_top_five: vec![true; 4],
        }
    }

    #[test]
    fn hard_images_are_those_that_most_runs_get_wrong_and_the_surest_comes_first() {
        let runs = vec![
            predictions(&[1, 0, 1, 1], &[0.6, 0.9, 0.9, 0.5]),
            predictions(&[1, 0, 1, 1], &[0.6, 0.7, 0.7, 0.5]),
            predictions(&[0, 0, 1, 1], &[0.6, 0.8, 0.8, 0.5]),
        ];
        let chosen = choose(std::slice::from_ref(&runs), 2, 2);
        assert_eq!(chosen, [(2, true), (0, true), (1, false), (3, false)]);
        let answer = Answer::new(0, &runs);
        let expected = Answer {
            right: 1,
            runs: 3,
            prediction: 1,
            confidence: Some(0.6),
        };
        assert_eq!(answer, expected);
    }

    #[test]
    fn colours_of_a_pixel_follow_each_other() {
        let image = Tensor::from_slice(&[1_u8, 2, 3, 4, 5, 6]).view([3, 1, 2]);
        assert_eq!(
            STANDARD.decode(pixels(&image)).expect("text of ours"),
            [1, 3, 5, 2, 4, 6]
        );
    }
}
