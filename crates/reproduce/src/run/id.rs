//! The id of a run, which names its directory.

use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

use datasets::Imbalance;
use methods::Protocol;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use crate::run::Run;

/// Method, imbalance and seed in readable form, and a digest of the settings that differ from the protocol's defaults, such as `ldam-drw+nc.r100.s1.3f9a2c1e`. Step imbalance reads `step100`, a balanced set `balanced100`, a
/// Pareto imbalance `pareto6-1280-5-0` with its seed last, a natural one `natural`.
///
/// So a setting added in a later version renames no run that leaves it at its default. The id only names a directory: its
/// `config.toml` is compared as a whole before it is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RunId(String);

impl RunId {
    /// The id of `run`.
    pub(super) fn of(run: &Run) -> RunId {
        let imbalance = match run.imbalance {
            Imbalance::Exponential { ratio } => format!("r{ratio}"),
            Imbalance::Step { ratio } => format!("step{ratio}"),
            Imbalance::Balanced { ratio } => format!("balanced{ratio}"),
            Imbalance::Pareto { alpha, max, min, seed } => format!("pareto{alpha}-{max}-{min}-{seed}"),
            Imbalance::Natural => "natural".to_owned(),
        };
        let digest = Sha256::digest(differences(run).to_string());
        let digest = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        RunId(format!("{}.{imbalance}.s{}.{digest:08x}", run.name, run.seed))
    }

    /// The id with this text, which a directory, a table or a config has.
    pub(crate) fn named(name: impl Into<String>) -> RunId {
        RunId(name.into())
    }

    /// Name of the method; the whole id if [`RunId::of`] does not make such ids.
    pub(crate) fn method(&self) -> &str {
        let (before_seed, _) = self.0.rsplit_once(".s").unwrap_or((&self.0, ""));
        let imbalance = [".r", ".step", ".balanced", ".pareto", ".natural"].map(|kind| before_seed.rfind(kind));
        imbalance
            .into_iter()
            .max()
            .flatten()
            .map_or(&self.0, |imbalance| &before_seed[..imbalance])
    }

    /// The seed; `None` if [`RunId::of`] does not make such ids.
    pub(crate) fn seed(&self) -> Option<i64> {
        self.0.rsplit('.').nth(1)?.strip_prefix('s')?.parse().ok()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl AsRef<Path> for RunId {
    fn as_ref(&self) -> &Path {
        self.0.as_ref()
    }
}

/// The settings of a run that differ from those of plain cross-entropy under the same protocol; name, data set, protocol, seed and
/// imbalance are always included.
fn differences(run: &Run) -> Table {
    let table = table(run);
    let [nearest, paper, code] = &*PLAIN;
    let default = match run.protocol {
        Protocol::Nearest => nearest,
        Protocol::Paper => paper,
        Protocol::Code => code,
    };
    let mut differences = difference(&table, default);
    for always in ["name", "dataset", "protocol", "seed", "imbalance"] {
        differences.insert(always.to_owned(), table[always].clone());
    }
    differences
}

fn table(run: &Run) -> Table {
    Table::try_from(run).expect("a run holds only numbers, words and tables of them")
}

/// [`Run::plain`] for each protocol, computed once: a plan of 10,000 runs needs it 10,000 times.
static PLAIN: LazyLock<[Table; 3]> = LazyLock::new(|| Protocol::ALL.map(|protocol| table(&Run::plain(protocol))));

/// The entries of `table` that are missing or different in `default`, recursively. An entry that only `default` has appears as an
/// empty table.
fn difference(table: &Table, default: &Table) -> Table {
    let mut difference = Table::new();
    for (key, value) in table {
        match (value, default.get(key)) {
            (value, Some(default)) if value == default => {}
            (Value::Table(value), Some(Value::Table(default))) => {
                difference.insert(key.clone(), self::difference(value, default).into());
            }
            (value, _) => {
                difference.insert(key.clone(), value.clone());
            }
        }
    }
    for key in default.keys().filter(|&key| !table.contains_key(key)) {
        difference.insert(key.clone(), Table::new().into());
    }
    difference
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::grid::{Grid, Options};

    #[test]
    fn the_ids_of_the_grids_stay_what_they_are() {
        let ids = ["shapes-lt", "cifar10-lt", "cifar100-lt-augmentation"].map(|grid| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../benchmarks/{grid}.toml"));
            let plan = Grid::load(&path, None).and_then(|grid| grid.runs(&Options::default()));
            let plan = plan.expect("a sound grid");
            let lines: Vec<String> = plan.all().iter().map(|planned| format!("{}\n", planned.id)).collect();
            format!("# {grid}\n{}", lines.concat())
        });
        insta::assert_snapshot!(ids.concat());
    }

    #[test]
    fn the_defaults_that_ids_are_relative_to_stay_what_they_are() {
        // Where one of them moves, runs that leave it out mean another training under their old ids: give `differences` a key that
        // says so before this snapshot is written anew.
        let configs = Protocol::ALL.map(|protocol| Run::plain(protocol).config());
        insta::assert_snapshot!(configs.join("\n# \n\n"));
    }

    #[test]
    fn a_digest_is_of_what_differs_and_of_all_that_differs() {
        let table = |text: &str| text.parse::<Table>().expect("TOML");
        let default = table("a = 1\nb = { c = 1, d = { e = 1 } }\nf = 'x'");
        let difference = |text: &str| difference(&table(text), &default).to_string();
        assert_eq!(difference(&default.to_string()), "");
        assert_eq!(
            difference("a = 2\nb = { c = 1, d = { e = 2 } }\nf = 'x'"),
            "a = 2\n\n[b.d]\ne = 2\n"
        );
        assert_eq!(
            difference("a = 1\nb = { c = 1 }\nf = { g = 1 }"),
            "[b.d]\n\n[f]\ng = 1\n"
        );
    }

    #[test]
    fn method_and_seed_are_read_out_of_an_id() {
        for (id, method, seed) in [
            ("ldam-drw+nc.r100.s1.3f9a2c1e", "ldam-drw+nc", Some(1)),
            ("ce.step12.5.s-3.12345678", "ce", Some(-3)),
            ("a.r1.balanced50.s0.12345678", "a.r1", Some(0)),
            ("ce.natural.s0.12345678", "ce", Some(0)),
            ("somebody's folder", "somebody's folder", None),
        ] {
            let id = RunId::named(id);
            assert_eq!((id.method(), id.seed()), (method, seed));
        }
    }
}
