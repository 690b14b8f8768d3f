//! Settings as text, the same in plans and above tables.

use datasets::{Dataset, Selection};
use methods::{Augmentation, Initial, Method};

use crate::run::RunId;

pub(crate) use methods::{count, in_words};

/// The parts of a method, such as `cross-entropy, re-weighted from epoch 160, NC from epoch 0`. Other runs are named by their methods.
pub(crate) fn parts(method: &Method) -> String {
    let mut method = method.clone();
    if let Some(distillation) = &mut method.distillation {
        distillation.teacher = method_of(&distillation.teacher);
    }
    if let Some(Initial::Method(run)) = &mut method.initial {
        *run = method_of(run);
    }
    method.to_string()
}

/// The method of the run with this id.
fn method_of(run: &str) -> String {
    RunId::named(run).method().to_owned()
}

/// As [`parts`], followed by the augmentation if it is not the `usual` one.
pub(crate) fn parts_beside(method: &Method, usual: &Augmentation) -> String {
    if method.augmentation == *usual {
        parts(method)
    } else {
        format!("{}; augmentation: {}", parts(method), method.augmentation)
    }
}

/// The smallest class, such as ``the 8 training images of `green`, the smallest class``.
pub(crate) fn smallest(dataset: Dataset) -> String {
    let facts = dataset.facts();
    let classes = facts.train.iter().zip(&facts.class_names);
    classes
        .min_by_key(|(images, _)| **images)
        .map_or(String::new(), |(images, name)| {
            format!("the {images} training images of `{name}`, the smallest class")
        })
}

/// How the images of a class are chosen, such as `as by Cao et al. 2019 (seed 0)`.
pub(crate) fn selection(selection: Selection) -> String {
    match selection {
        Selection::Ldam { seed } => format!("as by Cao et al. 2019 (seed {seed})"),
        Selection::FileOrder => "in the order of the files".to_owned(),
    }
}
