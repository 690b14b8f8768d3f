//! NC1 to NC4 over the epochs of runs, of the test split and of the training features as the steps saw them.

use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

use super::{Area, DrawError, PANEL, TEXT, TITLE, colour, legend, range, svg};
use crate::analyze::Analysis;
use crate::run::metrics::MetricsRow;

type Value = fn(&MetricsRow) -> Option<f64>;

/// One panel: a metric on the test split and on the training pass.
struct Quantity {
    title: &'static str,
    axis: &'static str,
    test: Value,
    train: Value,
    /// Whether its values span powers of ten.
    logarithmic: bool,
}

const QUANTITIES: [Quantity; 6] = [
    Quantity {
        title: "NC1: variability",
        axis: "tr(Σ_W Σ_B⁺) / K",
        test: |row| row.test_nc1,
        train: |row| row.train_nc1,
        logarithmic: true,
    },
    Quantity {
        title: "NC2: equal angles",
        axis: "mean |cos + 1/(K−1)|",
        test: |row| row.test_nc2_equiangularity,
        train: |row| row.train_nc2_equiangularity,
        logarithmic: false,
    },
    Quantity {
        title: "NC2: equal norms",
        axis: "deviation / mean of norms",
        test: |row| row.test_nc2_norm_cov,
        train: |row| row.train_nc2_norm_cov,
        logarithmic: false,
    },
    Quantity {
        title: "NC2: smallest angle",
        axis: "degrees",
        test: |row| row.test_nc2_min_angle,
        train: |row| row.train_nc2_min_angle,
        logarithmic: false,
    },
    Quantity {
        title: "NC3: self-duality",
        axis: "‖W/‖W‖ − M/‖M‖‖²",
        test: |row| row.test_nc3,
        train: |row| row.train_nc3,
        logarithmic: false,
    },
    Quantity {
        title: "NC4: nearest class mean",
        axis: "share of other decisions",
        test: |row| row.test_nc4,
        train: |row| row.train_nc4,
        logarithmic: false,
    },
];

pub(super) fn figure(analyses: &[Analysis]) -> Result<String, DrawError> {
    let (width, height) = (3 * PANEL.0, 2 * PANEL.1);
    svg((width, height + 70 + 18 * analyses.len() as u32), |area| {
        let area = area.titled("Neural collapse over epochs", TITLE)?;
        let (panels, below) = area.split_vertically(height);
        for (panel, quantity) in panels.split_evenly((2, 3)).iter().zip(&QUANTITIES) {
            quantity.draw(panel, analyses)?;
        }
        let passes =
            "Solid: test split, evaluation mode. Dashed: training images as the epoch's steps saw them, augmented.";
        below.draw(&Text::new(passes, (20, 8), TEXT))?;
        legend(&below, analyses, (20, 36))
    })
}

impl Quantity {
    fn draw(&self, area: &Area<'_>, analyses: &[Analysis]) -> Result<(), DrawError> {
        let rows = || analyses.iter().flat_map(|analysis| &analysis.epochs);
        let last_epoch = rows().map(|row| row.epoch).max().unwrap_or(0).max(1);
        let values = rows().flat_map(|row| [self.drawn(self.test, row), self.drawn(self.train, row)]);
        let range = range(values.flatten());
        let mut builder = ChartBuilder::on(area);
        builder
            .caption(self.title, TITLE)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(62);
        match range {
            None => area.draw(&Text::new(format!("{}: not recorded", self.title), (70, 20), TEXT)),
            Some((least, largest)) if self.logarithmic => {
                // Within two powers of ten only powers of two give the axis enough labels.
                let base = if largest / least < 100.0 { 2.0 } else { 10.0 };
                let values = (least / 1.3..largest * 1.3).log_scale().base(base);
                let chart = builder.build_cartesian_2d(0..last_epoch, values)?;
                self.draw_series(chart, analyses)
            }
            Some((_, largest)) => {
                let top = if largest > 0.0 { largest * 1.05 } else { 1.0 };
                let chart = builder.build_cartesian_2d(0..last_epoch, 0.0..top)?;
                self.draw_series(chart, analyses)
            }
        }
    }

    /// The value to draw for an epoch; `None` for zero on a logarithmic axis.
    fn drawn(&self, value: Value, row: &MetricsRow) -> Option<f64> {
        value(row).filter(|&value| value.is_finite() && (value > 0.0 || !self.logarithmic))
    }

    fn draw_series<Y>(&self, mut chart: Chart<'_, Y>, analyses: &[Analysis]) -> Result<(), DrawError>
    where
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_labels(6)
            .y_labels(6)
            .x_desc("epoch")
            .y_desc(self.axis)
            .label_style(TEXT)
            .draw()?;
        for (index, analysis) in analyses.iter().enumerate() {
            let points = |value: Value| {
                let rows = analysis.epochs.iter();
                rows.filter_map(move |row| Some((row.epoch, self.drawn(value, row)?)))
            };
            let style = colour(index).stroke_width(2);
            chart.draw_series(LineSeries::new(points(self.test), style))?;
            chart.draw_series(DashedLineSeries::new(points(self.train), 5, 4, style))?;
            if analysis.epochs.len() == 1 {
                // One epoch makes no line.
                chart.draw_series(points(self.test).map(|point| Circle::new(point, 3, style.filled())))?;
                chart.draw_series(points(self.train).map(|point| Circle::new(point, 3, style)))?;
            }
        }
        Ok(())
    }
}

/// A panel's axes: epochs, and linear or logarithmic values.
type Chart<'a, Y> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<plotters::coord::types::RangedCoordi64, Y>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::tests::analysis;
    use crate::run::metrics;

    #[test]
    fn every_metric_has_a_panel_and_one_that_no_run_recorded_says_so() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.csv");
        let header = "epoch,learning_rate,train_loss,accuracy,train_nc1,test_nc1,test_nc3,images_per_second,seconds\n";
        std::fs::write(
            &path,
            format!("{header}0,0.1,2,0.2,9,8,1,5,5\n1,0.1,1,0.3,4,0,0.5,5,5\n"),
        )
        .expect("writable");
        let mut run = analysis("ce", &[9, 2, 4]);
        run.epochs = metrics::read(&path).expect("a sound file");
        let text = figure(&[run]).expect("a text takes every figure");
        for part in [
            "NC1: variability\n",
            "NC3: self-duality\n",
            "epoch\n",
            "Dashed: training images",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        for part in [
            "NC2: equal angles: not recorded",
            "NC2: equal norms: not recorded",
            "NC4: nearest class mean: not recorded",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
