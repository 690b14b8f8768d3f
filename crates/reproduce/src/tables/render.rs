//! Render: a table to Markdown and CSV. Only here are shares of one turned into percent.

use crate::grid::published::Published;
use crate::grid::select::Select;
use crate::tables::collect::{Metric, Spread};
use crate::tables::markdown::aligned;
use crate::tables::table::{Row, Table};

/// Missing, which is not zero.
pub(crate) const MISSING: &str = "—";
/// A published number counts as reached down to this far below it, as a share of one.
const REACHED_WITHIN: f64 = 0.01;

/// The table, its footnotes, the published numbers that are not reached, and the runs that are not in it.
pub(crate) fn markdown(table: &Table) -> String {
    let mut parts = vec![markdown_table(table)];
    parts.extend(
        [
            footnotes(table),
            selection(table),
            relation(table),
            comparison(table),
            unfinished(table),
        ]
        .into_iter()
        .flatten(),
    );
    parts.join("\n")
}

fn markdown_table(table: &Table) -> String {
    let notes = notes(table);
    let accuracies = [
        ("last %", Metric::AccuracyLast),
        ("best %", Metric::AccuracyBest),
        ("selected %", Metric::AccuracySelected),
        ("many %", Metric::Many),
        ("medium %", Metric::Medium),
        ("few %", Metric::Few),
    ];
    let has_selected = has_selected(table);
    let shown = || {
        accuracies
            .iter()
            .filter(|(_, metric)| has_selected || *metric != Metric::AccuracySelected)
    };
    let has_relative = table.rows.iter().any(|row| row.relative.is_some());
    let mut header = vec!["method", "imbalance", "seeds"];
    header.extend(shown().map(|(name, _)| *name));
    header.extend(has_relative.then_some("relative %"));
    header.extend(["NC1", "NC2", "published %", "difference"]);
    let rows = table.rows.iter().map(|row| {
        let mut cells = vec![
            row.method.clone(),
            row.imbalance.to_string(),
            format!("{} of {}", row.finished, row.planned),
        ];
        cells.extend(shown().map(|(_, metric)| spread(row.spread(*metric), 100.0, 2)));
        let relative = || {
            row.relative
                .map_or(MISSING.to_owned(), |relative| format!("{:.2}", 100.0 * relative))
        };
        cells.extend(has_relative.then(relative));
        cells.extend([
            spread(row.spread(Metric::Nc1), 1.0, 3),
            spread(row.spread(Metric::Nc2Equiangularity), 1.0, 3),
            published_cell(row, &notes),
            row.difference(table.select)
                .map_or(MISSING.to_owned(), |difference| format!("{:+.2}", 100.0 * difference)),
        ]);
        cells
    });
    aligned(&header, rows, 2)
}

fn has_selected(table: &Table) -> bool {
    let mut rows = table.rows.iter();
    rows.any(|row| row.spread(Metric::AccuracySelected).is_some())
}

/// What *selected* means, and which column the differences are of, where that is not the last epoch's.
fn selection(table: &Table) -> Option<String> {
    let meaning = "*Selected* is the test accuracy after the epoch with the highest accuracy on the validation split, whose \
                   images nothing was trained on.";
    let difference = match table.select {
        Select::Last => None,
        Select::Val => Some("The differences are those of *selected*."),
        Select::TestBest => Some("The differences are those of *best*, which the test split chose: they flatter."),
    };
    let sentences = has_selected(table).then_some(meaning).into_iter().chain(difference);
    let text = sentences.collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| text + "\n")
}

/// What *relative* means, where there is such a column.
fn relation(table: &Table) -> Option<String> {
    let meaning = "*Relative* is the accuracy over that of training on as many images in equal shares: with the same method or \
                   with cross-entropy, whichever is higher (Zhang et al. 2023, §4.1).\n";
    table
        .rows
        .iter()
        .any(|row| row.relative.is_some())
        .then(|| meaning.to_owned())
}

/// `74.32 ± 0.41` of a mean and deviation times `scale`.
pub(crate) fn spread(spread: Option<Spread>, scale: f64, digits: usize) -> String {
    let Some(Spread { mean, deviation }) = spread else {
        return MISSING.to_owned();
    };
    let deviation = deviation.map_or(MISSING.to_owned(), |deviation| {
        format!("{:.digits$}", scale * deviation)
    });
    format!("{:.digits$} ± {deviation}", scale * mean)
}

/// Source of a row's published number, and what a reader must know about it.
fn note(row: &Row) -> Option<String> {
    let Published { source, note, .. } = row.published?;
    let remark = (!note.is_empty()).then(|| format!("; {note}"));
    let differs = row.published_differs.as_ref();
    let differs = differs.map(|differs| format!("; unlike here: {differs}"));
    Some(source.clone() + &remark.unwrap_or_default() + &differs.unwrap_or_default())
}

/// Every note once, in the order of first mention.
fn notes(table: &Table) -> Vec<String> {
    let mut notes = Vec::new();
    for note in table.rows.iter().filter_map(note) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

fn published_cell(row: &Row, notes: &[String]) -> String {
    let number = notes.iter().position(|other| Some(other) == note(row).as_ref());
    match (row.published, number) {
        (Some(published), Some(index)) => format!("{:.1}[^{}]", 100.0 * published.accuracy, index + 1),
        _ => MISSING.to_owned(),
    }
}

fn footnotes(table: &Table) -> Option<String> {
    let notes = notes(table);
    let lines = notes
        .iter()
        .zip(1..)
        .map(|(note, number)| format!("[^{number}]: {note}.\n"));
    (!notes.is_empty()).then(|| lines.collect())
}

/// Says of which published numbers this falls short, and when the two cannot be compared.
fn comparison(table: &Table) -> Option<String> {
    let compared: Vec<(&Row, &Published, f64)> = table
        .rows
        .iter()
        .filter_map(|row| Some((row, row.published?, row.difference(table.select)?)))
        .collect();
    if compared.is_empty() {
        return None;
    }
    let mut lines = Vec::new();
    let other_length = compared.iter().find(|(row, ..)| row.epochs != row.published_epochs);
    if let Some((row, ..)) = other_length {
        lines.push(format!(
            "This is a training of {} epochs, and the published numbers are of {}: they cannot be compared, and no \
             difference above says that a number is or is not reproduced.",
            row.epochs, row.published_epochs
        ));
    }
    let short = compared.iter().filter(|(.., difference)| *difference < -REACHED_WITHIN);
    for (row, published, difference) in short {
        let seeds = if row.finished == row.planned {
            String::new()
        } else {
            format!(" (with {} of {} seeds)", row.finished, row.planned)
        };
        let differs = row.published_differs.as_ref();
        let differs = differs.map_or(String::new(), |differs| format!(", whose training differs: {differs}"));
        lines.push(format!(
            "Not reached: `{}` at {} is {:.2} points below the published {:.1} %{seeds}{differs}.",
            row.method,
            row.imbalance,
            -100.0 * difference,
            100.0 * published.accuracy,
        ));
    }
    if lines.is_empty() {
        lines.push(format!(
            "Every published number above is reached, to within {} point.",
            100.0 * REACHED_WITHIN
        ));
    }
    Some(lines.join("\n\n") + "\n")
}

fn unfinished(table: &Table) -> Option<String> {
    let lines = table
        .unfinished
        .iter()
        .map(|run| format!("- `{}`: {}\n", run.run, run.reason));
    (!table.unfinished.is_empty()).then(|| format!("Not in the table:\n\n{}", lines.collect::<String>()))
}

/// The table with every metric, accuracies as shares of one, one line a row; an empty field is a missing value.
///
/// # Errors
/// None but those of the CSV writer, which a string does not have.
pub(crate) fn csv(table: &Table) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header: Vec<String> = ["method", "imbalance", "ratio", "epochs", "finished", "planned"]
        .map(str::to_owned)
        .into();
    for metric in Metric::ALL {
        header.extend([
            format!("{}_mean", metric.name()),
            format!("{}_deviation", metric.name()),
        ]);
    }
    header.extend(
        [
            "relative",
            "published",
            "published_epochs",
            "difference",
            "source",
            "note",
            "differs",
        ]
        .map(str::to_owned),
    );
    writer.write_record(&header)?;
    for row in &table.rows {
        let (kind, ratio) = (row.imbalance.to_string(), row.imbalance.ratio());
        let kind = kind.split(' ').next().unwrap_or_default().to_owned();
        let counts = [
            row.epochs.to_string(),
            row.finished.to_string(),
            row.planned.to_string(),
        ];
        let mut record = vec![row.method.clone(), kind, ratio.to_string()];
        record.extend(counts);
        for metric in Metric::ALL {
            let spread = row.spread(metric);
            record.extend([
                number(spread.map(|spread| spread.mean)),
                number(spread.and_then(|s| s.deviation)),
            ]);
        }
        record.push(number(row.relative));
        let published = row.published;
        record.push(number(published.map(|published| published.accuracy)));
        record.push(published.map_or(String::new(), |published| published.epochs.clone()));
        record.push(number(row.difference(table.select)));
        record.push(published.map_or(String::new(), |published| published.source.clone()));
        record.push(published.map_or(String::new(), |published| published.note.clone()));
        record.push(row.published_differs.clone().unwrap_or_default());
        writer.write_record(&record)?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8(bytes).expect("made of strings"))
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}
