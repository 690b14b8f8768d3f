//! Reading fixture files, and comparing with what they expect.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tch::{Kind, Tensor};

/// Tolerances of keys that no manifest mentions (the README's floor).
const RELATIVE: f64 = 1e-5;
const ABSOLUTE: f64 = 1e-6;

/// The fixtures' directory: `LONGTAIL_GOLDEN`, or the copy in this repository.
pub(crate) fn directory() -> PathBuf {
    std::env::var_os("LONGTAIL_GOLDEN").map_or_else(own_directory, PathBuf::from)
}

/// The copy in this repository.
pub(crate) fn own_directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/golden"))
}

/// One safetensors file and what the manifest says about it.
pub(crate) struct Fixture {
    pub(crate) name: String,
    tensors: BTreeMap<String, Tensor>,
    notes: Value,
    /// Relative and absolute tolerance of keys that `notes` do not mention.
    pub(crate) tolerance: [f64; 2],
}

impl Fixture {
    /// Every fixture whose file name starts with `prefix`.
    pub(crate) fn all(prefix: &str) -> Vec<Fixture> {
        let directory = directory();
        let fixtures = Fixture::all_in(&directory, prefix);
        assert!(
            !fixtures.is_empty() || directory != own_directory(),
            "no fixture {prefix}*.safetensors in {}",
            directory.display()
        );
        fixtures
    }

    /// As [`Fixture::all`], from any directory, which may have none.
    pub(crate) fn all_in(directory: &Path, prefix: &str) -> Vec<Fixture> {
        let notes: Value = match std::fs::read_to_string(directory.join("manifest.json")) {
            Ok(text) => serde_json::from_str(&text).expect("manifest.json is JSON"),
            Err(_) => Value::Null,
        };
        let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("a directory entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|name| name.starts_with(prefix) && name.ends_with(".safetensors"))
            .collect();
        names.sort();
        names
            .into_iter()
            .map(|name| Fixture::open(directory, name, &notes))
            .collect()
    }

    /// The fixture of this file name, as an input to others: no tolerances.
    pub(crate) fn named(name: &str) -> Fixture {
        Fixture::open(&directory(), name.to_owned(), &Value::Null)
    }

    fn open(directory: &Path, name: String, notes: &Value) -> Fixture {
        let tensors = Tensor::read_safetensors(directory.join(&name)).expect("a safetensors file");
        let notes = notes["files"][&name]["tensors"].clone();
        Fixture {
            name,
            tensors: tensors.into_iter().collect(),
            notes,
            tolerance: [RELATIVE, ABSOLUTE],
        }
    }

    /// An input, `in.<name>`.
    pub(crate) fn input(&self, name: &str) -> &Tensor {
        self.get(&format!("in.{name}"))
    }

    /// A hyper-parameter, `hp.<name>`, stored times 1e9.
    pub(crate) fn hyper(&self, name: &str) -> f64 {
        self.get(&format!("hp.{name}")).int64_value(&[0]) as f64 / 1e9
    }

    /// Whether the file has a key of this name.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.tensors.contains_key(key)
    }

    /// Whether the file expects anything under `prefix`.
    pub(crate) fn expects(&self, prefix: &str) -> bool {
        self.expected_keys().any(|key| key.starts_with(prefix))
    }

    /// All keys that are to be compared.
    pub(crate) fn expected_keys(&self) -> impl Iterator<Item = &String> {
        self.tensors.keys().filter(|key| self.is_expected(key))
    }

    /// Whether a key is to be compared: the manifest gives it a role; if no manifest mentions it, its name decides.
    fn is_expected(&self, key: &str) -> bool {
        match self.notes[key]["role"].as_str() {
            Some(role) => !["input", "hp", "info"].contains(&role),
            None => !key.starts_with("in.") && !key.starts_with("hp."),
        }
    }

    pub(crate) fn get(&self, key: &str) -> &Tensor {
        self.tensors
            .get(key)
            .unwrap_or_else(|| panic!("{} has no {key}", self.name))
    }

    /// None if `got` is what the file expects under `key`, else by how much it differs.
    fn mismatch(&self, key: &str, want: &Tensor, got: &Tensor) -> Option<String> {
        if want.kind() == Kind::Int64 {
            return (want != got).then(|| format!("{}: {key} differs", self.name));
        }
        let (want, got) = (want.to_kind(Kind::Double), got.to_kind(Kind::Double).reshape_as(want));
        let scale = want.abs().max().double_value(&[]);
        let allowed = self.relative(key) * scale + self.absolute(key);
        let excess = ((got - &want).abs() - allowed).max().double_value(&[]);
        // Not `excess > 0`: a NaN must fail.
        let close = excess <= 0.0;
        (!close).then(|| format!("{}: {key} is {excess:e} beyond its tolerance", self.name))
    }

    /// Relative tolerance of a key: one number, or one per entry where an f32 trajectory drifts apart step by step.
    fn relative(&self, key: &str) -> Tensor {
        match &self.notes[key]["rtol"] {
            Value::Array(steps) => {
                let steps: Vec<f64> = steps
                    .iter()
                    .map(|step| step.as_f64().expect("tolerances are numbers"))
                    .collect();
                Tensor::from_slice(&steps)
            }
            rtol => Tensor::from(rtol.as_f64().unwrap_or(self.tolerance[0])),
        }
    }

    fn absolute(&self, key: &str) -> f64 {
        self.notes[key]["atol"].as_f64().unwrap_or(self.tolerance[1])
    }
}

/// What was compared in one fixture, and what failed.
pub(crate) struct Comparison<'a> {
    pub(crate) fixture: &'a Fixture,
    pub(crate) checked: BTreeSet<String>,
    pub(crate) failures: Vec<String>,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(fixture: &'a Fixture) -> Self {
        Comparison {
            fixture,
            checked: BTreeSet::new(),
            failures: Vec::new(),
        }
    }

    /// Compares `got` with the file's `key`, if it has that key and expects it.
    pub(crate) fn check(&mut self, key: &str, got: &Tensor) {
        let want = self.fixture.tensors.get(key);
        if let Some(want) = want.filter(|_| self.fixture.is_expected(key)) {
            self.failures.extend(self.fixture.mismatch(key, want, got));
            self.checked.insert(key.to_owned());
        }
    }

    /// As `check` for numbers.
    pub(crate) fn check_numbers(&mut self, key: &str, got: &[f64]) {
        self.check(key, &Tensor::from_slice(got));
    }

    /// Panics with all failures.
    pub(crate) fn assert(self) {
        assert!(self.failures.is_empty(), "\n{}", self.failures.join("\n"));
    }
}
