//! A grid file under a protocol: every value known, and in its range.

use datasets::Dataset;
use methods::{LearningRate, Method, Protocol, Recipe, Regularizer, Retraining, Reweight, SecondStage, Sweep};

use super::augmentation::check_augmentation;
use super::check::check_epochs;
use super::error::{Fault, Refusal};
use super::file::{GridFile, MethodEntry, RegularizerEntry, ReweightEntry, SecondStageEntry};
use super::named::Named;
use super::overrides::Overrides;

impl GridFile {
    /// The recipe: the protocol's, and over it the file's.
    pub(super) fn resolve_recipe(&self, protocol: Protocol) -> Result<Recipe, Fault> {
        let stated = &self.recipe;
        let recipe = stated.over(&protocol.recipe())?;
        let Recipe {
            epochs,
            batch_size,
            momentum,
            weight_decay,
            warmup_epochs,
            ..
        } = recipe;
        check_epochs("epochs", epochs).map_err(|refusal| Fault::new(stated.span(&["epochs"]), refusal))?;
        stated.check("batch_size", batch_size as f64, batch_size >= 1, "1 or more")?;
        stated.check(
            "momentum",
            momentum,
            (0.0..1.0).contains(&momentum),
            "0 or more, below 1",
        )?;
        stated.check(
            "weight_decay",
            weight_decay,
            is_finite_and_not_negative(weight_decay),
            "0 or more",
        )?;
        if !(0..=epochs).contains(&warmup_epochs) {
            let (name, value) = ("warmup_epochs", warmup_epochs as f64);
            let refusal = Refusal::Setting {
                name,
                value,
                expected: "0 or more, at most `epochs`",
            };
            return Err(Fault::new(stated.span(&["warmup_epochs", "epochs"]), refusal));
        }
        check_learning_rate(stated, &recipe.learning_rate, epochs)?;
        Ok(recipe)
    }

    /// All methods in file order, each followed by its plug-in twin.
    pub(super) fn resolve_methods(&self, dataset: Dataset, protocol: Protocol) -> Result<Vec<Named>, Fault> {
        let mut methods = Vec::new();
        for entry in &self.method {
            let (name, span) = (entry.name.get_ref().clone(), entry.name.span());
            let method = self.resolve_method(entry, dataset, protocol)?;
            let twin = self.plug_in.as_ref().filter(|_| method.regularizer.is_none());
            methods.push(Named {
                name: name.clone(),
                span: span.clone(),
                method: method.clone(),
            });
            if let Some(plug_in) = twin {
                let regularizer = Some(resolve_regularizer(plug_in.get_ref(), dataset, protocol)?);
                let method = Method { regularizer, ..method };
                method
                    .check()
                    .map_err(|error| Fault::new(plug_in.span(), error.into()))?;
                methods.push(Named {
                    name: name + "+nc",
                    span,
                    method,
                });
            }
        }
        match &self.plug_in {
            Some(plug_in) if !methods.iter().any(|named| named.name.ends_with("+nc")) => {
                Err(Fault::new(plug_in.span(), Refusal::PlugInOnNothing))
            }
            _ => Ok(methods),
        }
    }

    fn resolve_method(&self, entry: &MethodEntry, dataset: Dataset, protocol: Protocol) -> Result<Method, Fault> {
        let uses = &entry.uses;
        let augmentation = uses.augmentation.clone().or_else(|| self.augmentation.clone());
        let reweight = uses
            .reweight
            .as_ref()
            .map(|reweight| resolve_reweight(reweight, protocol))
            .transpose()?;
        let regularizer = uses
            .regularizer
            .as_ref()
            .map(|entry| resolve_regularizer(entry, dataset, protocol))
            .transpose()?;
        let second_stage = uses
            .second_stage
            .as_ref()
            .map(|entry| resolve_second_stage(entry, dataset, protocol))
            .transpose()?;
        let method = Method {
            sampler: uses.sampler,
            resample: uses.resample,
            augmentation: augmentation.unwrap_or_else(|| protocol.augmentation()),
            loss: uses.loss,
            reweight,
            regularizer,
            contrast: uses.contrast,
            head: uses.head,
            experts: uses.experts,
            distillation: uses.distillation.clone(),
            initial: uses.initial.clone(),
            pretext: None,
            second_stage,
        };
        let at_name = |refusal| Fault::new(entry.name.span(), refusal);
        check_plain_parts(&method).map_err(at_name)?;
        if self.validation.is_none()
            && method
                .second_stage
                .as_ref()
                .is_some_and(|stage| stage.choices().is_some())
        {
            return Err(at_name(Refusal::NeedsValidation(entry.name.get_ref().clone())));
        }
        Ok(method)
    }
}

fn resolve_regularizer(entry: &RegularizerEntry, dataset: Dataset, protocol: Protocol) -> Result<Regularizer, Fault> {
    let RegularizerEntry::Nc(stated) = entry;
    let config = stated.over(&protocol.nc(dataset))?;
    match config.validate() {
        Ok(()) => Ok(Regularizer::Nc(config)),
        Err(error) => {
            let key = if let nc::Error::Setting { name, .. } = error {
                name
            } else {
                ""
            };
            Err(Fault::new(stated.span(&[key]), error.into()))
        }
    }
}

fn resolve_reweight(entry: &ReweightEntry, protocol: Protocol) -> Result<Reweight, Fault> {
    match *entry {
        ReweightEntry::ClassBalanced(ref stated) => {
            let reweight: Reweight = stated.over_variant(&protocol.deferred_reweighting())?;
            match reweight.check() {
                Ok(()) => Ok(reweight),
                Err(error) => Err(Fault::new(stated.span(&[error.key()]), error.into())),
            }
        }
        ReweightEntry::InverseFrequency { power, start_epoch } => Ok(Reweight::InverseFrequency { power, start_epoch }),
        ReweightEntry::CostSensitive { power, start_epoch } => Ok(Reweight::CostSensitive { power, start_epoch }),
    }
}

fn resolve_second_stage(entry: &SecondStageEntry, dataset: Dataset, protocol: Protocol) -> Result<SecondStage, Fault> {
    Ok(match entry {
        SecondStageEntry::Crt(stated) => {
            SecondStage::Crt(resolve_retraining(stated, &protocol.classifier_retraining())?)
        }
        SecondStageEntry::Lws(stated) => SecondStage::Lws(resolve_retraining(stated, &Retraining::lws())?),
        SecondStageEntry::Mislas(stated) => {
            SecondStage::Mislas(resolve_retraining(stated, &Retraining::mislas(dataset))?)
        }
        SecondStageEntry::DisAlign(stated) => {
            SecondStage::DisAlign(resolve_retraining(stated, &Retraining::dis_align())?)
        }
        SecondStageEntry::WeightBalancing(stated) => {
            SecondStage::WeightBalancing(resolve_retraining(stated, &Retraining::weight_balancing())?)
        }
        SecondStageEntry::TauNormalization(stated) => SecondStage::TauNormalization(resolve_sweep(stated)?),
        SecondStageEntry::LogitAdjustment(stated) => SecondStage::LogitAdjustment(resolve_sweep(stated)?),
        &SecondStageEntry::NearestClassMean { features, nearness } => {
            SecondStage::NearestClassMean { features, nearness }
        }
        &SecondStageEntry::ExpertAssignment(assignment) => SecondStage::ExpertAssignment(assignment),
    })
}

fn resolve_retraining(stated: &Overrides, default: &Retraining) -> Result<Retraining, Fault> {
    let retraining = stated.over(default)?;
    let Retraining {
        epochs,
        learning_rate,
        weight_decay,
        sampler,
        ..
    } = &retraining;
    check_epochs("epochs", *epochs).map_err(|refusal| Fault::new(stated.span(&["epochs"]), refusal))?;
    stated.check(
        "weight_decay",
        *weight_decay,
        is_finite_and_not_negative(*weight_decay),
        "0 or more",
    )?;
    check_learning_rate(stated, learning_rate, *epochs)?;
    sampler
        .check()
        .map_err(|error| Fault::new(stated.span(&["sampler"]), error.into()))?;
    Ok(retraining)
}

fn resolve_sweep(stated: &Overrides) -> Result<Sweep, Fault> {
    let sweep: Sweep = stated.over(&Sweep::default())?;
    if sweep.taus.is_empty() {
        return Err(Fault::new(stated.span(&["taus"]), Refusal::Empty("taus")));
    }
    for &tau in &sweep.taus {
        stated.check("taus", tau, is_finite_and_not_negative(tau), "0 or more, each")?;
    }
    Ok(sweep)
}

fn check_learning_rate(stated: &Overrides, learning_rate: &LearningRate, epochs: i64) -> Result<(), Fault> {
    let (LearningRate::MultiStep { initial, .. } | LearningRate::Cosine { initial }) = *learning_rate;
    let positive = initial.is_finite() && initial > 0.0;
    stated.check("learning_rate", initial, positive, "an initial rate above 0")?;
    if let LearningRate::MultiStep {
        factor, epochs: steps, ..
    } = learning_rate
    {
        let positive = factor.is_finite() && *factor > 0.0;
        stated.check("learning_rate", *factor, positive, "a factor above 0")?;
        if let Some(&step) = steps.iter().find(|&&step| step < 0) {
            stated.check("learning_rate", step as f64, false, "steps at epoch 0 or later")?;
        }
        if let Some(&step) = steps.iter().find(|&&step| step >= epochs) {
            return Err(Fault::new(
                stated.span(&["learning_rate", "epochs"]),
                Refusal::LateStep { step, epochs },
            ));
        }
    }
    Ok(())
}

/// Numbers of the parts that a file states in full.
fn check_plain_parts(method: &Method) -> Result<(), Refusal> {
    method.check()?;
    check_augmentation(&method.augmentation)
}

pub(super) fn check(name: &'static str, value: f64, holds: bool, expected: &'static str) -> Result<(), Refusal> {
    if holds {
        Ok(())
    } else {
        Err(Refusal::Setting { name, value, expected })
    }
}

pub(super) fn is_finite_and_not_negative(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}
