//! Archives of finished runs.

use std::fs;

use crate::sandbox::{Said, Sandbox, TINY, entries, said};

fn archive(sandbox: &Sandbox, arguments: &[&str]) -> Said {
    let mut command = sandbox.binary("archive");
    said(&command.args(arguments).output().expect("the binary starts"))
}

#[test]
fn an_archive_has_tables_epochs_classes_and_each_split_once_and_an_index_lists_it() {
    let sandbox = Sandbox::new(TINY);
    archive(&sandbox, &["out"]).refused(2, &["cannot read out/runs.csv: ", "an archive begins with the tables"]);
    let two = ["--methods", "ce", "--epochs", "1", "--seeds", "0,1"];
    sandbox.run(&two).succeeded();

    let written = archive(&sandbox, &["out", "--to", "kept/tiny"]).succeeded().stdout;
    let [split] = &entries(&sandbox.path("kept/splits"))[..] else {
        panic!("both seeds are trained on the same images")
    };
    let tables = [
        "classes.csv",
        "configs.jsonl",
        "epochs.csv",
        "robustness.csv",
        "runs.csv",
        "summary.csv",
        "summary.md",
    ];
    assert_eq!(entries(&sandbox.path("kept/tiny")), tables);
    assert_eq!(
        written.lines().count(),
        tables.len() + 2,
        "a split and the index too: {written}"
    );
    assert!(written.contains(&format!("kept/splits/{split}\n")), "{written}");
    let [run, _] = &entries(&sandbox.path("out/runs"))[..] else {
        panic!("two runs")
    };
    assert_eq!(
        sandbox.read(&format!("kept/splits/{split}")),
        sandbox.read(&format!("out/runs/{run}/indices.txt"))
    );
    for table in ["runs.csv", "summary.csv", "summary.md", "robustness.csv"] {
        assert_eq!(
            sandbox.read(&format!("kept/tiny/{table}")),
            sandbox.read(&format!("out/{table}"))
        );
    }
    let metrics = sandbox.read(&format!("out/runs/{run}/metrics.csv"));
    let [header, row] = &metrics.lines().collect::<Vec<_>>()[..] else {
        panic!("one epoch")
    };
    let epochs = sandbox.read("kept/tiny/epochs.csv");
    assert_eq!(epochs.lines().count(), 1 + 2);
    assert!(epochs.starts_with(&format!("run,{header}\n{run},{row}\n")), "{epochs}");
    assert_eq!(sandbox.read("kept/tiny/classes.csv").lines().count(), 1 + 2 * 10);
    let index = sandbox.read("kept/README.md");
    assert!(
        index.contains("| [tiny](tiny/summary.md) | shapes | 2    | 2     | 1      |"),
        "{index}"
    );
    assert!(
        index.contains("`reproduce run grid.toml --epochs 1 --methods ce --seeds 0,1 --out out"),
        "{index}"
    );

    // The same again changes nothing; a table with fewer runs takes none away.
    let before = sandbox.read("kept/README.md");
    archive(&sandbox, &["out", "--to", "kept/tiny"]).succeeded();
    assert_eq!(sandbox.read("kept/README.md"), before);
    let rows = sandbox.read("kept/tiny/runs.csv");
    let without_last = rows.lines().take(2).collect::<Vec<_>>().join("\n");
    sandbox.write("out/runs.csv", &(without_last + "\n"));
    archive(&sandbox, &["out", "--to", "kept/tiny"]).refused(
        2,
        &["kept/tiny has 1 run that the table of out does not have, ce.r400.s1."],
    );
    assert_eq!(sandbox.read("kept/tiny/runs.csv"), rows);

    sandbox.write("out/runs.csv", &rows);
    fs::create_dir_all(sandbox.path("kept/folder/runs.csv")).expect("a folder");
    archive(&sandbox, &["out", "--to", "kept/folder"])
        .refused(2, &["cannot read kept/folder/runs.csv; name another folder"]);
    fs::remove_dir_all(sandbox.path("kept/folder")).expect("it is there");
    fs::write(sandbox.path(&format!("out/runs/{run}/indices.txt")), "1\n").expect("writable");
    archive(&sandbox, &["out", "--to", "kept/other"])
        .refused(2, &["indices.txt has SHA-256 ", "put the file back as it was"]);
    assert!(
        !sandbox.path("kept/other").exists(),
        "nothing is written before all runs are read"
    );
}
