//! Figure 3: norms of the centred class means, classes sorted by size.

use plotters::prelude::*;

use super::{DrawError, TEXT, TITLE, colour, legend, range, svg};
use crate::analyze::Analysis;

/// Size of the figure without its legend, pixels.
const WIDTH: u32 = 560;
const HEIGHT: u32 = 400;
/// Largest number of classes that are marked individually.
const MOST_MARKS: usize = 100;

pub(super) fn figure(analyses: &[Analysis]) -> Result<String, DrawError> {
    let norms: Vec<Vec<f64>> = analyses
        .iter()
        .map(|Analysis { by_size, by_class, .. }| {
            by_size.iter().filter_map(|&class| by_class[class].mean_norm).collect()
        })
        .collect();
    let classes = norms.iter().map(Vec::len).max().unwrap_or(0);
    let (_, largest) = range(norms.iter().flatten().copied()).unwrap_or((0.0, 1.0));
    svg((WIDTH, HEIGHT + 20 + 18 * analyses.len() as u32), |area| {
        let (plot, names) = area.split_vertically(HEIGHT);
        let mut chart = ChartBuilder::on(&plot)
            .caption("Norms of centred class means, classes sorted by size", TITLE)
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(62)
            .build_cartesian_2d((1..classes).into_segmented(), 0.0..1.05 * largest)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_labels(classes.min(20))
            .x_label_formatter(&|place| match place {
                SegmentValue::CenterOf(place) => place.to_string(),
                _ => String::new(),
            })
            .x_desc("place of the class by size, 1 = largest")
            .y_desc("norm of the class mean minus the global mean")
            .label_style(TEXT)
            .draw()?;
        for (index, norms) in norms.iter().enumerate() {
            let points = (1..).map(SegmentValue::CenterOf).zip(norms.iter().copied());
            let marks = if norms.len() > MOST_MARKS { 0 } else { 3 };
            let style = colour(index).stroke_width(2).filled();
            chart.draw_series(LineSeries::new(points, style).point_size(marks))?;
        }
        legend(&names, analyses, (74, 12))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::tests::analysis;

    #[test]
    fn every_source_has_a_line_a_mark_a_class_and_its_name() {
        let sources = [analysis("ce", &[9, 2, 4]), analysis("nc", &[9, 2, 4, 3])];
        let text = figure(&sources).expect("a text takes every figure");
        assert_eq!(text.matches("<circle").count(), 3 + 4);
        for part in [
            "ce\n",
            "nc\n",
            "norm of the class mean minus the global mean",
            "place of the class by size",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
