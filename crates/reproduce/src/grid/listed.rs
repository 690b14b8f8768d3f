//! Methods that a grid takes from the catalogue, its changes to them, and their published numbers.

use std::collections::BTreeMap;
use std::mem::discriminant;

use toml::Spanned;

use super::catalogue;
use super::error::{Fault, Refusal};
use super::file::{GridFile, MethodEntry, Uses};
use super::spelling;

impl GridFile {
    /// All methods: those that `methods` lists, then those that the grid defines itself.
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

    /// Refuses an entry of `table` for a method that `methods` does not name.
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
    /// These parts with the settings of `change`, or the name of a part in `change` that is missing here or of another kind.
    fn changed(&self, change: &Uses) -> Result<Uses, &'static str> {
        Ok(Uses {
            sampler: either("sampler", self.sampler.as_ref(), change.sampler.as_ref())?,
            resample: either("resample", self.resample.as_ref(), change.resample.as_ref())?,
            augmentation: match &change.augmentation {
                None => self.augmentation.clone(),
                Some(_) => return Err("augmentation"), // it has many kinds, and no grid changes a number of one
            },
            loss: either("loss", self.loss.as_ref(), change.loss.as_ref())?,
            reweight: either("reweight", self.reweight.as_ref(), change.reweight.as_ref())?,
            regularizer: either("regularizer", self.regularizer.as_ref(), change.regularizer.as_ref())?,
            contrast: either("contrast", self.contrast.as_ref(), change.contrast.as_ref())?,
            head: either("head", self.head.as_ref(), change.head.as_ref())?,
            experts: either("experts", self.experts.as_ref(), change.experts.as_ref())?,
            distillation: either("distillation", self.distillation.as_ref(), change.distillation.as_ref())?,
            initial: either("initial", self.initial.as_ref(), change.initial.as_ref())?,
            second_stage: either("second_stage", self.second_stage.as_ref(), change.second_stage.as_ref())?,
        })
    }
}

/// The part that is stated instead of another one, if both are of the same kind.
fn either<T: Clone>(part: &'static str, known: Option<&T>, stated: Option<&T>) -> Result<Option<T>, &'static str> {
    match (known, stated) {
        (known, None) => Ok(known.cloned()),
        (Some(known), Some(stated)) if discriminant(known) == discriminant(stated) => Ok(Some(stated.clone())),
        _ => Err(part),
    }
}
