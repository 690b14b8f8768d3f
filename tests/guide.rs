//! The guide: its commands run as they stand there, in an empty folder whose grids are small ones of the same names.

use std::fs;
use std::path::{Path, PathBuf};

use crate::photographs;
use crate::sandbox::{Sandbox, TINY, entries};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The blocks of a page whose fence begins with `language`: what else the fence says, and the text.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<(&'a str, &'a str)> {
    let fences = page.split("\n```").skip(1).step_by(2); // each block ends with a fence too
    fences
        .filter_map(|block| {
            let (fence, text) = block.split_once('\n')?;
            Some((fence.strip_prefix(language)?.trim(), text))
        })
        .collect()
}

/// Writes the files of a page of the guide, features as PyTorch saves them and some photographs, and runs its commands.
#[track_caller]
fn follow(page: &str) {
    let text = fs::read_to_string(docs().join("guide").join(page)).expect(page);
    let sandbox = Sandbox::new(TINY);
    let (two_methods, _) = TINY
        .split_once("\n[[method]]\nname = \"nc-drw-crt\"")
        .expect("the third method");
    let small = two_methods.replace("ratio = 400", "ratio = 100");
    for grid in ["shapes-lt", "cifar10-lt"] {
        sandbox.write(&format!("benchmarks/{grid}.toml"), &small);
    }
    sandbox.write("benchmarks/my-photos.toml", &photographs::grid());
    photographs::write(&sandbox.path("photos"));
    for (fence, text) in blocks(&text, "toml") {
        let file = fence.strip_prefix("file=").expect("the fence of a grid names its file");
        sandbox.write(file, text);
    }
    fs::copy(
        docs().join("../tests/fixtures/features/features.npz"),
        sandbox.path("features.npz"),
    )
    .expect("a small file");
    let commands: Vec<&str> = blocks(&text, "sh").into_iter().map(|(_, text)| text).collect();
    let commands = commands.join("\n");
    assert!(commands.contains("reproduce "), "{page} has commands");
    sandbox.shell(&commands).succeeded();
}

#[test]
fn reproduce_a_table() {
    follow("reproduce-a-table.md");
}

#[test]
fn read_the_report() {
    follow("read-the-report.md");
}

#[test]
fn is_it_better() {
    follow("is-it-better.md");
}

#[test]
fn add_a_method() {
    follow("add-a-method.md");
}

#[test]
fn your_images() {
    follow("your-images.md");
}

#[test]
fn nc_in_your_loop() {
    follow("nc-in-your-loop.md");
}

#[test]
fn several_machines() {
    follow("several-machines.md");
}

#[test]
fn speed() {
    follow("speed.md");
}

#[test]
fn reproducible_numbers() {
    follow("reproducible-numbers.md");
}

#[test]
fn every_page_is_followed_and_every_document_is_in_the_book() {
    let this_file = include_str!("guide.rs");
    let summary = fs::read_to_string(docs().join("SUMMARY.md")).expect("SUMMARY.md");
    let pages = entries(&docs().join("guide"));
    for page in pages.iter().filter(|page| *page != "README.md") {
        assert!(this_file.contains(&format!("follow(\"{page}\")")), "{page} has a test");
    }
    let documents = entries(&docs())
        .into_iter()
        .filter(|name| is_document(name) && name != "SUMMARY.md");
    let all = pages.iter().map(|page| format!("guide/{page}")).chain(documents);
    for page in all {
        assert!(summary.contains(&format!("({page})")), "{page} is in SUMMARY.md");
    }
}

fn is_document(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "md")
}

/// The targets of a document's links to other files of the checkout.
fn links(text: &str) -> Vec<&str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next());
    targets
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

#[test]
fn links_between_documents_lead_to_files() {
    let folders = [
        docs(),
        docs().join("guide"),
        docs().join(".."),
        docs().join("../results"),
    ];
    let mut found = 0;
    for folder in folders {
        for name in entries(&folder).into_iter().filter(|name| is_document(name)) {
            let text = fs::read_to_string(folder.join(&name)).expect("a document");
            for target in links(&text) {
                assert!(folder.join(target).exists(), "{}/{name}: {target}", folder.display());
                found += 1;
            }
        }
    }
    assert!(found > 50, "{found} links");
}

#[test]
fn blocks_are_told_apart_by_their_language() {
    let page = "Text\n\n```sh\nfirst\n```\n\n```toml file=a.toml\nx = 1\n```\n\n```console\n$ not run\n```\n\n```sh\nsecond\n```\n";
    assert_eq!(blocks(page, "sh"), [("", "first"), ("", "second")]);
    assert_eq!(blocks(page, "toml"), [("file=a.toml", "x = 1")]);
}
