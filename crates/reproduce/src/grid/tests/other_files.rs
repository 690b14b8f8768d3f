//! Files that a grid names.

use super::*;

#[test]
fn devices_without_an_end_are_not_read_to_it() {
    let like = load("like = \"/dev/zero\"\ndataset = \"shapes\"").expect_err("no grid");
    assert!(like.to_string().contains("/dev/zero is a pipe or a device"), "{like}");
    let folder = load("like = \"/\"\ndataset = \"shapes\"").expect_err("no grid");
    assert!(
        folder.to_string().contains("grid / is a folder; name a grid file"),
        "{folder}"
    );
    let checkpoint =
        "name = \"it\"\n[method.uses]\ninitial = { checkpoint = { path = \"/dev/zero\" } }\n[[method]]\nname = \"ce\"";
    let message = refusal(&GRID.replacen("name = \"ce\"", checkpoint, 1));
    assert!(
        message.contains("/dev/zero") && message.contains("it is not a plain file"),
        "{message}"
    );
}

#[test]
fn a_list_of_methods_or_recipes_is_no_grid() {
    for text in [
        include_str!("../../../../../benchmarks/methods.toml"),
        include_str!("../../../../../benchmarks/recipes.toml"),
    ] {
        let message = load(text).expect_err("no grid").to_string();
        assert!(
            message.contains("lists methods or recipes that grids name, and no runs; name a grid file"),
            "{message}"
        );
    }
    let forgotten = load("[recipe]\nepochs = 3").expect_err("no grid").to_string();
    assert!(forgotten.contains("missing field `dataset`"), "{forgotten}");
}
