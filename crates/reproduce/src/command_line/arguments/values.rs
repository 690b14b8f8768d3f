//! Parsers for the values of options.

use std::num::{IntErrorKind, ParseIntError};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use datasets::Dataset;
use datasets::photographs::PackFormat;
use methods::{Dispatch, Precision, Protocol};
use models::Backbone;

use crate::run::settings::PrecisionChoice;
use crate::schedule::device::device;

/// A parser of the words `known`, which help and errors list.
fn one_of<T: Clone + Send + Sync + 'static>(known: Vec<(String, T)>) -> impl TypedValueParser<Value = T> {
    let words: Vec<String> = known.iter().map(|(word, _)| word.clone()).collect();
    PossibleValuesParser::new(words).map(move |text| {
        let found = known.iter().find(|(word, _)| *word == text);
        found.expect("the parser before refuses other words").1.clone()
    })
}

pub(super) fn precision() -> impl TypedValueParser<Value = PrecisionChoice> {
    let forced = [Precision::F32, Precision::Bf16]
        .map(|precision| (precision.name().to_owned(), PrecisionChoice::Forced(precision)));
    let automatic = ("auto".to_owned(), PrecisionChoice::Automatic);
    one_of(forced.into_iter().chain([automatic]).collect())
}

/// As [`precision`], without the automatic choice.
pub(super) fn decided_precision() -> impl TypedValueParser<Value = Precision> {
    one_of(
        [Precision::F32, Precision::Bf16]
            .map(|precision| (precision.name().to_owned(), precision))
            .into(),
    )
}

pub(super) fn launch() -> impl TypedValueParser<Value = Dispatch> {
    one_of(
        [Dispatch::Eager, Dispatch::Graph]
            .map(|launch| (launch.name().to_owned(), launch))
            .into(),
    )
}

/// The name of a device; whether it exists is checked later, since another machine may train.
pub(super) fn device_name(text: &str) -> Result<String, String> {
    device(text).map(|_| text.to_owned())
}

pub(super) fn protocol() -> impl TypedValueParser<Value = Protocol> {
    one_of(
        Protocol::ALL
            .map(|protocol| (protocol.name().to_owned(), protocol))
            .into(),
    )
}

pub(super) fn backbone() -> impl TypedValueParser<Value = Backbone> {
    one_of(
        Backbone::ALL
            .map(|backbone| (backbone.as_written().to_owned(), backbone))
            .into(),
    )
}

pub(super) fn dataset() -> impl TypedValueParser<Value = Dataset> {
    one_of(Dataset::ALL.map(|dataset| (dataset.name().to_owned(), dataset)).into())
}

/// As [`dataset`], or the name of its long-tailed splits, such as `cifar10-lt`.
pub(super) fn long_tailed() -> impl TypedValueParser<Value = Dataset> {
    let names = Dataset::ALL.map(|dataset| PossibleValue::new(dataset.name()).alias(format!("{dataset}-lt")));
    PossibleValuesParser::new(names).map(|text| {
        let name = text.strip_suffix("-lt").unwrap_or(&text);
        let found = Dataset::ALL.into_iter().find(|dataset| dataset.name() == name);
        found.expect("the parser before knows no other word")
    })
}

/// A whole number such as a count or a seed; its range depends on the grid.
pub(super) fn whole_number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
            format!("`{text}` has more than 64 bits; give a number such as 30")
        }
        _ => format!("`{text}` is not a whole number; give one such as 30"),
    })
}

/// A grid's file, or the bare name of one in `benchmarks/`, looked up in the working directory, its parents, beside the program and its parents, and
/// in the checkout that the program was built in. A name that is not found is returned unchanged, for the error message.
pub(super) fn grid(text: &std::ffi::OsStr) -> PathBuf {
    let asked = Path::new(text);
    let is_bare = asked.components().count() == 1 && !asked.is_file();
    let file = Path::new("benchmarks").join(asked).with_extension("toml");
    if is_bare && file.is_file() {
        return file;
    }
    let folders = [std::env::current_dir(), std::env::current_exe()].into_iter().flatten();
    let built_in = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folders: Vec<PathBuf> = folders.chain([built_in]).collect();
    let mut files = folders
        .iter()
        .flat_map(|folder| folder.ancestors())
        .map(|folder| folder.join(&file));
    files
        .find(|file| is_bare && file.is_file())
        .unwrap_or_else(|| asked.to_owned())
}

/// Numbers above 0, one for each channel of colour.
pub(super) fn three_numbers(text: &str) -> Result<[f64; 3], String> {
    let numbers = text.split(',').map(|number| number.trim().parse().ok());
    let numbers: Option<Vec<f64>> = numbers.collect();
    let numbers = numbers.filter(|numbers| numbers.iter().all(|number| number.is_finite() && *number > 0.0));
    let three = numbers.and_then(|numbers| numbers.try_into().ok());
    three.ok_or_else(|| format!("`{text}` are not three numbers above 0; say some such as 0.4914,0.4822,0.4465"))
}

/// What a pack of photographs stores: `raw`, or JPEG by its quality.
pub(super) fn pack_format(text: &str) -> Result<PackFormat, String> {
    if text == "raw" {
        return Ok(PackFormat::Raw);
    }
    let quality = text.parse().ok().filter(|quality| (1..=100).contains(quality));
    let quality = quality
        .ok_or_else(|| format!("`{text}` is neither raw nor a quality of JPEG; give one such as 90, from 1 to 100"))?;
    Ok(PackFormat::Jpeg { quality })
}

/// A time limit in one of Slurm's forms, such as `4:00:00` or `1-12`.
pub(super) fn job_time(text: &str) -> Result<String, String> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|letter| letter.is_ascii_digit());
    let (days, time) = text.split_once('-').unwrap_or(("0", text));
    let parts: Vec<&str> = time.split(':').collect();
    if is_number(days) && parts.len() <= 3 && parts.iter().all(|part| is_number(part)) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is not a time limit; give hours, minutes and seconds such as 4:00:00, or days and hours such as 1-12"
        ))
    }
}

/// An option of sbatch, which becomes a line of the job script.
pub(super) fn job_option(text: &str) -> Result<String, String> {
    if text.starts_with('-') && !text.contains(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{}` is not an option of sbatch; give one such as --sbatch=--partition=gpu",
            text.escape_debug()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_limits_have_slurms_forms() {
        for time in ["90", "4:00:00", "30:00", "1-12", "2-0:30", "0-1:2:3"] {
            assert_eq!(job_time(time), Ok(time.to_owned()));
        }
        for time in ["", "soon", "-1", "4:00:00:00", "4h", "1-", "4:00 --wrap=x"] {
            let message = job_time(time).expect_err(time);
            let expected = "give hours, minutes and seconds such as 4:00:00, or days and hours such as 1-12";
            assert_eq!(message, format!("`{time}` is not a time limit; {expected}"));
        }
    }

    #[test]
    fn a_bare_name_is_a_grid_of_the_checkout_and_any_other_stays_as_it_is() {
        let found = grid("shapes-lt".as_ref());
        assert!(
            found.ends_with("benchmarks/shapes-lt.toml") && found.is_file(),
            "{}",
            found.display()
        );
        assert_eq!(grid("shapes-lt.toml".as_ref()), found);
        for other in ["rnu", "folder/shapes-lt", "./shapes-lt"] {
            assert_eq!(grid(other.as_ref()), Path::new(other));
        }
    }
}
