//! Figures: an analysis as SVG, after the figures of Liu et al. (2023). Drawing needs no installed font.

mod angles;
mod curves;
mod norms;

use std::path::Path;

use plotters::prelude::*;

use super::Analysis;
use crate::files::write_whole;

/// Width and height of one panel, axes and title included, in pixels.
const PANEL: (u32, u32) = (340, 320);
/// Panels in a row.
const MOST_COLUMNS: usize = 4;

const TITLE: (&str, u32) = ("sans-serif", 16);
const TEXT: (&str, u32) = ("sans-serif", 13);

/// Okabe and Ito's colours without yellow, which colour-blind readers can tell apart too.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];

/// Errors of drawing into a string.
type DrawError = DrawingAreaErrorKind<std::io::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Writes `angles.svg` (Figure 2), `norms.svg` (Figure 3) and, if a source has epochs, `curves.svg` into `out`, and returns
/// their names.
///
/// # Errors
/// If a file cannot be written; the message names it.
pub(crate) fn draw(out: &Path, analyses: &[Analysis]) -> anyhow::Result<Vec<String>> {
    let mut figures = vec![
        ("angles.svg", angles::figure(analyses)?),
        ("norms.svg", norms::figure(analyses)?),
    ];
    if analyses.iter().any(|analysis| !analysis.epochs.is_empty()) {
        figures.push(("curves.svg", curves::figure(analyses)?));
    }
    for (name, text) in &figures {
        write_whole(&out.join(name), text)?;
    }
    Ok(figures.into_iter().map(|(name, _)| name.to_owned()).collect())
}

/// A figure of `size` pixels on white, as SVG text.
fn svg(size: (u32, u32), paint: impl FnOnce(&Area<'_>) -> Result<(), DrawError>) -> Result<String, DrawError> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE)?;
        paint(&area)?;
        area.present()?;
    }
    Ok(text)
}

/// The colour of the source at `index`; they repeat when there are many.
fn colour(index: usize) -> RGBColor {
    COLOURS[index % COLOURS.len()]
}

/// The legend: one line per source, its name beside a stroke of its colour, downwards from `left`, `top`.
fn legend(area: &Area<'_>, analyses: &[Analysis], (left, top): (i32, i32)) -> Result<(), DrawError> {
    for (index, analysis) in analyses.iter().enumerate() {
        let middle = top + 18 * index as i32;
        let stroke = vec![(left, middle), (left + 24, middle)];
        area.draw(&PathElement::new(stroke, colour(index).stroke_width(2)))?;
        area.draw(&Text::new(
            analysis.origin.source.clone(),
            (left + 30, middle - 7),
            TEXT,
        ))?;
    }
    Ok(())
}

/// Minimum and maximum of the finite values; `None` if there are none.
fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|value| value.is_finite())
        .fold(None, |range, value| {
            let (least, largest) = range.unwrap_or((value, value));
            Some((value.min(least), value.max(largest)))
        })
}
