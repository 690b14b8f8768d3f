//! Listed: the methods that a grid names out of the catalogue, with what it changes and the published numbers beside them.

use std::collections::BTreeMap;
use std::mem::discriminant;

use toml::Spanned;

use super::catalogue;
use super::error::{Fault, Refusal};
use super::file::{GridFile, MethodEntry, Uses};
use super::spelling;

impl GridFile {
    /// All methods: those of `methods`, then those that it defines itself.
    ///
    /// # Errors
    /// If `methods` names what the catalogue does not have, or another table what `methods` does not name.
    pub(super) fn all_methods(&self) -> Result<Vec<MethodEntry>, Fault> {
        self.check_listed("change", &self.change)?;
        self.check_listed("published", &self.published)?;
        self.check_listed("published_with_plug_in", &self.published_with_plug_in)?;
        let mut methods = Vec::new();
        for name in &self.methods {
            let known = catalogue::method(name.get_ref()).map_err(|refusal| Fault::new(name.span(), refusal))?;
            let uses = match self.change.get_key_value(name.get_ref().as_str()) {
                None => known.uses.clone(),
                Some((at, change)) => known.uses.changed(change).map_err(|part| {
                    let method = name.get_ref().clone();
                    Fault::new(at.span(), Refusal::OtherPart { method, part })
                })?,
            };
            methods.push(MethodEntry {
                name: name.clone(),
                published: self.published.get(name.get_ref().as_str()).cloned(),
                published_with_plug_in: self.published_with_plug_in.get(name.get_ref().as_str()).cloned(),
                uses,
            });
        }
        methods.extend(self.method.iter().cloned());
        Ok(methods)
    }

    /// Refuses a line of `table` for a method that `methods` does not name.
    fn check_listed<T>(&self, table: &'static str, lines: &BTreeMap<Spanned<String>, T>) -> Result<(), Fault> {
        let names: Vec<&str> = self.methods.iter().map(|name| name.get_ref().as_str()).collect();
        match lines.keys().find(|name| !names.contains(&name.get_ref().as_str())) {
            None => Ok(()),
            Some(name) => {
                let value = name.get_ref().clone();
                let hint = spelling::hint(&value, &names);
                Err(Fault::new(name.span(), Refusal::NotListed { table, value, hint }))
            }
        }
    }
}

impl Uses {
    /// These parts with the settings of `change`; the name of a part that `change` has and they do not, or of another kind.
    fn changed(&self, change: &Uses) -> Result<Uses, &'static str> {
        Ok(Uses {
            sampler: either("sampler", &self.sampler, &change.sampler)?,
            resample: either("resample", &self.resample, &change.resample)?,
            augmentation: match &change.augmentation {
                None => self.augmentation.clone(),
                Some(_) => return Err("augmentation"), // its kinds are many, and no grid changes a number of one
            },
            loss: either("loss", &self.loss, &change.loss)?,
            reweight: either("reweight", &self.reweight, &change.reweight)?,
            regularizer: either("regularizer", &self.regularizer, &change.regularizer)?,
            contrast: either("contrast", &self.contrast, &change.contrast)?,
            head: either("head", &self.head, &change.head)?,
            experts: either("experts", &self.experts, &change.experts)?,
            distillation: either("distillation", &self.distillation, &change.distillation)?,
            initial: either("initial", &self.initial, &change.initial)?,
            second_stage: either("second_stage", &self.second_stage, &change.second_stage)?,
        })
    }
}

/// What is stated instead of a part, if it is one of the same kind.
fn either<T: Clone>(part: &'static str, known: &Option<T>, stated: &Option<T>) -> Result<Option<T>, &'static str> {
    match (known, stated) {
        (_, None) => Ok(known.clone()),
        (Some(known), Some(stated)) if discriminant(known) == discriminant(stated) => Ok(Some(stated.clone())),
        _ => Err(part),
    }
}
