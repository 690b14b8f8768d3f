//! Packs that are unfinished, damaged or others than expected.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use super::{JPEG, RAW, Sandbox, settings};
use crate::Validation;
use crate::photographs::pack::files::{partial, shard_file, table_file};
use crate::photographs::pack::{Packed, check_pack};
use crate::photographs::view::EvaluationView;
use crate::photographs::{PhotographSet, PhotographSettings, PhotographStream, StreamSettings, View};

/// The damaged shards, each with its problem.
fn check(sandbox: &Sandbox) -> Vec<String> {
    let (shards, damaged) = check_pack(&sandbox.out(), NonZeroUsize::new(3).unwrap()).unwrap();
    assert_eq!(shards, 4);
    damaged
        .iter()
        .map(|shard| sandbox.plain(&format!("{}: {}", shard.path.display(), shard.problem)))
        .collect()
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_interrupted_pack_goes_on_after_the_finished_shards() {
    let sandbox = Sandbox::new();
    let whole = sandbox.pack(RAW).unwrap();
    assert_eq!((whole.photographs, whole.shards, whole.kept), (13, 4, 0));
    let shards = || [0, 1, 2, 3].map(|number| fs::read(shard_file(&sandbox.out(), number)).unwrap());
    let bytes = shards();
    assert_eq!(whole.bytes, bytes.iter().map(|shard| shard.len() as u64).sum::<u64>());

    for number in [2, 3] {
        fs::remove_file(table_file(&sandbox.out(), number)).unwrap();
    }
    fs::rename(shard_file(&sandbox.out(), 2), partial(&shard_file(&sandbox.out(), 2))).unwrap();
    assert_eq!(
        sandbox.refusal(),
        "/pack: only 2 of 4 shards are packed; run the `reproduce pack` that made the folder again, which goes on from there"
    );
    let resumed = sandbox.pack(RAW).unwrap();
    assert_eq!(resumed, Packed { kept: 2, ..whole });
    assert_eq!(shards(), bytes);
    assert!(!partial(&shard_file(&sandbox.out(), 2)).exists());
    assert_eq!(check(&sandbox), [""; 0]);
}

#[test]
fn what_cannot_be_packed_is_said_and_keeps_the_finished_shards() {
    let sandbox = Sandbox::new();
    let obstacle = partial(&shard_file(&sandbox.out(), 2));
    fs::create_dir_all(&obstacle).unwrap();
    let error = sandbox.plain(&sandbox.pack(RAW).unwrap_err().to_string());
    assert!(error.starts_with("/pack/00002.shard: cannot be written: "), "{error}");
    assert!(
        error.ends_with("run the same command again: it keeps the shards that are finished"),
        "{error}"
    );
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(sandbox.pack(RAW).unwrap().kept, 2);

    fs::remove_dir_all(sandbox.out()).unwrap();
    let whole = fs::read(sandbox.photographs().join("1/11.jpg")).unwrap();
    fs::write(sandbox.photographs().join("1/11.jpg"), &whole[..whole.len() / 2]).unwrap();
    let error = sandbox.plain(&sandbox.pack(RAW).unwrap_err().to_string());
    assert_eq!(
        error,
        "/photos/1/11.jpg: a truncated JPEG: the marker of its end is missing; replace or remove the file"
    );
}

#[test]
fn a_damaged_shard_is_named_and_written_anew() {
    let sandbox = Sandbox::new();
    sandbox.pack(RAW).unwrap();
    let shard = shard_file(&sandbox.out(), 1);
    change(&shard, |bytes| bytes[100] ^= 1);
    let [found] = &check(&sandbox)[..] else {
        panic!("one shard is damaged");
    };
    assert!(found.starts_with("/pack/00001.shard: its SHA-256 is "), "{found}");
    assert_eq!(sandbox.pack(RAW).unwrap().kept, 3);
    assert_eq!(check(&sandbox), [""; 0]);

    let index = sandbox.training().index;
    change(&shard, |bytes| bytes.truncate(3000));
    let remedy = "; the shard is damaged: run the `reproduce pack` that made the folder again, which writes the damaged shards anew and keeps \
                  the others";
    let length = "/pack/00001.shard: 3000 bytes, and its table has ";
    assert!(sandbox.refusal().starts_with(length) && sandbox.refusal().ends_with(remedy));
    assert!(check(&sandbox)[0].starts_with(length));
    let settings = StreamSettings {
        view: View::Evaluation(EvaluationView::usual(16)),
        seed: 0,
        epoch: 0,
        batch: NonZeroUsize::new(9).unwrap(),
        skip_batches: 0,
        workers: NonZeroUsize::MIN,
        skip_bad: 0,
    };
    let mut stream = PhotographStream::new(&index, (0..9).collect(), settings).unwrap();
    let error = sandbox.plain(&stream.next().unwrap().unwrap_err().to_string());
    assert!(error.starts_with("/pack/00001.shard: the photograph /pack/"), "{error}");
    assert!(error.ends_with(remedy), "{error}");

    fs::remove_file(&shard).unwrap();
    assert!(
        sandbox
            .refusal()
            .starts_with("/pack/00001.shard: cannot be read: No such file")
    );
    fs::write(table_file(&sandbox.out(), 2), "{").unwrap();
    assert_eq!(check(&sandbox).len(), 2);
    assert_eq!(sandbox.pack(RAW).unwrap().kept, 2);
    assert_eq!(check(&sandbox), [""; 0]);
    assert_eq!(sandbox.training().index, index, "the same pixels");
}

#[test]
fn a_table_of_other_photographs_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.pack(RAW).unwrap();
    let table = table_file(&sandbox.out(), 0);
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.replacen("\"label\":0", "\"label\":1", 1)).unwrap();
    assert!(
        sandbox
            .refusal()
            .starts_with("/pack/pack.json: the tables beside it list other photographs")
    );
    fs::write(&table, text.replacen("\"height\":20", "\"height\":21", 1)).unwrap();
    assert!(
        sandbox.refusal().contains("/pack/00000.json: `"),
        "{}",
        sandbox.refusal()
    );
}

#[test]
fn another_version_other_settings_and_other_photographs_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.pack(RAW).unwrap();
    let refused = |settings: PhotographSettings| {
        let error = PhotographSet::open(&sandbox.out(), &settings).unwrap_err();
        sandbox.plain(&error.to_string())
    };
    let hold_out = Validation { per_class: 3, seed: 0 };
    assert_eq!(
        refused(PhotographSettings { hold_out, ..settings() }),
        "/pack: packed with `hold_out = { per_class = 2, seed = 0 }`, and the grid has `hold_out = { per_class = 3, seed = 0 }`; \
         state these in the grid, or pack the photographs again with it"
    );
    assert_eq!(
        refused(PhotographSettings { side: 32, ..settings() }),
        "/pack: the photographs have a short side of 20 pixels, and a network that sees 32 pixels needs 36; pack them with --side 36, \
         or choose a smaller `side` in the grid"
    );
    assert!(
        sandbox
            .plain(&sandbox.pack(JPEG).unwrap_err().to_string())
            .starts_with("/pack: holds a pack of other photographs")
    );

    let header = sandbox.out().join("pack.json");
    let text = fs::read_to_string(&header).unwrap();
    fs::write(&header, text.replace("\"format\":1,", "\"format\":2,")).unwrap();
    let message = "/pack/pack.json: a pack of format 2, and this version reads format 1; pack the photographs again with this version, \
                   or use the one that wrote it";
    assert_eq!(sandbox.refusal(), message);
    assert_eq!(sandbox.plain(&sandbox.pack(RAW).unwrap_err().to_string()), message);
}
