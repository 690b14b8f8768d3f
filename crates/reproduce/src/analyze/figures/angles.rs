//! Figure 2: pairwise angles between centred class means, classes sorted by size, sources side by side.

use plotters::prelude::*;
use tch::{Kind, Tensor};

use super::{Area, DrawError, MOST_COLUMNS, PANEL, TEXT, TITLE, range, svg};
use crate::analyze::Analysis;

/// Above this many classes a cell is the mean over a block of neighbours in size, or the file would be large.
const MOST_CELLS: i64 = 100;
/// Up to this many classes each has its label.
const MOST_LABELS: usize = 20;
/// Width of the colour scale, pixels.
const SCALE_WIDTH: u32 = 100;

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
    let (width, height) = (PANEL.0 * columns as u32, PANEL.1 * rows as u32);
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
        let angles = block_mean(&(&analysis.angles * &others)) / block_mean(&others); // without a class's angle to itself
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
            .margin(8)
            .x_label_area_size(42)
            .y_label_area_size(52)
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
        .margin_top(40)
        .margin_right(20)
        .margin_bottom(50)
        .y_label_area_size(55)
        .build_cartesian_2d(0.0..1.0, least..largest)?;
    let steps = 100;
    let at = |step: i32| least + (largest - least) * f64::from(step) / f64::from(steps);
    chart.draw_series((0..steps).map(|step| {
        let middle = (at(step) + at(step + 1)) / 2.0;
        Rectangle::new(
            [(0.0, at(step)), (1.0, at(step + 1))],
            heat(middle, (least, largest)).filled(),
        )
    }))?;
    chart
        .configure_mesh()
        .disable_mesh()
        .disable_x_axis()
        .y_desc("angle (degrees)")
        .label_style(TEXT)
        .draw()
}

fn heat(angle: f64, (least, largest): (f64, f64)) -> RGBColor {
    ViridisRGB.get_color_normalized(angle, least, largest)
}
