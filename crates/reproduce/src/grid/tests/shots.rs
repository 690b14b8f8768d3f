//! Which classes are many-, medium- and few-shot.

use super::*;

fn with(shots: &str) -> String {
    GRID.replace("seeds = [0, 1]", &format!("seeds = [0, 1]\nshots = {shots}"))
}

#[test]
fn thresholds_of_ones_own_are_a_part_of_the_config_and_the_usual_ones_are_not() {
    let usual = runs(GRID, &Options::default());
    let stated = runs(&with("{ thresholds = { many = 447, few = 100 } }"), &Options::default());
    assert!(!usual[0].run.config().contains("shots"), "ids of earlier runs stay");
    let config = stated[0].run.config();
    assert!(
        config.contains("[shots.thresholds]\nmany = 447\nfew = 100\n"),
        "{config}"
    );
    let read: Run = toml::from_str(&config).expect("its own text");
    assert_eq!(read, stated[0].run);
    let groups = read.shots.shots(&read.class_counts().expect("no class is empty"));
    assert_eq!((groups.many.len(), groups.medium.len(), groups.few.len()), (5, 3, 2));
}

#[test]
fn thresholds_that_are_no_groups_are_refused() {
    assert_eq!(
        refusal(&with("{ thresholds = { many = 20, few = 100 } }")),
        "5:9: `few` is 100; set it to 0 to `many`: the classes between the two thresholds are the medium-shot ones"
    );
    assert_eq!(
        refusal(&with("{ thresholds = { many = 20 } }")),
        "5:24: missing field `few`"
    );
}

#[test]
fn the_largest_classes_can_be_the_many_shot_ones() {
    let largest = runs(&with("{ largest = { many = 4, medium = 5 } }"), &Options::default());
    let run = &largest[0].run;
    assert!(
        run.config().contains("[shots.largest]\nmany = 4\nmedium = 5\n"),
        "{}",
        run.config()
    );
    let groups = run.shots.shots(&run.class_counts().expect("no class is empty"));
    assert_eq!((groups.many.len(), groups.medium.len(), groups.few), (4, 5, vec![9]));
    assert!(refusal(&with("{ largest = { many = -1, medium = 5 } }")).contains("-1"));
}
