//! Figure 2: pairwise angles between centred class means, classes sorted by size, sources side by side.

use plotters::prelude::*;
use tch::{Kind, Tensor};

use super::{Area, DrawError, MOST_COLUMNS, PANEL, TEXT, TITLE, range, svg};
use crate::analyze::Analysis;

/// Above this many classes a cell is the mean over a block of classes of similar size, to keep the file small.
const MOST_CELLS: i64 = 100;
/// Largest number of classes that are labelled individually.
const MOST_LABELS: usize = 20;
/// Width of the colour scale, pixels.
const SCALE_WIDTH: u32 = 100;
/// Margins of a panel in pixels: around it, and below and beside it for labels.
const MARGIN: u32 = 8;
const LABELS: (u32, u32) = (52, 42);
/// Height of a panel's title, pixels.
const CAPTION: u32 = 24;

/// A heat map of `cells × cells` angles.
struct HeatMap<'a> {
    analysis: &'a Analysis,
    /// Degrees, row by row; NaN on the diagonal where a cell is one class.
    angles: Vec<f64>,
    cells: usize,
}

pub(super) fn figure(analyses: &[Analysis]) -> Result<String, DrawError> {
    let maps: Vec<HeatMap<'_>> = analyses.iter().map(HeatMap::of).collect();
    let (least, largest) = range(maps.iter().flat_map(|map| map.angles.iter().copied())).unwrap_or((0.0, 180.0));
    let degrees = (least.floor(), largest.ceil().max(least.floor() + 1.0));
    let columns = maps.len().min(MOST_COLUMNS);
    let rows = maps.len().div_ceil(columns);
    let side = PANEL.0 - 2 * MARGIN - LABELS.0; // of the square map
    let panel_height = side + 2 * MARGIN + LABELS.1 + CAPTION;
    let (width, height) = (PANEL.0 * columns as u32, panel_height * rows as u32);
    svg((width + SCALE_WIDTH, height + 30), |area| {
        let area = area.titled("Angles between centred class means, classes sorted by size", TITLE)?;
        let (panels, scale) = area.split_horizontally(width);
        for (panel, map) in panels.split_evenly((rows, columns)).iter().zip(&maps) {
            map.draw(panel, degrees)?;
        }
        draw_scale(&scale, degrees)
    })
}

impl HeatMap<'_> {
    fn of(analysis: &Analysis) -> HeatMap<'_> {
        let classes = analysis.by_size.len() as i64;
        let cells = classes.min(MOST_CELLS);
        let others = 1.0 - Tensor::eye(classes, (Kind::Double, tch::Device::Cpu));
        let block_mean = |values: &Tensor| values.unsqueeze(0).adaptive_avg_pool2d([cells, cells]);
        let angles = block_mean(&(&analysis.angles * &others)) / block_mean(&others); // without the angle of a class to itself
        HeatMap {
            analysis,
            angles: Vec::try_from(angles.flatten(0, -1)).expect("angles are f64"),
            cells: cells as usize,
        }
    }

    fn draw(&self, area: &Area<'_>, degrees: (f64, f64)) -> Result<(), DrawError> {
        let HeatMap { analysis, cells, .. } = *self;
        let mut chart = ChartBuilder::on(area)
            .caption(&analysis.origin.source, TITLE)
            .margin(MARGIN)
            .x_label_area_size(LABELS.1)
            .y_label_area_size(LABELS.0)
            .build_cartesian_2d((0..cells - 1).into_segmented(), (0..cells - 1).into_segmented())?;
        // Rows go downwards, as in a matrix; plotters counts upwards.
        let cell = |row: usize, column: usize| {
            let edge = |place| {
                if place == cells {
                    SegmentValue::Last
                } else {
                    SegmentValue::Exact(place)
                }
            };
            [
                (edge(column), edge(cells - row)),
                (edge(column + 1), edge(cells - row - 1)),
            ]
        };
        chart.draw_series(self.angles.iter().enumerate().map(|(index, &angle)| {
            let colour = if angle.is_nan() {
                RGBColor(230, 230, 230)
            } else {
                heat(angle, degrees)
            };
            Rectangle::new(cell(index / cells, index % cells), colour.filled())
        }))?;
        let class_at = |cell: usize| analysis.by_size[cell * analysis.by_size.len() / cells].to_string();
        let labels = if cells <= MOST_LABELS { cells } else { 10 };
        let label = |value: &SegmentValue<usize>, downwards: bool| match *value {
            SegmentValue::CenterOf(cell) if downwards => class_at(cells - 1 - cell),
            SegmentValue::CenterOf(cell) => class_at(cell),
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(labels)
            .y_labels(labels)
            .x_label_formatter(&|value| label(value, false))
            .y_label_formatter(&|value| label(value, true))
            .x_desc("class, largest first")
            .y_desc("class, largest first")
            .label_style(TEXT)
            .draw()
    }
}

/// The scale that all panels share.
fn draw_scale(area: &Area<'_>, (least, largest): (f64, f64)) -> Result<(), DrawError> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(MARGIN + CAPTION)
        .margin_right(20)
        .margin_bottom(MARGIN + LABELS.1)
        .y_label_area_size(55)
        .build_cartesian_2d(0.0..1.0, least..largest)?;
    let steps = 100;
    let at = |step: i32| least + (largest - least) * f64::from(step) / f64::from(steps);
    chart.draw_series((0..steps).map(|step| {
        let middle = f64::midpoint(at(step), at(step + 1));
        Rectangle::new(
            [(0.0, at(step)), (1.0, at(step + 1))],
            heat(middle, (least, largest)).filled(),
        )
    }))?;
    chart
        .configure_mesh()
        .disable_mesh()
        .disable_x_axis()
        .set_all_tick_mark_size(5) // the default is a share of the width
        .y_label_formatter(&|angle| format!("{angle:.0}"))
        .y_desc("angle (degrees)")
        .label_style(TEXT)
        .draw()
}

fn heat(angle: f64, (least, largest): (f64, f64)) -> RGBColor {
    ViridisRGB.get_color_normalized(angle, least, largest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::tests::analysis;

    #[test]
    fn a_cell_of_many_classes_is_the_mean_of_its_pairs_without_a_class_to_itself() {
        let analysis = analysis("many", &[2; 200]);
        let map = HeatMap::of(&analysis);
        assert_eq!((map.cells, map.angles.len()), (100, 100 * 100));
        let angle = |row, column| analysis.angles.double_value(&[row, column]);
        assert!(
            (map.angles[0] - angle(0, 1)).abs() < 1e-9,
            "the first two classes have one angle"
        );
        let block = (angle(0, 2) + angle(0, 3) + angle(1, 2) + angle(1, 3)) / 4.0;
        assert!((map.angles[1] - block).abs() < 1e-9);
    }

    #[test]
    fn the_figure_has_a_panel_a_source_a_cell_a_pair_and_a_scale_in_degrees() {
        let sources = [analysis("ce", &[9, 2, 4]), analysis("nc", &[9, 2, 4])];
        let text = figure(&sources).expect("a text takes every figure");
        for part in [
            "ce\n",
            "nc\n",
            "angle (degrees)",
            "class, largest first",
            "sorted by size",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(
            text.matches("<rect").count(),
            1 + 2 * 3 * 3 + 100,
            "ground, cells, scale"
        );
        assert_eq!(
            text.matches("\"#E6E6E6\"").count(),
            2 * 3,
            "a class has no angle to itself"
        );
        let labels = |anchor: &str| -> Vec<&str> {
            let texts = text.split("<text ").filter(|text| text.contains(anchor));
            texts
                .filter_map(|text| text.lines().nth(1))
                .filter(|label| label.len() == 1)
                .collect()
        };
        assert_eq!(
            labels("\"middle\""),
            ["0", "2", "1", "0", "2", "1"],
            "the largest at the left"
        );
        assert_eq!(
            labels("\"end\"")[..3],
            ["1", "2", "0"],
            "the largest at the top, drawn from the bottom up"
        );
    }
}
