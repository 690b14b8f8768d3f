//! Values: the words that options take.

use datasets::Dataset;
use methods::{Launch, Precision, Protocol};
use models::Backbone;
use tch::Device;

use crate::run::settings::PrecisionChoice;

pub(super) fn precision(text: &str) -> Result<PrecisionChoice, String> {
    PrecisionChoice::by_name(text).ok_or_else(|| format!("`{text}` is no precision; say f32, bf16 or auto"))
}

/// As `precision`, where it has been decided.
pub(super) fn one_precision(text: &str) -> Result<Precision, String> {
    Precision::by_name(text).ok_or_else(|| format!("`{text}` is no precision; say f32 or bf16"))
}

pub(super) fn launch(text: &str) -> Result<Launch, String> {
    [Launch::Eager, Launch::Graph]
        .into_iter()
        .find(|launch| launch.name() == text)
        .ok_or_else(|| format!("`{text}` is no way to launch; say eager or graph"))
}

/// `cpu`, `cuda` (the first GPU) or `cuda:N`.
pub(crate) fn device(text: &str) -> Result<Device, String> {
    match text.split_once(':') {
        None if text == "cpu" => Ok(Device::Cpu),
        None if text == "cuda" => Ok(Device::Cuda(0)),
        Some(("cuda", index)) => index
            .parse()
            .map(Device::Cuda)
            .map_err(|_| format!("`{index}` is not the number of a GPU; say cuda:0")),
        _ => Err(format!("`{text}` is no device; say cpu, cuda or cuda:N")),
    }
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
