use std::collections::BTreeSet;

use datasets::Dataset;
use methods::{Augmentation, Protocol};

use super::*;
use crate::grid::tests::grids_of_this_repository;

#[test]
fn every_method_is_trained_by_a_grid_and_no_grid_gives_parts_a_name_itself() {
    let mut trained = BTreeSet::new();
    for grid in grids_of_this_repository() {
        let named = grid.file.methods.iter().map(|name| name.get_ref().clone());
        let all = grid.file.method.iter().map(|entry| entry.name.get_ref().clone());
        assert!(all.eq(named.clone()), "{} has a [[method]]", grid.name());
        trained.extend(named);
    }
    let known: BTreeSet<String> = METHODS.iter().map(|(name, _)| name.clone()).collect();
    let different: Vec<&String> = known.symmetric_difference(&trained).collect();
    assert!(different.is_empty(), "{different:?}");
}

#[test]
fn no_parts_have_two_names_and_no_name_two_methods() {
    let mut names = BTreeSet::new();
    for (index, (name, entry)) in METHODS.iter().enumerate() {
        let twin = METHODS[..index].iter().find(|(_, other)| other.uses == entry.uses);
        assert!(twin.is_none(), "{name} is {:?}", twin.map(|(twin, _)| twin));
        for name in entry.aliases.iter().chain([name]) {
            assert!(names.insert(name), "{name} twice");
        }
    }
}

#[test]
fn methods_and_recipes_are_sound_on_every_data_set_under_both_protocols() {
    for protocol in Protocol::ALL {
        for dataset in [Dataset::Cifar10, Dataset::Cifar100, Dataset::Shapes] {
            for (name, entry) in METHODS.iter() {
                let method = entry
                    .uses
                    .resolve(&Augmentation::default(), dataset, protocol)
                    .expect(name);
                method.check().expect(name);
            }
        }
        for (name, recipe) in RECIPES.iter() {
            let recipe = recipe.over(&protocol.recipe()).expect(name);
            recipe.check().expect(name);
        }
    }
}

#[test]
fn methods_are_in_the_order_of_the_survey_and_every_family_has_one() {
    let families: Vec<Family> = METHODS.iter().map(|(_, entry)| entry.family).collect();
    assert!(families.is_sorted());
    assert_eq!(families.chunk_by(|one, other| one == other).count(), 10);
}
