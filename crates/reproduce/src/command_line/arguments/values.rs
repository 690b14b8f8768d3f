//! Values: the words that options take.

use std::num::{IntErrorKind, ParseIntError};
use std::path::{Path, PathBuf};

use datasets::Dataset;
use methods::{Dispatch, Precision, Protocol};
use models::Backbone;

use crate::run::settings::PrecisionChoice;
use crate::schedule::device::device;

pub(super) fn precision(text: &str) -> Result<PrecisionChoice, String> {
    PrecisionChoice::by_name(text).ok_or_else(|| format!("`{text}` is no precision; say f32, bf16 or auto"))
}

/// As `precision`, where it has been decided.
pub(super) fn one_precision(text: &str) -> Result<Precision, String> {
    Precision::by_name(text).ok_or_else(|| format!("`{text}` is no precision; say f32 or bf16"))
}

pub(super) fn launch(text: &str) -> Result<Dispatch, String> {
    [Dispatch::Eager, Dispatch::Graph]
        .into_iter()
        .find(|launch| launch.name() == text)
        .ok_or_else(|| format!("`{text}` is no way to launch; say eager or graph"))
}

/// The words for a device, checked where they are typed: the machine that trains may be another one.
pub(super) fn device_name(text: &str) -> Result<String, String> {
    device(text).map(|_| text.to_owned())
}

pub(super) fn protocol(text: &str) -> Result<Protocol, String> {
    [Protocol::Paper, Protocol::Code]
        .into_iter()
        .find(|protocol| protocol.name() == text)
        .ok_or_else(|| format!("`{text}` is no protocol; say paper or code"))
}

/// As a grid spells it: `resnet32` of ResNet-32.
pub(super) fn spelt(backbone: Backbone) -> String {
    backbone.name().to_lowercase().replace('-', "")
}

pub(super) fn backbone(text: &str) -> Result<Backbone, String> {
    let mut known = Backbone::ALL.into_iter();
    let names = Backbone::ALL.map(spelt).join(", ");
    known
        .find(|&backbone| spelt(backbone) == text)
        .ok_or_else(|| format!("`{text}` is no network; say one of {names}"))
}

pub(super) fn dataset(text: &str) -> Result<Dataset, String> {
    let names = Dataset::ALL.map(Dataset::name).join(", ");
    Dataset::ALL
        .into_iter()
        .find(|dataset| dataset.name() == text)
        .ok_or_else(|| format!("`{text}` is no data set; say one of {names}"))
}

/// A whole number such as a count or a seed; its range depends on the grid.
pub(super) fn whole_number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
            format!("`{text}` has more than 64 bits; say a number such as 30")
        }
        _ => format!("`{text}` is no whole number; say one such as 30"),
    })
}

/// A grid's file, or the bare name of one in `benchmarks/`: of the working directory, one of those around it, or the checkout that
/// this program was built in. A name that is found nowhere stays as it is, for the message.
pub(super) fn grid(text: &std::ffi::OsStr) -> PathBuf {
    let asked = Path::new(text);
    let is_bare = asked.components().count() == 1 && !asked.is_file();
    let file = Path::new("benchmarks").join(asked).with_extension("toml");
    if is_bare && file.is_file() {
        return file;
    }
    let folders = [std::env::current_dir(), std::env::current_exe()];
    let folders: Vec<PathBuf> = folders.into_iter().flatten().collect();
    let mut files = folders
        .iter()
        .flat_map(|folder| folder.ancestors())
        .map(|folder| folder.join(&file));
    files
        .find(|file| is_bare && file.is_file())
        .unwrap_or_else(|| asked.to_owned())
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
            "`{text}` is no time limit; say hours, minutes and seconds such as 4:00:00, or days and hours such as 1-12"
        ))
    }
}

/// An option of sbatch: a line of a script.
pub(super) fn job_option(text: &str) -> Result<String, String> {
    if text.starts_with('-') && !text.contains(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{}` is no option of sbatch; say one such as --sbatch=--partition=gpu",
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
            let expected = "say hours, minutes and seconds such as 4:00:00, or days and hours such as 1-12";
            assert_eq!(message, format!("`{time}` is no time limit; {expected}"));
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
