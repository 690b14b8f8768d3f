//! Angles between the class means of the finished network.

use nc::Accumulator;
use tch::Tensor;

use crate::run::directory::RunDir;
use crate::run::scores::AngleRow;

/// Above this many classes no angles are written: 500 classes make 125,000 rows, and a chart of more has no cells that an eye tells apart.
const MOST_CLASSES: i64 = 500;

/// Writes `angles.csv` of the training features `[n, d]`, with experts `[n, e, d]` side by side; no file where angles are not defined (features
/// that are all equal).
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write(run_dir: &RunDir, features: &Tensor, labels: &Tensor, classes: i64) -> anyhow::Result<()> {
    let features = features.flatten(1, -1);
    let Some(angles) = angles(&features, labels, classes).filter(|_| classes <= MOST_CLASSES) else {
        return Ok(());
    };
    run_dir.write_rows("angles.csv", angles)?;
    Ok(())
}

/// A row for each pair of classes with samples.
fn angles(features: &Tensor, labels: &Tensor, classes: i64) -> Option<impl Iterator<Item = AngleRow>> {
    let mut accumulator = Accumulator::new(classes, features.size()[1], features.device()).ok()?;
    accumulator.add(features, labels).ok()?;
    let statistics = accumulator.finish().ok()?;
    let present: Vec<i64> = Vec::try_from(statistics.present()).expect("indices are i64");
    let angles: Vec<f64> = Vec::try_from(statistics.angles_degrees().flatten(0, 1)).expect("angles are f64");
    let count = present.len();
    Some((0..count).flat_map(move |row| {
        let (present, angles) = (present.clone(), angles.clone());
        (row + 1..count).map(move |column| AngleRow {
            class: present[row],
            other_class: present[column],
            angle_degrees: angles[row * count + column],
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_classes_with_samples_has_its_angle() {
        let features = Tensor::from_slice(&[1.0, 0.0, 0.0, 1.0, -1.0, -1.0]).view([3, 2]);
        let labels = Tensor::from_slice(&[0_i64, 2, 3]);
        let rows: Vec<AngleRow> = angles(&features, &labels, 4).expect("three means apart").collect();
        let pairs: Vec<(i64, i64)> = rows.iter().map(|row| (row.class, row.other_class)).collect();
        assert_eq!(pairs, [(0, 2), (0, 3), (2, 3)]);
        for (row, degrees) in rows.iter().zip([90.0, 135.0, 135.0]) {
            assert!((row.angle_degrees - degrees).abs() < 1e-9, "{row:?}");
        }
        let equal = Tensor::ones([3, 2], (tch::Kind::Float, tch::Device::Cpu));
        assert!(angles(&equal, &labels, 4).is_none());
    }
}
