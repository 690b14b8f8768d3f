//! Neural collapse of features in a file, such as Python's `safetensors.torch.save_file({"features": …, "labels": …}, FILE)`.
//!
//!     cargo run --example features_file FILE

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use tch::Tensor;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os()
        .nth(1)
        .ok_or("name a file with `features` and `labels`")?;
    print_metrics(Path::new(&path))
}

pub(crate) fn print_metrics(path: &Path) -> Result<(), Box<dyn Error>> {
    let mut arrays: HashMap<String, Tensor> = Tensor::read_safetensors(path)?.into_iter().collect();
    let mut take = |name: &str| arrays.remove(name).ok_or(format!("{} has no `{name}`", path.display()));
    let (features, labels) = (take("features")?, take("labels")?);
    let classifier = take("weight").ok().map(|weight| nc::LinearClassifier {
        weight,
        bias: take("bias").ok(),
    });
    let classes = labels.max().int64_value(&[]) + 1;
    let metrics = nc::measure(&features, &labels, classes, classifier.as_ref())?;
    println!(
        "NC1 {:.4}: scatter within classes over scatter between them",
        metrics.nc1
    );
    println!(
        "NC2 {:.4}: mean deviation of cosines from −1/(K−1)",
        metrics.nc2_equiangularity
    );
    if let Some(nc3) = metrics.nc3 {
        println!("NC3 {nc3:.4}: distance of the classifier from the class means");
    }
    Ok(())
}
