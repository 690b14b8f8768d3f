//! Files that a grid names.

use super::*;

#[test]
fn devices_without_an_end_are_not_read() {
    let like = load("like = \"/dev/zero\"\ndataset = \"shapes\"").expect_err("no grid");
    assert_eq!(
        like.to_string(),
        "cannot read grid /dev/zero: it is not a plain file; name a grid file, such as benchmarks/shapes-lt.toml"
    );
    let checkpoint =
        "name = \"it\"\n[method.uses]\ninitial = { checkpoint = { path = \"/dev/zero\" } }\n[[method]]\nname = \"ce\"";
    let message = refusal(&GRID.replacen("name = \"ce\"", checkpoint, 1));
    assert!(
        message.contains("/dev/zero") && message.contains("it is not a plain file"),
        "{message}"
    );
}
