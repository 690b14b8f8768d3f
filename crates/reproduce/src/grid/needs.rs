//! Dependencies between runs: first stages, initial networks, teachers.

use std::path::Path;

use methods::{Head, Initial, Method};

use super::Plan;
use super::error::{Fault, Refusal};
use super::named::Named;
use super::spelling;
use crate::files;
use crate::run::{Role, Run, RunId};

/// Runs of a grid's methods for one imbalance and seed.
pub(super) struct Planner<'a> {
    /// All methods of the grid.
    pub(super) methods: &'a [Named],
    /// Makes the run of a method under a name.
    pub(super) run: &'a dyn Fn(&str, Method) -> Run,
    /// The plan that they are added to.
    pub(super) plan: &'a mut Plan,
}

impl<'a> Planner<'a> {
    /// Plans the run of `named` after the runs it needs, and returns its id. If the grid has a method with exactly the needed parts, the
    /// needed run is that method's, so both share a directory even if the method was not asked for.
    ///
    /// # Errors
    /// If a needed method is missing, needs itself, or has no network of its own.
    pub(super) fn plan(&mut self, named: &Named) -> Result<RunId, Fault> {
        self.plan_for(named, &[])
    }

    /// As [`Planner::plan`], for the methods `asking`, of which the last needs it directly.
    fn plan_for(&mut self, named: &Named, asking: &[&str]) -> Result<RunId, Fault> {
        let refused = |refusal| Fault::new(named.span.clone(), refusal);
        if asking.contains(&named.name.as_str()) {
            return Err(refused(Refusal::Circle(named.name.clone())));
        }
        let asking = [asking, &[&named.name]].concat();
        let mut method = named.method.clone();
        let mut needs = Vec::new();
        if method.second_stage.is_some() {
            let first_stage = self.plan_for(&self.first_stage_of(named), &asking)?;
            method = Method {
                second_stage: method.second_stage,
                ..self.plan[&first_stage].method.clone()
            };
            needs.push((Role::FirstStage, first_stage));
        } else {
            match &mut method.initial {
                None => {}
                Some(Initial::Checkpoint { path, sha256 }) => {
                    *sha256 = Some(digest(path, sha256.as_deref()).map_err(refused)?);
                }
                Some(Initial::Method(name)) => {
                    let initial = self.network(named, name, Role::Initial)?;
                    let fits = match (initial.method.experts, method.experts) {
                        (Some(theirs), Some(own)) => own.have_layers_of(theirs),
                        (theirs, own) => theirs.is_none() && own.is_none(),
                    };
                    if !fits {
                        return Err(refused(Refusal::OtherExperts { value: name.clone() }));
                    }
                    let initial = self.plan_for(initial, &asking)?;
                    *name = initial.to_string();
                    needs.push((Role::Initial, initial));
                }
                Some(Initial::Rotation) => {
                    needs.push((Role::Initial, self.plan_for(&self.pre_training_of(named), &asking)?));
                }
            }
            if let Some(distillation) = &mut method.distillation {
                let teacher = self.network(named, &distillation.teacher, Role::Teacher)?;
                if teacher.method.head == Head::FixedEtf {
                    return Err(refused(Refusal::TeacherOfCosines(teacher.name.clone())));
                }
                let teacher = self.plan_for(teacher, &asking)?;
                distillation.teacher = teacher.to_string();
                needs.push((Role::Teacher, teacher));
            }
        }
        let run = (self.run)(&named.name, method);
        named.check_starts(run.recipe.epochs)?;
        named.check_network(run.dataset.facts().classes(), run.recipe.backbone)?;
        named.check_images(run.dataset)?;
        Ok(self.plan.add(run, needs))
    }

    /// The method called `name`, whose network `named` needs in the `role`.
    fn network(&self, named: &Named, name: &str, role: Role) -> Result<&'a Named, Fault> {
        let refused = |refusal| Err(Fault::new(named.span.clone(), refusal));
        let (role, value) = (role.name(), name.to_owned());
        match self.methods.iter().find(|other| other.name == name) {
            None => {
                let known: Vec<&str> = self.methods.iter().map(|other| other.name.as_str()).collect();
                let known = known.join(", ") + &spelling::hint(name, &known);
                refused(Refusal::NoSuchMethod { role, value, known })
            }
            Some(other)
                if other
                    .method
                    .second_stage
                    .as_ref()
                    .is_some_and(|stage| stage.epochs() == 0) =>
            {
                refused(Refusal::NoNetwork { role, value })
            }
            Some(other) => Ok(other),
        }
    }

    /// The first stage of `named`. It has the name of the grid's method with exactly its parts or, if there is none, a name made from the
    /// first method that needs it, so that methods with the same first stage share it.
    fn first_stage_of(&self, named: &Named) -> Named {
        let method = named.method.first_stage();
        let itself = self.methods.iter().find(|other| other.method == method);
        let sharing = self.methods.iter().find(|other| other.method.first_stage() == method);
        let name = match (itself, sharing) {
            (Some(itself), _) => itself.name.clone(),
            (None, sharing) => Role::FirstStage.name_for(&sharing.unwrap_or(named).name),
        };
        Named {
            name,
            twin_of: None,
            span: named.span.clone(),
            method,
        }
    }

    /// The pre-training of `named`. Its name is made from the first method that needs the same.
    fn pre_training_of(&self, named: &Named) -> Named {
        let method = named.method.pre_training();
        let sharing = self.methods.iter().find(|other| other.method.pre_training() == method);
        Named {
            name: Role::Initial.name_for(&sharing.unwrap_or(named).name),
            twin_of: None,
            span: named.span.clone(),
            method: method.unwrap_or_default(),
        }
    }
}

/// SHA-256 of the file at `path`, which must be the `stated` one if there is one.
fn digest(path: &Path, stated: Option<&str>) -> Result<String, Refusal> {
    let found = files::digest(path).map_err(|error| Refusal::Checkpoint {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    match stated {
        Some(stated) if stated != found => Err(Refusal::OtherCheckpoint {
            path: path.to_owned(),
            stated: stated.to_owned(),
            found,
        }),
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::grid::{Grid, GridError, Options};

    /// Cross-entropy, one method that `uses` the parts, and `others`.
    fn planned(uses: &str, others: &str) -> Result<Plan, GridError> {
        let text = format!(
            "dataset = \"cifar10\"\nimbalance = [{{ exponential = {{ ratio = 12.5 }} }}]\nseeds = [3]\n\
             [[method]]\nname = \"ce\"\n[[method]]\nname = \"it\"\n[method.uses]\n{uses}\n{others}"
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("small.toml");
        fs::write(&path, text).expect("a small file");
        Grid::load(&path, None)?.runs(&Options {
            methods: Some(vec!["it".to_owned()]),
            ..Options::default()
        })
    }

    fn order(plan: &Plan) -> Vec<&str> {
        plan.all().iter().map(|planned| planned.run.name.as_str()).collect()
    }

    fn refusal(uses: &str, others: &str) -> String {
        planned(uses, others).expect_err("a refused grid").to_string()
    }

    const TAUGHT: &str = "distillation = { teacher = \"ce\", temperature = 3, weight = 0.5, power = 0.5 }";

    #[test]
    fn a_teacher_is_the_grids_run_of_that_method_and_the_students_config_names_it() {
        let planned = planned(TAUGHT, "").expect("a sound grid");
        let teacher = planned[0].needed(Role::Teacher).expect("it has one");
        assert_eq!(teacher.method(), "ce");
        let named = format!("teacher = \"{teacher}\"");
        assert!(planned[0].run.config().contains(&named), "{}", planned[0].run.config());
        assert_eq!(order(&planned), ["ce", "it"]);
    }

    #[test]
    fn a_second_stage_needs_its_first_stage_which_needs_the_teacher() {
        let planned = planned(&format!("{TAUGHT}\nsecond_stage = {{ crt = {{}} }}"), "").expect("a sound grid");
        assert_eq!(order(&planned), ["ce", "it~stage1", "it"]);
        assert_eq!(planned[0].needed(Role::Teacher), None);
    }

    #[test]
    fn pre_training_is_shared_by_those_who_augment_alike() {
        let other =
            "[[method]]\nname = \"other\"\n[method.uses]\nloss = \"balanced-softmax\"\ninitial = \"rotation\"\n";
        let planned = planned("initial = { method = \"other\" }", other).expect("a sound grid");
        assert_eq!(order(&planned), ["other~rotation", "other", "it"]);
        let pre_training = &planned.all()[0].run.method;
        assert!(pre_training.pretext.is_some() && pre_training.augmentation.mix.is_none());
    }

    #[test]
    fn a_checkpoint_is_known_by_its_digest() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("some.safetensors");
        fs::write(&file, "abc").expect("a small file");
        let initial = |sha256: &str| {
            format!(
                "initial = {{ checkpoint = {{ path = \"{}\"{sha256} }} }}",
                file.display()
            )
        };
        let planned = planned(&initial(""), "").expect("a sound grid");
        // sha256sum of `abc`
        let digest = "sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"";
        assert!(planned[0].run.config().contains(digest), "{}", planned[0].run.config());
        let other = refusal(&initial(", sha256 = \"00\""), "");
        assert!(
            other.contains("has SHA-256 ba7816bf") && other.contains(", not 00;"),
            "{other}"
        );
        let missing = refusal("initial = { checkpoint = { path = \"nowhere\" } }", "");
        assert!(missing.contains("cannot read checkpoint nowhere: "), "{missing}");
    }

    #[test]
    fn who_cannot_be_needed_is_refused_with_the_reason() {
        let of = |teacher: &str| TAUGHT.replace("\"ce\"", &format!("\"{teacher}\""));
        let method = |name: &str, uses: &str| format!("[[method]]\nname = \"{name}\"\n[method.uses]\n{uses}\n");
        assert!(
            refusal(&of("nobody"), "")
                .ends_with("the teacher is to be method `nobody`, which the grid does not have; it has ce, it")
        );
        assert!(refusal(&of("it"), "").contains("`it` needs its own finished network"));
        let pupil = method("pupil", "initial = { method = \"it\" }");
        assert!(refusal(&of("pupil"), &pupil).contains("needs its own finished network, directly or through others"));
        let tau = method("tau", "second_stage = { tau-normalization = {} }");
        assert!(refusal(&of("tau"), &tau).contains("`tau`, which only computes a classifier"));
        let etf = method(
            "etf",
            "loss = { dot-regression = { balanced_lengths = false } }\nhead = \"fixed-etf\"",
        );
        assert!(refusal(&of("etf"), &etf).contains("teacher `etf` answers in cosines"));
        let experts = method("experts", "experts = { ncl = {} }");
        let begins_with = |name: &str| format!("initial = {{ method = \"{name}\" }}");
        assert!(refusal(&begins_with("experts"), &experts).contains("`experts`, whose `experts` have other layers"));
        let with_experts = |name: &str| begins_with(name) + "\nexperts = { ncl = { collaboration = 0.1 } }";
        assert!(refusal(&with_experts("ce"), "").contains("`ce`, whose `experts` have other layers"));
        planned(&with_experts("experts"), &experts).expect("the same layers");
    }
}
