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
