//! Resolving a grid file under a protocol: every value known and in range.

use datasets::Dataset;
use methods::{Augmentation, FeatureTerm, Method, Protocol, Recipe, Retraining, Reweight, SecondStage, Sweep};

use super::catalogue;
use super::error::{Fault, Refusal};
use super::file::{GridFile, MethodEntry, RecipeEntry, RegularizerEntry, ReweightEntry, SecondStageEntry, Uses};
use super::named::Named;
use super::overrides::Overrides;

impl GridFile {
    /// The recipe: that of the protocol, overridden by the one that the file names, overridden by the file's own keys.
    pub(super) fn resolve_recipe(&self, protocol: Protocol) -> Result<Recipe, Fault> {
        let RecipeEntry { like, stated } = &self.recipe;
        let mut recipe = protocol.recipe();
        if let Some(like) = like {
            let name = like
                .get_ref()
                .as_str()
                .map_or_else(|| like.get_ref().to_string(), str::to_owned);
            let named = catalogue::recipe(&name).map_err(|refusal| Fault::new(like.span(), refusal))?;
            recipe = named.over(&recipe)?;
        }
        let recipe = stated.over(&recipe)?;
        recipe
            .check()
            .map_err(|error| Fault::new(stated.span(&error.keys()), error.into()))?;
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
                twin_of: None,
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
                    name: Named::twin_name(&name),
                    twin_of: Some(name),
                    span,
                    method,
                });
            }
        }
        match &self.plug_in {
            Some(plug_in) if !methods.iter().any(|named| named.twin_of.is_some()) => {
                Err(Fault::new(plug_in.span(), Refusal::PlugInOnNothing))
            }
            _ => Ok(methods),
        }
    }

    fn resolve_method(&self, entry: &MethodEntry, dataset: Dataset, protocol: Protocol) -> Result<Method, Fault> {
        let usual = self.augmentation.clone().unwrap_or_else(|| protocol.augmentation());
        let method = entry.uses.resolve(&usual, dataset, protocol)?;
        let at_name = |refusal| Fault::new(entry.name.span(), refusal);
        method.check().map_err(|error| at_name(error.into()))?;
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

impl Uses {
    /// The method with these parts, and with the `usual` augmentation if none is stated. Contradictions between parts are not checked here.
    pub(super) fn resolve(&self, usual: &Augmentation, dataset: Dataset, protocol: Protocol) -> Result<Method, Fault> {
        let reweight = self.reweight.as_ref().map(|entry| resolve_reweight(entry, protocol));
        let regularizer = self.regularizer.as_ref();
        let regularizer = regularizer.map(|entry| resolve_regularizer(entry, dataset, protocol));
        let second_stage = self.second_stage.as_ref();
        let second_stage = second_stage.map(|entry| resolve_second_stage(entry, dataset, protocol));
        Ok(Method {
            sampler: self.sampler.unwrap_or_default(),
            resample: self.resample,
            augmentation: self.augmentation.clone().unwrap_or_else(|| usual.clone()),
            loss: self.loss.unwrap_or_default(),
            reweight: reweight.transpose()?,
            regularizer: regularizer.transpose()?,
            contrast: self.contrast,
            head: self.head.unwrap_or_default(),
            experts: self.experts,
            distillation: self.distillation.clone(),
            initial: self.initial.clone(),
            pretext: None,
            second_stage: second_stage.transpose()?,
        })
    }
}

fn resolve_regularizer(entry: &RegularizerEntry, dataset: Dataset, protocol: Protocol) -> Result<FeatureTerm, Fault> {
    let RegularizerEntry::Nc(stated) = entry;
    let config = stated.over(&protocol.nc(dataset))?;
    match config.validate() {
        Ok(()) => Ok(FeatureTerm::Nc(config)),
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
    retraining
        .check_course()
        .map_err(|error| Fault::new(stated.span(&error.keys()), error.into()))?;
    retraining
        .sampler
        .check()
        .map_err(|error| Fault::new(stated.span(&["sampler"]), error.into()))?;
    Ok(retraining)
}

fn resolve_sweep(stated: &Overrides) -> Result<Sweep, Fault> {
    let sweep: Sweep = stated.over(&Sweep::default())?;
    if sweep.taus.is_empty() {
        return Err(Fault::new(stated.span(&["taus"]), Refusal::Empty("taus")));
    }
    sweep
        .check()
        .map_err(|error| Fault::new(stated.span(&["taus"]), error.into()))?;
    Ok(sweep)
}
