//! Photographs that are packed, looked for, listed in JSON, and unreadable.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use crate::photographs;
use crate::sandbox::{Said, Sandbox, said};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(&photographs::grid());
    photographs::write(&sandbox.path("photos"));
    sandbox
}

fn verb(sandbox: &Sandbox, words: &[&str]) -> Said {
    let (first, others) = words.split_first().expect("a verb");
    said(&sandbox.binary(first).args(others).output().expect("the binary starts"))
}

fn pack(sandbox: &Sandbox, options: &[&str]) -> Said {
    verb(
        sandbox,
        &[
            &[
                "pack",
                "grid.toml",
                "--data",
                "photos",
                "--out",
                "packed",
                "--side",
                "36",
            ],
            options,
        ]
        .concat(),
    )
}

#[test]
fn a_pack_is_trained_on_and_named_in_tables() {
    let sandbox = sandbox();
    let packed = pack(&sandbox, &[]).succeeded().stdout;
    assert!(packed.starts_with("62 photographs packed 36 raw: "), "{packed}");
    assert!(
        packed.ends_with(" in 1 shard; train on them with --data packed\n"),
        "{packed}"
    );
    let plan = sandbox.reproduce("plan", &["--data", "packed"]).succeeded().stdout;
    assert!(plan.contains("\nphotos packed 36 raw, protocol nearest"), "{plan}");

    let run = |out: &str, data: &str| {
        let mut command = sandbox.binary("run");
        command.args([
            "grid.toml",
            "--device",
            "cpu",
            "--methods",
            "ce",
            "--out",
            out,
            "--data",
            data,
        ]);
        said(&command.output().expect("the binary starts"))
    };
    run("out", "packed").succeeded();
    let table = sandbox.read("out/summary.md");
    assert!(table.contains(" on photos packed 36 raw: "), "{table}");
    run("again", "packed").succeeded();
    let predictions = |out: &str| {
        let folder = fs::read_dir(sandbox.path(&format!("{out}/runs"))).expect("runs").next();
        let folder: PathBuf = folder.expect("one").expect("readable").path();
        fs::read(folder.join("predictions.npz")).expect("predictions")
    };
    assert_eq!(predictions("out"), predictions("again"));
    let said = run("out", "photos");
    said.refused(
        2,
        &[
            "holds results of another configuration",
            "photographs `photos` whose list of files",
        ],
    );
    let look = verb(
        &sandbox,
        &["data", "look", "grid.toml", "--data", "packed", "--images", "4"],
    );
    assert!(look.succeeded().stdout.ends_with("look.png\n"));
}

#[test]
fn a_damaged_shard_is_found_and_written_anew() {
    let sandbox = sandbox();
    pack(&sandbox, &["--quality", "90"]).succeeded();
    let check = || verb(&sandbox, &["pack", "--check", "packed"]);
    assert_eq!(check().succeeded().stdout, "packed: 1 shard as written\n");
    let shard = sandbox.path("packed/00000.shard");
    let mut bytes = fs::read(&shard).expect("a shard");
    bytes[1000] ^= 1;
    fs::write(&shard, &bytes).expect("a shard");
    let found = check().refused(1, &["1 of 1 shard damaged or missing; run the `reproduce pack`"]);
    assert!(
        found.stdout.starts_with("packed/00000.shard: its SHA-256 is "),
        "{found:?}"
    );
    pack(&sandbox, &["--quality", "90"]).succeeded();
    assert_eq!(check().succeeded().stdout, "packed: 1 shard as written\n");

    fs::write(&shard, &bytes[..1000]).expect("a shard");
    let plan = sandbox.reproduce("plan", &["--data", "packed"]);
    plan.refused(
        2,
        &[
            "packed/00000.shard: 1000 bytes, and its table has ",
            "the shard is damaged",
        ],
    );
    pack(&sandbox, &[]).refused(
        2,
        &["packed: holds a pack of other photographs, or with other settings; choose another --out"],
    );
    pack(&sandbox, &["--quality", "101"])
        .refused(2, &["`101` is neither raw nor a quality of JPEG; give one such as 90"]);
    verb(&sandbox, &["pack", "--check", "photos"]).refused(2, &["photos: no pack: there is no pack.json"]);
}

#[test]
fn an_unreadable_photograph_is_replaced_where_that_is_asked_for() {
    let sandbox = sandbox();
    let photograph = sandbox.path("photos/amber/5.png");
    let bytes = fs::read(&photograph).expect("a photograph");
    fs::write(&photograph, &bytes[..bytes.len() / 2]).expect("a small file");
    let options = ["--data", "photos", "--methods", "ce"];
    sandbox
        .run(&options)
        .refused(1, &["photos/amber/5.png", "replace or remove the file"]);
    sandbox.run(&[&options[..], &["--skip-bad", "1"]].concat()).succeeded();
    let run = &sandbox.run_dirs(&options)[0];
    let replaced = sandbox.read(&format!("{run}/replaced.txt"));
    assert!(
        replaced.starts_with("photos/amber/5.png: a damaged or unusual PNG") && replaced.lines().count() == 1,
        "{replaced}"
    );
    assert!(
        sandbox
            .read(&format!("{run}/environment.toml"))
            .contains("\nskip_bad = 1\n")
    );
    let table = sandbox.read("out/summary.md");
    assert!(
        table.contains("without 1 training photograph that could not be read"),
        "{table}"
    );
    assert!(table.contains("--data photos --skip-bad 1"), "{table}");
}

#[test]
fn lists_in_json_are_read() {
    let sandbox = sandbox();
    let list = |photographs: &[(&str, usize)]| {
        let annotation = |(path, class): &(&str, usize)| format!("{{\"fpath\": \"{path}\", \"category_id\": {class}}}");
        let annotations: Vec<String> = photographs.iter().map(annotation).collect();
        format!("{{\"annotations\": [{}], \"num_classes\": 2}}", annotations.join(", "))
    };
    sandbox.write(
        "photos/train.json",
        &list(&[("amber/1.png", 0), ("amber/2.png", 0), ("blue/1.png", 1)]),
    );
    sandbox.write("photos/val.json", &list(&[("amber/3.png", 0), ("blue/3.png", 1)]));
    let lists = "lists = { train = \"train.json\", test = \"val.json\" }, side = 32, ";
    sandbox.write(
        "grid.toml",
        &photographs::grid()
            .replace("side = 32, ", lists)
            .replace("batch_size = 16", "batch_size = 2"),
    );
    let plan = sandbox.reproduce("plan", &["--data", "photos"]).succeeded().stdout;
    assert!(
        plan.starts_with("3 training and 2 test photographs of 2 classes, 2 to 1 of a class for training\n"),
        "{plan}"
    );
    fs::remove_file(sandbox.path("photos/val.json")).expect("it is there");
    sandbox
        .reproduce("plan", &["--data", "photos"])
        .refused(2, &["photos/val.json: no such list"]);
}

#[test]
fn a_pareto_imbalance_has_its_own_name() {
    let sandbox = sandbox();
    let pareto = "{ pareto = { alpha = 6, max = 16, min = 2 } }";
    sandbox.write("grid.toml", &photographs::grid().replace("\"natural\"", pareto));
    let plan = sandbox.reproduce("plan", &["--data", "photos"]).succeeded().stdout;
    assert!(
        plan.contains("ce.pareto6-16-2-0.s0.") && plan.contains("pareto 6 from 16 to 2"),
        "{plan}"
    );
}

#[test]
fn photographs_of_a_large_set_that_are_missing_are_listed() {
    let sandbox = sandbox();
    let data = || verb(&sandbox, &["data", "inat18", "--root", "large"]);
    fs::create_dir(sandbox.path("large")).expect("a folder");
    data().refused(
        2,
        &["large: not all lists of inaturalist2018 are there; put `iNaturalist18_train.txt`, `iNaturalist18_val.txt` of github.com/"],
    );
    let write = |file: &str, counts: &[usize]| {
        let mut text = String::new();
        for (class, &count) in counts.iter().enumerate() {
            for number in 0..count {
                writeln!(text, "train_val2018/{class}/{file}{number}.jpg {class}").expect("a string takes all");
            }
        }
        sandbox.write(&format!("large/{file}"), &text);
    };
    // 842, 3701 and 3599 classes, 437,513 photographs, 1000 of the largest class and 2 of the smallest.
    let mut counts = vec![1000];
    counts.extend([314; 841]);
    counts.extend(vec![42; 3701]);
    counts.extend(vec![4; 3599]);
    counts[8141] = 2;
    let left = 437_513 - counts.iter().sum::<usize>();
    counts[842..842 + left].fill(43);
    write("iNaturalist18_train.txt", &counts);
    write("iNaturalist18_val.txt", &vec![3; 8142]);
    fs::create_dir_all(sandbox.path("large/train_val2018/7")).expect("a folder");
    for number in 0..3 {
        sandbox.write(&format!("large/train_val2018/7/iNaturalist18_val.txt{number}.jpg"), "");
    }
    let found = data()
        .refused(
            1,
            &["461936 photographs missing; unpack the archives of inaturalist2018 below large"],
        )
        .stdout;
    assert!(found.starts_with("inaturalist2018 in large\niNaturalist18_train.txt: 437513 photographs, 437513 missing, in 8142 of 8142 classes\n  0: 1000 of 1000\n"), "{found}");
    let last = "iNaturalist18_val.txt: 24426 photographs, 24423 missing, in 8141 of 8142 classes\n";
    assert!(
        found.contains(last) && found.contains("  and 8121 more classes\n"),
        "{found}"
    );
    assert!(
        found.contains("  large/train_val2018/0/iNaturalist18_val.txt0.jpg\n"),
        "{found}"
    );
}
