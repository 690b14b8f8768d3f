//! The verbs that look after photographs in files.

use std::path::Path;
use std::thread::available_parallelism;

use anyhow::{Context, bail};
use datasets::photographs::{LargeSet, ListedSplit, check_pack};
use datasets::{Dataset, data_folder};

use crate::command_line::arguments::PackArguments;
use crate::command_line::quote;
use crate::exit::Exit;
use crate::grid::describe::count;
use crate::grid::{Grid, Options};
use crate::out;
use crate::run::directory::refuse_in_run;
use crate::schedule::view::show_packing;

/// Classes to name of those that lack photographs.
const NAMED: usize = 20;
/// Missing photographs to name of each split.
const SHOWN: usize = 3;

/// Packs a grid's photographs, or checks a pack.
pub(crate) fn pack(arguments: &PackArguments) -> anyhow::Result<Exit> {
    if let Some(folder) = &arguments.check {
        return check(folder);
    }
    let (Some(grid), Some(to)) = (&arguments.grid, &arguments.out) else {
        bail!("name a grid and a folder for the pack with --out, or a pack with --check");
    };
    refuse_in_run(to)?;
    let data = data_folder(arguments.data.as_deref());
    let plan = Grid::load(grid, Some(&data))?.runs(&Options::default())?;
    let Dataset::Photographs(set) = plan.first().dataset else {
        bail!(
            "{} trains on {}, which is in memory as a whole; name a grid of photographs in files",
            grid.display(),
            plan.first().dataset
        );
    };
    let packing = arguments.packing();
    let packed = set.pack(&data, to, packing, &show_packing())?;
    let kept = match packed.kept {
        0 => String::new(),
        kept => format!(", {kept} of them from before"),
    };
    out::result(&format!(
        "{} {packing}: {:.1} MB in {}{kept}; train on them with --data {}\n",
        count(packed.photographs as i64, "photograph"),
        packed.bytes as f64 / 1e6,
        count(packed.shards as i64, "shard"),
        quote::shell(to)
    ))?;
    Ok(Exit::Finished)
}

/// Compares the digests of a pack's shards.
fn check(folder: &Path) -> anyhow::Result<Exit> {
    let (shards, damaged) = check_pack(folder, available_parallelism()?)?;
    if damaged.is_empty() {
        out::result(&format!(
            "{}: {} as written\n",
            folder.display(),
            count(shards as i64, "shard")
        ))?;
        return Ok(Exit::Finished);
    }
    let lines = damaged
        .iter()
        .map(|shard| format!("{}: {}\n", shard.path.display(), shard.problem));
    out::result(&lines.collect::<String>())?;
    out::note(&format!(
        "{} of {} damaged or missing; run the `reproduce pack` that made the folder again, which writes these anew and keeps the others",
        damaged.len(),
        count(shards as i64, "shard")
    ));
    Ok(Exit::Failed)
}

/// Reads the lists of a large set, and looks for every photograph on them.
pub(crate) fn lists(set: LargeSet, root: Option<&Path>) -> anyhow::Result<Exit> {
    let root = data_folder(root);
    let found = set.look_up(&root, available_parallelism().context("the processor's cores")?, SHOWN)?;
    let mut text = format!("{set} in {}\n", found.root.display());
    for split in &found.splits {
        text += &in_words(split);
    }
    out::result(&text)?;
    let missing: i64 = found.splits.iter().map(|split| split.missing.total()).sum();
    if missing == 0 {
        return Ok(Exit::Finished);
    }
    out::note(&format!(
        "{} missing; unpack the archives of {set} below {}, or name the folder that has them with --root",
        count(missing, "photograph"),
        found.root.display()
    ));
    Ok(Exit::Failed)
}

/// What is on the disk of one list.
fn in_words(split: &ListedSplit) -> String {
    let listed: i64 = split.class_counts.iter().sum();
    let missing = &split.missing;
    let text = format!("{}: {}", split.list, count(listed, "photograph"));
    if missing.total() == 0 {
        return text + ", none missing\n";
    }
    let mut lacking: Vec<usize> = (0..split.class_counts.len())
        .filter(|&class| missing.class_counts[class] > 0)
        .collect();
    lacking.sort_by_key(|&class| -missing.class_counts[class]); // of equal ones, in the order of the classes
    let named = lacking.iter().take(NAMED).map(|&class| {
        let (missing, all) = (missing.class_counts[class], split.class_counts[class]);
        format!("  {}: {missing} of {all}\n", split.class_names[class])
    });
    let more = match lacking.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("  and {more} more classes\n"),
    };
    let first = missing.first.iter().map(|path| format!("  {}\n", path.display()));
    format!(
        "{text}, {} missing, in {} of {} classes\n{}{more}  the first:\n{}",
        missing.total(),
        lacking.len(),
        split.class_counts.len(),
        named.collect::<String>(),
        first.collect::<String>()
    )
}
