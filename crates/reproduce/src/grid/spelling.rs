//! Suggestions for misspelt words.

use std::fs;
use std::path::Path;

/// Similarity, at most 1, from which a word is suggested for another.
const ALIKE: f64 = 0.6;

/// Files in the folder of the grids that hold methods and recipes, not grids.
const NO_GRIDS: [&str; 2] = ["methods", "recipes"];

/// `; did you mean x?` if one of the `known` words is similar to `word`, else nothing.
pub(crate) fn hint<T: AsRef<str>>(word: &str, known: &[T]) -> String {
    let nearest = nearest(word, known.iter().map(AsRef::as_ref));
    nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"))
}

/// The `known` word that is most similar to `word`, if one is similar enough.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |other: &str| strsim::normalized_damerau_levenshtein(&word.to_lowercase(), &other.to_lowercase());
    let known = known.map(|other| (likeness(other), other));
    let (likeness, nearest) = known.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (likeness >= ALIKE).then_some(nearest)
}

/// A hint for a user who gave `path`: a grid with a similar name, or where grids are.
pub(super) fn grids_beside(path: &Path) -> String {
    let with_ending = path.with_extension("toml");
    if with_ending != path && with_ending.exists() {
        return format!("did you mean `{}`?", with_ending.display());
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folders = [folder.unwrap_or(Path::new(".")), Path::new("benchmarks")];
    let entries = folders
        .into_iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let files = entries
        .map(|entry| entry.path())
        .filter(|file| file.extension().is_some_and(|kind| kind == "toml"));
    let names = files.filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()));
    let names: Vec<String> = names.filter(|name| !NO_GRIDS.contains(&name.as_str())).collect();
    format!(
        "name a grid file, such as benchmarks/shapes-lt.toml{}",
        hint(&name, &names)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_meant_if_it_is_near() {
        let known = ["ce", "ce-drw", "nc-drw", "nc-drw-crt"];
        for (word, meant) in [
            ("nc-dwr", "nc-drw"),
            ("NC-DRW-CRT", "nc-drw-crt"),
            ("cedrw", "ce-drw"),
            ("ce-dwr", "ce-drw"),
        ] {
            assert_eq!(hint(word, &known), format!("; did you mean `{meant}`?"));
        }
        for word in ["mixup", "", "x"] {
            assert_eq!(hint(word, &known), "");
        }
        assert_eq!(hint::<&str>("ce", &[]), "");
    }
}
