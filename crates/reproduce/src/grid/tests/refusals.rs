//! What is refused, and with which words.

use super::*;

#[test]
fn options_that_the_grid_does_not_have_are_refused_with_what_it_has() {
    let methods = Some(vec!["ce".to_owned(), "nc".to_owned()]);
    assert_eq!(
        option_refusal(&Options {
            methods,
            ..Options::default()
        }),
        "grid small has no method `nc`; it has ce, ce-drw, ce-drw-crt"
    );
    assert_eq!(
        option_refusal(&Options {
            imbalance: Some(vec![Ratio::Number(50.0)]),
            ..Options::default()
        }),
        "grid small has no imbalance of ratio `50`; it has 100, 10"
    );
    assert_eq!(
        option_refusal(&Options {
            seeds: Some(vec![4, 4]),
            ..Options::default()
        }),
        "seed 4 is stated twice; state it once"
    );
    assert_eq!(
        option_refusal(&Options {
            methods: Some(vec!["ce".to_owned(), "ce".to_owned()]),
            ..Options::default()
        }),
        "method ce is stated twice; state it once"
    );
    assert_eq!(
        option_refusal(&Options {
            validation: Some(0),
            ..Options::default()
        }),
        "`--validation` is 0; set it to 1 or more"
    );
    assert_eq!(
        option_refusal(&Options {
            epochs: Some(0),
            ..Options::default()
        }),
        "`--epochs` is 0; set it to 1 or more"
    );
}

#[test]
fn a_training_too_short_for_a_part_of_its_method_is_refused_with_one_that_is_not() {
    let of = |epochs| Options {
        epochs: Some(epochs),
        ..Options::default()
    };
    let methods = Some(vec!["ce".to_owned()]);
    let others = Options { methods, ..of(1) };
    assert_eq!(runs(GRID, &others)[0].run.epochs(), 1, "others are not held up");
    assert_eq!(
        option_refusal(&of(1)),
        "`--epochs 1` leaves no epoch for `reweight` of `ce-drw`, which starts after the first; give --epochs 2 or more, or leave the \
         method out with --methods"
    );
    runs(GRID, &of(2));
    assert_eq!(
        option_refusal(&of(2_000_000)),
        "`--epochs` is 2000000; set it to 1000000 or less"
    );
}

/// All of its schedules lie inside a training.
fn is_inside(planned: &Planned) -> bool {
    let run = &planned.run;
    let epochs = run.recipe.epochs;
    let steps: Vec<i64> = match &run.recipe.learning_rate {
        LearningRate::MultiStep { epochs, .. } => epochs.clone(),
        LearningRate::Cosine { .. } => Vec::new(),
    };
    let distinct = steps.windows(2).all(|pair| pair[0] < pair[1]);
    let steps_inside = steps.iter().all(|step| (1..epochs).contains(step));
    distinct && steps_inside && run.method.starts().iter().all(|(_, start)| *start < epochs)
}

#[test]
fn short_trainings_of_every_grid_of_this_repository_have_their_schedules_inside_or_are_refused_with_one_that_works() {
    for grid in grids_of_this_repository() {
        let name = grid.name();
        for (protocol, epochs) in [Protocol::Paper, Protocol::Code]
            .into_iter()
            .flat_map(|of| (1..=6).map(move |epochs| (of, epochs)))
        {
            let plan = |epochs| {
                grid.runs(&Options {
                    protocol: Some(protocol),
                    epochs: Some(epochs),
                    ..Options::default()
                })
            };
            match plan(epochs) {
                Ok(planned) => {
                    let outside = planned.asked().find(|planned| !is_inside(planned));
                    assert!(outside.is_none(), "{name} {epochs}: {outside:?}");
                }
                Err(GridError::Option(refusal)) => {
                    let Refusal::TooShort { smallest, .. } = *refusal else {
                        panic!("{name} {epochs}: {refusal}")
                    };
                    assert!(epochs == 1 && plan(smallest).is_ok(), "{name} {epochs}: {smallest}");
                }
                Err(error) => panic!("{name} {epochs}: {error}"),
            }
        }
    }
}

#[test]
fn mistakes_are_refused_with_their_place_and_a_remedy() {
    let with = |from: &str, to: &str| refusal(&GRID.replace(from, to));
    assert_eq!(
        with("seeds = [0, 1]", "seeds = []"),
        "4:9: no seeds; state at least one"
    );
    assert_eq!(
        with("seeds = [0, 1]", "seeds = [0, 1, 0]"),
        "4:16: seed 0 is stated twice; state it once"
    );
    assert_eq!(
        with("\"ce-drw-crt\"", "\"ce\""),
        "12:8: method ce is stated twice; state it once"
    );
    assert_eq!(
        with("ratio = 100", "ratio = 0.5"),
        "3:14: `ratio` is 0.5; set it to a finite number, 1 or above"
    );
    assert_eq!(
        with("\"ce-drw-crt\"", "\"../ce\""),
        "12:8: method name `../ce` cannot name a directory; use at most 100 letters, digits, `-`, `_` and `.`, and begin with a \
         letter"
    );
    assert_eq!(
        with("cifar10", "cifar11"),
        "2:11: unknown variant `cifar11`, expected one of `cifar10`, `cifar100`, `shapes`, `photographs`; did you mean `cifar10`?"
    );
    assert_eq!(
        with("beta = 0.99", "bta = 0.99"),
        "10:33: `bta`: unknown field `bta`, expected `beta` or `start_epoch`; did you mean `beta`?"
    );
    assert_eq!(
        with("beta = 0.99", "beta = \"high\""),
        "10:33: `beta`: invalid type: string \"high\", expected f64"
    );
    assert_eq!(
        with("beta = 0.99", "beta = 1"),
        "10:33: `class-balanced.beta` is 1; set it to 0 or more, below 1"
    );
    assert_eq!(
        with("crt = { epochs = 20 }", "crt = { epochs = 0 }"),
        "15:26: `epochs` is 0; set it to 1 or more"
    );
    assert_eq!(
        with("crt = {", "retrain = {"),
        "15:18: unknown variant `retrain`, expected one of `crt`, `lws`, `mislas`, `dis-align`, \
         `weight-balancing`, `tau-normalization`, `logit-adjustment`, `nearest-class-mean`, `expert-assignment`"
    );
    assert_eq!(
        with("seeds =", "plug_in = { nc = { lambda_1 = -1 } }\nseeds ="),
        "4:20: `lambda_1` is -1; set it to a finite number, 0 or above"
    );
    let augmented = |keys: &str| with("seeds =", &format!("augmentation = {{ {keys} }}\nseeds ="));
    assert_eq!(
        augmented("mixup = { alpha = 0.2 }, cmo = {}"),
        "4:16: `mixup` and `cmo` would both mix the batch; state one of them"
    );
    assert_eq!(
        augmented("remix = { kappa = 0.5 }"),
        "7:8: `remix.kappa` is 0.5; set it to 1 or more"
    );
    assert_eq!(
        augmented("policy = { rand-augment = { magnitude = 11 } }"),
        "7:8: `rand-augment.magnitude` is 11; set it to 0 to 10"
    );
    assert_eq!(
        augmented("cmo = { start_epoch = 197 }"),
        "7:8: `cmo.last_plain_epochs` is 3; set it to fewer than the epochs from `cmo.start_epoch` on, or train for \
         longer"
    );
    assert_eq!(
        with("name = \"ce\"", "name = \"ce\"\npublished_with_plug_in = \"CE + NC\""),
        "7:26: there is no `<name>+nc` for `published_with_plug_in`; state `plug_in = { nc = {} }` at the grid's top, or \
         leave it out"
    );
    assert_eq!(
        with("seeds =", "sedes ="),
        "4:1: unknown field `sedes`, expected one of `dataset`, `protocol`, `selection`, `validation`, `shots`, `noise_table`, `imbalance`, `seeds`, \
         `plug_in`, `published_source`, `augmentation`, `recipe`, `methods`, `change`, `published`, `published_with_plug_in`, `method`; did you mean `seeds`?"
    );
}

#[test]
fn a_value_of_another_shape_is_refused_with_the_forms_there_are() {
    let uses = |uses: &str| refusal(&format!("{GRID}[[method]]\nname = \"x\"\n[method.uses]\n{uses}\n"));
    let schedules =
        "write one of `{ multi-step = { initial = …, factor = …, epochs = … } }`, `{ cosine = { initial = … } }`";
    assert_eq!(
        refusal(&format!("{GRID}[recipe]\nlearning_rate = 0.1\n")),
        format!("17:1: `learning_rate` cannot be `0.1`; {schedules}")
    );
    assert_eq!(
        uses("second_stage = { crt = { learning_rate = 0.1 } }"),
        format!("19:26: `learning_rate` cannot be `0.1`; {schedules}")
    );
    for (stated, expected) in [
        (
            "loss = \"ldam\"",
            "19:8: `loss` cannot be `\"ldam\"`; write `{ ldam = { max_margin = …, scale = … } }`",
        ),
        (
            "reweight = \"class-balanced\"",
            "19:12: `reweight` cannot be `\"class-balanced\"`; write `{ class-balanced = { … } }`",
        ),
        (
            "second_stage = \"crt\"",
            "19:16: `second_stage` cannot be `\"crt\"`; write `{ crt = { … } }`",
        ),
        (
            "head = 3",
            "19:8: `head` cannot be `3`; write one of `\"linear\"`, `\"cosine\"`, `{ scaled-cosine = { scale = … } }`, `\"fixed-etf\"`",
        ),
        (
            "distillation = \"ce\"",
            "19:16: `distillation` cannot be `\"ce\"`; write `{ teacher = …, temperature = …, weight = …, labels_weight = …, power = … }`",
        ),
        (
            "augmentation = { mixup = 0.2 }",
            "19:26: `mixup` cannot be `0.2`; write `{ alpha = … }`",
        ),
    ] {
        assert_eq!(uses(stated), expected);
    }
    let imbalances = "write one of `[{ exponential = { ratio = … } }]`, `[{ step = { ratio = … } }]`, `[{ balanced = { ratio = … } }]`, \
                      `[{ pareto = { alpha = …, max = …, min = …, seed = … } }]`, `[\"natural\"]`";
    let with = |from: &str, to: &str| refusal(&GRID.replace(from, to));
    assert_eq!(
        with("seeds = [0, 1]", "seeds = 0"),
        "4:9: `seeds` cannot be `0`; write a list such as `[0, 1, 2]`"
    );
    assert_eq!(
        with("\"cifar10\"", "10"),
        "2:11: `dataset` cannot be `10`; write one of `\"cifar10\"`, `\"cifar100\"`, `\"shapes\"`, \
         `{ photographs = { set = …, lists = …, side = …, hold_out = … } }`"
    );
    let place_and = |message: String| message.split_once(": ").map(|(_, message)| message.to_owned());
    let (first, _) = GRID.split_once("imbalance = ").expect("it has a line for it");
    let rest = GRID[first.len()..].split_once('\n').expect("more lines").1;
    for (stated, value) in [("100", "100"), ("[100]", "100"), ("[{ exponential = 100 }]", "100")] {
        let expected = format!("`imbalance` cannot be `{value}`; {imbalances}");
        assert_eq!(
            place_and(refusal(&format!("{first}imbalance = {stated}\n{rest}"))),
            Some(expected),
            "{stated}"
        );
    }
}

#[test]
fn more_images_held_out_than_there_are_and_too_many_for_a_ratio_are_refused_with_both_numbers() {
    let held_out = |validation| {
        option_refusal(&Options {
            validation: Some(validation),
            ..Options::default()
        })
    };
    assert_eq!(
        held_out(5000),
        "`--validation` is 5000, but a class of cifar10 has 5000 training images and keeps none of them to train on; hold out fewer, \
         such as 500"
    );
    let message = held_out(4950);
    assert!(
        message.ends_with(
            "; use a ratio of at most 50, or hold out fewer than 4950 of the 5000 images of a class for validation"
        ),
        "{message}"
    );
    let message = refusal(&GRID.replace("seeds =", "validation = { per_class = 6000 }\nseeds ="));
    assert!(
        message.starts_with("4:14: `per_class` is 6000, but a class of cifar10 has 5000 training images"),
        "{message}"
    );
}

#[test]
fn a_file_that_is_no_text_is_refused_with_what_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("small.toml");
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("a small file");
        let message = Grid::load(&path, None).expect_err("no grid").to_string();
        message.replace(&path.display().to_string(), "small.toml")
    };
    let utf_16 = |mark: u16| {
        [mark]
            .into_iter()
            .chain(GRID.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let expected = "grid small.toml is in UTF-16; save it in UTF-8, as `iconv -f UTF-16 -t UTF-8` does";
    assert_eq!(refused(&utf_16(0xfeff)), expected);
    assert_eq!(refused(&utf_16(0xfeff)[2..]), expected);
    assert_eq!(
        refused(b"# a\nname = \"caf\xe9\"\n"),
        "small.toml:2:12: the byte 0xE9 is not text in UTF-8; save the file in UTF-8"
    );
    assert_eq!(
        refused(&vec![b'#'; 2 << 20]),
        "grid small.toml is larger than 1 MiB; name a grid file, such as benchmarks/shapes-lt.toml"
    );
    let marked = [b"\xef\xbb\xbf", GRID.as_bytes()].concat();
    std::fs::write(&path, marked).expect("a small file");
    Grid::load(&path, None).expect("a mark of UTF-8 is no fault");
}

#[test]
fn parts_that_do_not_go_together_are_refused() {
    let with = |uses: &str| refusal(&format!("{GRID}[[method]]\nname = \"x\"\n[method.uses]\n{uses}\n"));
    assert_eq!(
        with("loss = { ldam = { max_margin = 0.5, scale = 30 } }"),
        "17:8: loss `ldam` subtracts its margins from cosines, but the head is `linear`; set \
         head = \"cosine\" or choose another loss"
    );
    assert_eq!(
        with("loss = { influence-balanced = { alpha = 1000, start_epoch = 200 } }"),
        "17:8: `loss` of `x` would start at epoch 200, but the last of 200 epochs is 199; state an earlier \
         start_epoch or train for longer"
    );
    assert_eq!(
        with("reweight = { cost-sensitive = { power = -1, start_epoch = 0 } }"),
        "17:8: `cost-sensitive.power` is -1; set it to a number, 0 or above"
    );
}

#[test]
fn a_plug_in_that_moves_nothing_is_refused() {
    let message = refusal(&GRID.replace("seeds =", "plug_in = { nc = { lambda_1 = 0 } }\nseeds ="));
    assert!(
        message.starts_with("4:11: `lambda_1` is 0, so the between-class term moves"),
        "{message}"
    );
}

#[test]
fn recipes_that_cannot_be_trained_are_refused() {
    let with = |recipe: &str| refusal(&format!("{GRID}[recipe]\n{recipe}\n"));
    assert_eq!(with("batch_size = 0"), "17:1: `batch_size` is 0; set it to 1 or more");
    assert_eq!(
        with("epochs = 50"),
        "17:1: `learning_rate` steps at epoch 160, but the last of 50 epochs is 49; state earlier steps or more \
         epochs (or leave both to the protocol and say `--epochs` on the command line, which scales them)"
    );
    let short = "epochs = 50\nlearning_rate = { cosine = { initial = 0.1 } }";
    assert_eq!(
        with(short),
        "8:8: `reweight` of `ce-drw` would start at epoch 160, but the last of 50 epochs is 49; state an earlier \
         start_epoch or train for longer"
    );
    assert_eq!(
        with("learning_rate = { cosine = {} }"),
        "17:1: `learning_rate`: missing field `initial`"
    );
}

#[test]
fn second_stages_that_cannot_follow_their_first_are_refused() {
    let with = |uses: &str| refusal(&format!("{GRID}[[method]]\nname = \"x\"\n[method.uses]\n{uses}\n"));
    assert_eq!(
        with("second_stage = { tau-normalization = { taus = [0.5, 1] } }"),
        "17:8: `x` chooses among several `taus`, but no images are held out to choose with, and the test split must \
         not be used; state `validation = { per_class = 50 }` at the top of the grid, or a single value"
    );
    assert_eq!(
        with("second_stage = { logit-adjustment = { taus = [-1] } }"),
        "19:39: `taus` is -1; set it to 0 or more, each"
    );
    assert_eq!(
        with("loss = { ldam = { max_margin = 0.5, scale = 30 } }\nhead = \"cosine\"\nsecond_stage = { lws = {} }"),
        "17:8: this second stage changes a linear classifier's weights or logits, but the head is `cosine`; leave out \
         `head`, or choose nearest-class-mean (after the cosine head also crt)"
    );
    assert_eq!(
        with("loss = { dot-regression = { balanced_lengths = true } }"),
        "17:8: loss `dot-regression` needs the targets of a fixed ETF, but the head is `linear`; set head = \"fixed-etf\" \
         or choose another loss"
    );
    assert_eq!(
        refusal(&GRID.replace("cifar10", "cifar100").replace(
            "name = \"ce\"\n",
            "name = \"ce\"\n[method.uses]\nloss = { dot-regression = { balanced_lengths = true } }\nhead = \"fixed-etf\"\n"
        )),
        "6:8: a simplex of 100 classes does not fit in 64 dimensions; use at least 99 dimensions"
    );
    assert_eq!(
        refusal(&GRID.replace("seeds =", "validation = { per_class = 0 }\nseeds =")),
        "4:14: `per_class` is 0; set it to 1 or more"
    );
}

#[test]
fn plug_in_without_a_method_to_plug_into_is_refused() {
    let text = "dataset = \"shapes\"\nimbalance = [{ step = { ratio = 2 } }]\nseeds = [0]\nplug_in = { nc = {} }\n\
                [[method]]\nname = \"nc\"\nuses = { regularizer = { nc = {} } }\n";
    assert_eq!(
        refusal(text),
        "4:11: `plug_in` has no method to plug into, each has a regularizer of its own; remove it or add such a method"
    );
}

#[test]
fn published_names_are_looked_up_when_the_grid_is_read() {
    let source = "published_source = \"mlresearch/v206:liu23i/liu23i.pdf (Liu AISTATS 2023) table 3\"\nseeds =";
    let named = GRID.replace("name = \"ce\"\n", "name = \"ce\"\npublished = \"CE\"\n");
    assert_eq!(
        refusal(&named),
        "7:13: `CE` is to be looked up among published numbers, but no source is named; state `published_source`, or \
         a table with `method` and `source`"
    );
    let grid = load(&named.replace("seeds =", source)).expect("a source that has the name");
    let planned = grid.runs(&Options::default()).expect("a sound grid");
    assert_eq!(
        grid.published(&planned[0].run).map(published::Published::accuracy),
        Some(0.704)
    );
    assert_eq!(
        grid.published(&planned[2].run),
        None,
        "the source has no step imbalance"
    );
    assert_eq!(grid.published(&planned[4].run), None, "ce-drw states no published name");
    let unknown = refusal(&named.replace("\"CE\"", "\"NC-DWR\"").replace("seeds =", source));
    assert!(
        unknown.starts_with("8:13: published numbers have no method `NC-DWR`; they have CE, CE-RS, "),
        "{unknown}"
    );
    let unknown = refusal(&GRID.replace("seeds =", "published_source = \"liu\"\nseeds ="));
    assert!(
        unknown.starts_with("4:20: published numbers have no source `liu`; they have "),
        "{unknown}"
    );
}

#[test]
fn a_method_may_name_the_source_of_its_own_published_number() {
    let stated = |entry: &str| {
        let source = "published_source = \"dvlab-research/MiSLAS:README.md\"\nplug_in = { nc = {} }\nseeds =";
        let named = GRID.replace("name = \"ce\"\n", &format!("name = \"ce\"\n{entry}\n"));
        named.replace("seeds =", source)
    };
    let readme = "source = \"zhangyongshun/BagofTricks-LT:README.md\"";
    let entry = format!(
        "published = {{ method = \"CE (their own run)\", {readme} }}\n\
         published_with_plug_in = {{ method = \"MiSLAS\", differs = \"mixup\" }}"
    );
    let grid = load(&stated(&entry)).expect("sources that have the names");
    let planned = grid.runs(&Options::default()).expect("a sound grid");
    let beside = |name: &str| {
        let run = &planned
            .asked()
            .find(|planned| planned.run.name == name)
            .expect(name)
            .run;
        let published = grid.published(run).map(|row| (row.accuracy(), row.source.as_str()));
        (published, grid.published_differs(run))
    };
    assert_eq!(
        beside("ce"),
        (Some((0.7195, "zhangyongshun/BagofTricks-LT:README.md")), None)
    );
    assert_eq!(
        beside("ce+nc"),
        (Some((0.825, "dvlab-research/MiSLAS:README.md")), Some("mixup"))
    );
    assert_eq!(beside("ce-drw"), (None, None));
    let of_another = stated(&format!(
        "published = {{ method = \"CE (their own run)\", {readme}, dataset = \"cifar100\" }}"
    ));
    let grid = load(&of_another).expect("a sound grid");
    assert_eq!(grid.published(&planned[0].run), None, "it is on CIFAR-10");

    let unknown = refusal(&stated("published = { method = \"CE\", source = \"liu\" }"));
    assert!(
        unknown.starts_with("9:13: published numbers have no source `liu`; they have "),
        "{unknown}"
    );
    let unknown = refusal(&stated(&format!("published = {{ method = \"NC\", {readme} }}")));
    assert!(
        unknown.starts_with("9:13: published numbers have no method `NC`; they have CE (their own run), "),
        "{unknown}"
    );
    assert_eq!(
        refusal(&stated("published = { method = \"CE\", sauce = \"liu\" }")),
        "9:30: unknown field `sauce`, expected one of `method`, `source`, `dataset`, `differs`; did you mean \
         `source`?"
    );
    assert_eq!(
        refusal(&stated("published = 70.4")),
        "9:13: invalid type: floating point `70.4`, expected a method's name in `published_source`, or a table with \
         `method` and what else is known"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let message = Grid::load(Path::new("nowhere.toml"), None)
        .expect_err("no such file")
        .to_string();
    assert!(message.starts_with("cannot read grid nowhere.toml: "), "{message}");
}
