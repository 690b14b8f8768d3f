//! Tables of invented runs.

use super::*;
use crate::grid::{Options, Ratio};
use crate::run::Role;
use crate::tables::collect::tests::outcome;

fn cifar10() -> Grid {
    Grid::load(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/cifar10-lt.toml"),
        None,
    )
    .expect("a sound grid")
}

fn plan(grid: &Grid, methods: &[&str], epochs: Option<i64>) -> Plan {
    let methods = Some(methods.iter().map(|&name| name.to_owned()).collect());
    let (imbalance, seeds) = (Some(vec![Ratio::Number(100.0)]), Some(vec![0, 1]));
    grid.runs(&Options {
        epochs,
        seeds,
        methods,
        imbalance,
        ..Options::default()
    })
    .expect("methods of the grid")
}

fn finished(run: &Run, accuracy: f64) -> Outcome {
    Outcome {
        run: run.id(),
        ratio: run.imbalance.ratio(),
        ..outcome(&run.name, 0.0, run.seed, accuracy)
    }
}

fn request<'a>(grid: &'a Grid, plan: &'a Plan, select: Select) -> Request<'a> {
    let command = "reproduce run x.toml".to_owned();
    let others = None;
    Request {
        grid,
        plan,
        select,
        command,
        data: None,
        others,
    }
}

fn written(
    out: &Path,
    grid: &Grid,
    planned: &Plan,
    outcomes: &[Outcome],
    failures: &[Failure],
    select: Select,
) -> String {
    let report = write_report(out, &request(grid, planned, select), outcomes, failures).expect("room for a table");
    assert_eq!(report.kept, None);
    report.text
}

fn report(planned: &Plan, outcomes: &[Outcome], failures: &[Failure]) -> (tempfile::TempDir, String) {
    let out = tempfile::tempdir().expect("a temporary folder");
    let text = written(out.path(), &cifar10(), planned, outcomes, failures, Select::Last);
    (out, text)
}

#[test]
fn table_has_a_row_a_method_and_says_what_is_missing_and_not_reached() {
    let planned = plan(&cifar10(), &["ce", "nc-drw", "nc-drw-crt"], None);
    let runs: Vec<&Run> = planned.asked().map(|planned| &planned.run).collect();
    let outcomes = [
        finished(runs[2], 0.7871),
        finished(runs[0], 0.71),
        finished(runs[1], 0.7),
    ];
    let failures = [(runs[3].id(), "loss became NaN in epoch 3".to_owned())];
    let (out, _) = report(&planned, &outcomes, &failures);
    let page = fs::read_to_string(out.path().join("summary.md")).expect("a written file");
    insta::assert_snapshot!(page);
}

#[test]
fn shortened_training_is_said_not_to_be_comparable() {
    let planned = plan(&cifar10(), &["nc-drw"], Some(30));
    let (out, text) = report(&planned, &[finished(&planned[0].run, 0.8185)], &[]);
    let expected = "This is a training of 30 epochs where the protocol has 200: it cannot be compared with the published \
                    numbers.\n";
    assert!(text.contains(expected), "{text}");
    assert!(!text.contains("reached"), "{text}");
    let page = fs::read_to_string(out.path().join("summary.md")).expect("a written file");
    assert!(
        page.contains("Protocol `nearest`, with the changes that follow, on cifar10"),
        "{page}"
    );
}

#[test]
fn published_numbers_of_a_longer_training_are_named_and_not_called_missed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/cifar100-lt-augmentation.toml");
    let grid = Grid::load(&path, None).expect("a sound grid");
    let planned = plan(&grid, &["remix"], Some(200));
    let out = tempfile::tempdir().expect("a temporary folder");
    let outcomes = [finished(&planned[0].run, 0.1)];
    let text = written(out.path(), &grid, &planned, &outcomes, &[], Select::Last);
    let expected = "This is a training of 200 epochs, and some published numbers cannot be compared with it: `remix` at \
                    exponential 100, whose number is of 400 epochs.\n";
    assert!(text.contains(expected) && !text.contains("reached"), "{text}");
}

#[test]
fn selected_epochs_have_a_column_and_the_difference_says_whose_it_is() {
    let planned = plan(&cifar10(), &["nc-drw"], None);
    let selected = Outcome {
        accuracy_selected: Some(0.82),
        ..finished(&planned[0].run, 0.8)
    };
    let out = tempfile::tempdir().expect("a temporary folder");
    let text = written(out.path(), &cifar10(), &planned, &[selected], &[], Select::Val);
    assert!(text.contains("| selected % |") && text.contains("+0.10 |"), "{text}");
    assert!(text.contains("The differences are those of *selected*."), "{text}");
}

#[test]
fn published_numbers_of_several_sources_each_name_theirs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/survey.toml");
    let grid = Grid::load(&path, None).expect("a sound grid");
    let planned = plan(&grid, &["ce", "mislas", "ldam-drw+nc"], None);
    let on_cifar100 = grid.runs(&Options {
        dataset: Some(datasets::Dataset::Cifar100),
        methods: Some(vec!["ride".to_owned()]),
        ..Options::default()
    });
    let page = |planned: &Plan| {
        let outcomes: Vec<Outcome> = planned.asked().map(|planned| finished(&planned.run, 0.4)).collect();
        let out = tempfile::tempdir().expect("a temporary folder");
        written(out.path(), &grid, planned, &outcomes, &[], Select::Last)
    };
    let text = page(&planned);
    for published in ["71.95[^1]", "82.5[^3]", "77.1[^2]"] {
        assert!(text.contains(published), "{published} is not in {text}");
    }
    let notes = "[^2]: mlresearch/v206:liu23i/liu23i.pdf (Liu AISTATS 2023) table 5; settings of the original method; \
                 imbalance factor not stated in the table.\n\
                 [^3]: dvlab-research/MiSLAS:README.md; unlike here: steps of the learning rate by 0.1.\n";
    assert!(text.contains(notes), "{text}");
    let text = page(&on_cifar100.expect("for CIFAR-100 too"));
    let differs = "weight decay 5e-4, Nesterov, rotation by up to 15°";
    assert!(
        text.contains(&format!(
            " table 5; imbalance factor not stated in the table; unlike here: {differs}.\n"
        )),
        "{text}"
    );
    assert!(
        text.contains(&format!("the published 47.5 %, whose training differs: {differs}.\n")),
        "{text}"
    );
}

#[test]
fn accuracies_under_shifts_are_averaged_over_the_seeds_that_have_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/paper-table-6.toml");
    let grid = Grid::load(&path, None).expect("a sound grid");
    let planned = plan(&grid, &["ce-drw", "ce-drw+nc"], None); // of seeds 0 and 1 each
    let outcomes: Vec<Outcome> = planned.asked().map(|planned| finished(&planned.run, 0.8)).collect();
    let out = tempfile::tempdir().expect("a temporary folder");
    let report = |grid: &Grid| written(out.path(), grid, &planned, &outcomes, &[], Select::Last);
    assert!(!report(&grid).contains("Gaussian"), "no run has measured it");
    assert!(!out.path().join("robustness.csv").exists());

    for (planned, [noise, uniform]) in planned
        .asked()
        .zip([["0.25", "0.75"], ["0.75", "0.8125"], ["0.5", "0.875"]])
    {
        let folder = out.path().join("runs").join(&planned.id);
        fs::create_dir_all(&folder).expect("a folder");
        let rows = format!("shift,strength,accuracy\ngaussian-noise,0.1,{noise}\nuniform,,{uniform}\n");
        fs::write(folder.join("robustness.csv"), rows).expect("a small file");
    }
    let text = report(&grid);
    let csv = fs::read_to_string(out.path().join("robustness.csv")).expect("a written file");
    let expected = "\
method,imbalance,shift,strength,mean,deviation,seeds
ce-drw,exponential 100,gaussian-noise,0.1,0.5,0.3535533905932738,2
ce-drw,exponential 100,uniform,,0.78125,0.04419417382415922,2
ce-drw+nc,exponential 100,gaussian-noise,0.1,0.5,,1
ce-drw+nc,exponential 100,uniform,,0.875,,1
";
    assert_eq!(csv, expected);
    let table = "\
| method    | imbalance       |      noise 0 |     noise 0.1 |
| --------- | --------------- | -----------: | ------------: |
| ce-drw    | exponential 100 | 78.12 ± 4.42 | 50.00 ± 35.36 |
| ce-drw+nc | exponential 100 |        87.50 |         50.00 |
";
    assert!(text.ends_with(table), "{text}");
    assert!(
        !report(&cifar10()).contains("noise 0.1"),
        "only where the grid asks for it"
    );

    let file = |run: usize| out.path().join("runs").join(&planned[run].id).join("robustness.csv");
    for damaged in [
        "shift,strength,accuracy\nuniform,,0.8\ngaussian-noise,0.1,a\n",
        "shift,stre",
    ] {
        fs::write(file(1), damaged).expect("a small file");
        let report = write_report(out.path(), &request(&grid, &planned, Select::Last), &outcomes, &[]);
        let report = report.expect("room for a table");
        assert!(
            report.text.contains("| ce-drw    | exponential 100 |"),
            "{}",
            report.text
        );
        let [(run, reason)] = &report.damaged[..] else {
            panic!("one file is damaged: {:?}", report.damaged);
        };
        assert_eq!(*run, planned[1].run.id());
        let (file, remedy) = (
            file(1),
            "delete this file, which only the table of robustness is made from",
        );
        assert!(
            reason.starts_with(&format!("{} is damaged: ", file.display())) && reason.contains(remedy),
            "{reason}"
        );
        let kept = fs::read_to_string(out.path().join("robustness.csv")).expect("a written file");
        assert_eq!(kept, csv, "the fuller table stays");
    }
}

#[test]
fn reached_numbers_are_said_to_be_reached() {
    let planned = plan(&cifar10(), &["nc-drw"], None);
    let outcomes: Vec<Outcome> = planned.asked().map(|planned| finished(&planned.run, 0.8101)).collect();
    let (_, text) = report(&planned, &outcomes, &[]);
    assert!(
        text.contains("\nEvery published number above is reached, to within 1 point.\n"),
        "{text}"
    );
}

#[test]
fn files_hold_every_finished_run_and_nothing_else_is_left() {
    let planned = plan(&cifar10(), &["nc-drw-crt"], None);
    let first_stage = planned[0].needed(Role::FirstStage).expect("cRT has one");
    let stranger = outcome("ldam", 100.0, 0, 0.9);
    let outcomes = [
        finished(&planned[0].run, 0.8),
        finished(&planned[first_stage], 0.79),
        stranger,
    ];
    let (out, text) = report(&planned, &outcomes, &[]);
    let read = |name: &str| fs::read_to_string(out.path().join(name)).expect("a written file");

    let rows = read("runs.csv");
    let mut rows = csv::Reader::from_reader(rows.as_bytes());
    let rows: Vec<HashMap<String, String>> = rows.deserialize().map(|row| row.expect("a row")).collect();
    let runs: Vec<RunId> = rows.iter().map(|row| RunId::named(&row["run"])).collect();
    assert_eq!(runs, [outcomes[1].run.clone(), outcomes[0].run.clone()]);
    for (column, value) in [
        ("accuracy_last", "0.79"),
        ("few", ""),
        ("precision", "f32"),
        ("selection", "as by Cao et al. 2019 (seed 0)"),
        ("held_out", "0"),
        ("augmentation", "crop and flip, mixup (α 1)"),
    ] {
        assert_eq!(rows[0][column], value, "{column}");
    }
    assert!(
        rows[0]["shots"].starts_with("the classes with more than 100, "),
        "{}",
        rows[0]["shots"]
    );

    let summary = read("summary.csv");
    let mut lines = summary.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let values: Vec<&str> = lines.next().expect("one method").split(',').collect();
    let value = |name: &str| values[header.iter().position(|&column| column == name).expect(name)];
    assert_eq!(
        (value("method"), value("finished"), value("planned")),
        ("nc-drw-crt", "1", "2")
    );
    assert_eq!(
        (value("accuracy_last_mean"), value("accuracy_last_deviation")),
        ("0.8", "")
    );
    assert_eq!((value("few_mean"), value("published")), ("", "0.826"));
    assert_eq!(
        (value("many_by_index_mean"), value("few_by_index_mean")),
        ("", "0.6000000000000001")
    );

    let page = read("summary.md");
    assert!(
        page.starts_with("# cifar10-lt\n\nProtocol `nearest` on cifar10: ResNet-32 with 464154 parameters"),
        "{page}"
    );
    assert!(page.contains(" took 2.0 minutes, all runs added up."), "{page}");
    assert!(
        page.contains(&text) && page.ends_with("```sh\nreproduce run x.toml --precision f32\n```\n"),
        "{page}"
    );
    assert_eq!(fs::read_dir(out.path()).expect("a folder").count(), 3);
}

#[test]
fn accuracy_is_set_beside_that_of_the_same_images_in_equal_shares() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/relative-accuracy.toml");
    let grid = Grid::load(&path, None).expect("a sound grid");
    let planned = plan(&grid, &["ce", "nc"], None);
    let accuracies = [0.7, 0.7, 0.8, 0.8, 0.72, 0.72, 0.9, 0.9]; // method × long tail, balanced × seeds
    let outcomes: Vec<Outcome> = planned
        .asked()
        .zip(accuracies)
        .map(|(planned, accuracy)| Outcome {
            imbalance: planned.run.imbalance.kind().to_owned(),
            ..finished(&planned.run, accuracy)
        })
        .collect();
    let relative = |outcomes: &[Outcome]| {
        let (out, text) = report(&planned, outcomes, &[]);
        let csv = fs::read_to_string(out.path().join("summary.csv")).expect("a written file");
        let rows = csv::Reader::from_reader(csv.as_bytes())
            .into_deserialize()
            .map(Result::unwrap);
        let rows: Vec<HashMap<String, String>> = rows.collect();
        let values = rows.iter().map(|row| row["relative"].parse::<f64>().ok());
        (values.collect::<Vec<_>>(), text)
    };
    let (values, text) = relative(&outcomes);
    assert!((values[0].expect("both are finished") - 0.7 / 0.8).abs() < 1e-12);
    assert!((values[2].expect("all are finished") - 0.72 / 0.9).abs() < 1e-12);
    assert_eq!((values[1], values[3]), (None, None));
    assert!(text.contains("| relative % |") && text.contains(" 87.50 |"), "{text}");
    let (values, text) = relative(&outcomes[..2]);
    assert_eq!(values[0], None, "no balanced run is finished");
    assert!(!text.contains("relative"), "{text}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let out = file.path().join("results");
    let (grid, planned) = (cifar10(), plan(&cifar10(), &["ce"], None));
    let outcomes = [finished(&planned[0].run, 0.7)];
    let report = write_report(&out, &request(&grid, &planned, Select::Last), &outcomes, &[]);
    let report = report.expect("a table to print");
    assert!(report.text.contains("| ce "), "{}", report.text);
    let Some(Kept::Unwritable(why)) = report.kept else {
        panic!("a file is no folder");
    };
    assert!(
        why.starts_with(&format!(
            "cannot write {}; move away the file that is in the place of a folder",
            out.display()
        )),
        "{why}"
    );
}

#[test]
fn the_command_below_a_table_limits_instructions_as_its_runs_did() {
    let planned = plan(&cifar10(), &["ce"], None);
    let outcome = Outcome {
        device: "cpu (AMD EPYC, ATEN_CPU_CAPABILITY=avx2)".to_owned(),
        ..finished(&planned[0].run, 0.7)
    };
    let (out, _) = report(&planned, &[outcome], &[]);
    let page = fs::read_to_string(out.path().join("summary.md")).expect("a written file");
    assert!(
        page.ends_with("```sh\nATEN_CPU_CAPABILITY=avx2 reproduce run x.toml --precision f32\n```\n"),
        "{page}"
    );
}

#[test]
fn nothing_is_written_over_something_fuller() {
    let (grid, planned) = (cifar10(), plan(&cifar10(), &["ce"], None));
    let outcomes: Vec<Outcome> = planned.asked().map(|planned| finished(&planned.run, 0.7)).collect();
    let out = tempfile::tempdir().expect("a temporary folder");
    let folder = out.path().display();
    let withheld = |outcomes: &[Outcome]| {
        let report = write_report(out.path(), &request(&grid, &planned, Select::Last), outcomes, &[]);
        report.expect("room for a table").kept.map(|kept| kept.to_string())
    };
    let entries = || fs::read_dir(out.path()).expect("a folder").count();
    assert_eq!(
        withheld(&[]),
        Some(format!(
            "no run of cifar10-lt is finished in {folder}, so nothing is written; train with `reproduce run x.toml`, or name \
             the folder that is meant with --out"
        ))
    );
    assert_eq!(entries(), 0);

    assert_eq!(withheld(&outcomes), None);
    let tables = || fs::read_to_string(out.path().join("runs.csv")).expect("a table");
    let full = tables();
    let lost = &outcomes[1].run;
    assert_eq!(
        withheld(&outcomes[..1]),
        Some(format!(
            "{folder}/runs.csv has 1 run that {folder}/runs does not have the outcome of, {lost} first, and would lose them; \
             the tables there are left as they are: choose another --out, train those runs too, or delete runs.csv"
        ))
    );
    assert!(withheld(&[]).is_some_and(|why| why.contains("so the tables there are left as they are")));
    assert_eq!((tables(), entries()), (full, 3));

    let run_dir = out.path().join("runs").join(lost);
    fs::create_dir_all(&run_dir).expect("a folder");
    fs::write(run_dir.join("outcome.json"), "{}").expect("a small file");
    let damaged = [(lost.clone(), "outcome.json is damaged".to_owned())];
    let report = write_report(
        out.path(),
        &request(&grid, &planned, Select::Last),
        &outcomes[..1],
        &damaged,
    );
    let Some(Kept::Withheld(why)) = report.expect("room for a table").kept else {
        panic!("its row would be lost");
    };
    assert!(why.contains(&lost.to_string()), "{why}");
    assert_eq!(withheld(&outcomes[..1]), None, "it can be tabled again");
}

#[test]
fn runs_of_several_precisions_and_threads_say_so_in_their_rows() {
    let planned = plan(&cifar10(), &["ce", "nc-drw"], None);
    let mut outcomes: Vec<Outcome> = planned.asked().map(|planned| finished(&planned.run, 0.7)).collect();
    let (_, alike) = report(&planned, &outcomes, &[]);
    assert!(
        !alike.contains("| precision") && !alike.contains("| threads"),
        "{alike}"
    );
    outcomes[1].precision = "bf16".to_owned();
    outcomes[1].threads = 2;
    let (out, mixed) = report(&planned, &outcomes, &[]);
    let cells = |line: usize| {
        mixed
            .lines()
            .nth(line)
            .expect("a row")
            .split('|')
            .map(str::trim)
            .collect::<Vec<_>>()
    };
    assert_eq!(cells(0)[3..6], ["seeds", "precision", "threads"]);
    assert_eq!(cells(2)[3..6], ["2 of 2", "f32 and bf16", "1 and 2"]);
    assert_eq!(cells(3)[3..6], ["2 of 2", "f32", "1"]);
    let summary = fs::read_to_string(out.path().join("summary.csv")).expect("a written file");
    let rows = csv::Reader::from_reader(summary.as_bytes())
        .into_deserialize()
        .map(Result::unwrap);
    let rows: Vec<HashMap<String, String>> = rows.collect();
    assert_eq!(
        (rows[0]["precision"].as_str(), rows[0]["threads"].as_str()),
        ("f32 and bf16", "1 and 2")
    );
}
