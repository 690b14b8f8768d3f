//! A table as Markdown and CSV. Fractions become percentages only here.

use crate::grid::describe::in_words;
use crate::grid::published::Published;
use crate::grid::select::Select;
use crate::markdown::{MISSING, aligned};
use crate::run::metric::Metric;
use crate::tables::collect::Spread;
use crate::tables::provenance::distinct;
use crate::tables::table::{Row, Table};
use crate::tables::verdicts::Against;

/// A published number counts as reached within this distance below it, as a fraction.
const REACHED_WITHIN: f64 = 0.01;

/// The table, its footnotes, the published numbers that are not reached, and the runs that are not in it.
pub(crate) fn markdown(table: &Table) -> String {
    let mut parts = vec![markdown_table(table)];
    parts.extend(footnotes(table));
    parts.extend(remarks(table));
    parts.join("\n")
}

/// What a reader must know about the table, a paragraph or list each.
pub(crate) fn remarks(table: &Table) -> Vec<String> {
    let remarks = [selection(table), relation(table), comparison(table), unfinished(table)];
    remarks.into_iter().flatten().collect()
}

fn markdown_table(table: &Table) -> String {
    let notes = notes(table);
    let accuracies = [
        ("last %", Metric::ACCURACY_LAST),
        ("best %", Metric::ACCURACY_BEST),
        ("selected %", Metric::ACCURACY_SELECTED),
        ("many %", Metric::MANY),
        ("medium %", Metric::MEDIUM),
        ("few %", Metric::FEW),
    ];
    let has_selected = has_selected(table);
    let shown = || {
        accuracies
            .iter()
            .filter(|(_, metric)| has_selected || *metric != Metric::ACCURACY_SELECTED)
    };
    let has_relative = table.rows.iter().any(|row| row.relative.is_some());
    let (has_precisions, has_threads) = (differ(table, |row| &row.precisions), differ(table, |row| &row.threads));
    let mut header = vec!["method", "imbalance", "seeds"];
    header.extend(has_precisions.then_some("precision"));
    header.extend(has_threads.then_some("threads"));
    header.extend(shown().map(|(name, _)| *name));
    header.extend(has_relative.then_some("relative %"));
    header.extend(["NC1", "NC2", "published %", "difference"]);
    let rows = table.rows.iter().map(|row| {
        let mut cells = vec![
            row.method.clone(),
            row.imbalance.to_string(),
            format!("{} of {}", row.finished, row.planned),
        ];
        cells.extend(has_precisions.then(|| each_of(&row.precisions)));
        cells.extend(has_threads.then(|| each_of(&row.threads)));
        cells.extend(shown().map(|(_, metric)| spread(row.spread(*metric), 100.0, 2)));
        let relative = || {
            row.relative
                .map_or(MISSING.to_owned(), |relative| format!("{:.2}", 100.0 * relative))
        };
        cells.extend(has_relative.then(relative));
        cells.extend([
            spread(row.spread(Metric::NC1), 1.0, 3),
            spread(row.spread(Metric::NC2_EQUIANGULARITY), 1.0, 3),
            published_cell(row, &notes),
            row.difference(table.select)
                .filter(|_| row.is_comparable())
                .map_or(MISSING.to_owned(), |difference| format!("{:+.2}", 100.0 * difference)),
        ]);
        cells
    });
    aligned(&header, rows, 2)
}

/// Whether the runs of a table differ in a setting, so that each row must state its own.
fn differ(table: &Table, setting: fn(&Row) -> &Vec<String>) -> bool {
    distinct(table.rows.iter().flat_map(setting).cloned()).len() > 1
}

fn each_of(settings: &[String]) -> String {
    if settings.is_empty() {
        return MISSING.to_owned();
    }
    in_words(settings)
}

fn has_selected(table: &Table) -> bool {
    let mut rows = table.rows.iter();
    rows.any(|row| row.spread(Metric::ACCURACY_SELECTED).is_some())
}

fn has_published(table: &Table) -> bool {
    table.rows.iter().any(|row| row.published.is_some())
}

/// The meaning of *selected*, and the column that the differences are computed from.
fn selection(table: &Table) -> Option<String> {
    let meaning = "*Selected* is the test accuracy after the epoch with the highest accuracy on the validation split, whose \
                   images nothing was trained on.";
    let difference = match table.select {
        Select::Last => has_published(table).then_some("The differences are those of *last*."),
        Select::Val => Some("The differences are those of *selected*."),
        Select::TestBest => Some("The differences are those of *best*, which the test split chose: they flatter."),
    };
    let evaluated = distinct(table.rows.iter().flat_map(|row| row.evaluated.clone()));
    let best = (!evaluated.is_empty()).then(|| {
        let evaluated = in_words(&evaluated);
        format!("*Best* is the best of the epochs after which accuracy was measured: {evaluated}.")
    });
    let sentences = [
        has_selected(table).then(|| meaning.to_owned()),
        best,
        difference.map(str::to_owned),
    ];
    let text = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| text + "\n")
}

/// The meaning of *relative*, if there is such a column.
fn relation(table: &Table) -> Option<String> {
    let meaning = "*Relative* is the accuracy over that of training on as many images in equal shares: with the same method or \
                   with cross-entropy, whichever is higher (Zhang et al. 2023, §4.1).\n";
    table
        .rows
        .iter()
        .any(|row| row.relative.is_some())
        .then(|| meaning.to_owned())
}

/// Mean and deviation times `scale`, such as `74.32 ± 0.41`; `74.32` for one seed.
pub(crate) fn spread(spread: Option<Spread>, scale: f64, digits: usize) -> String {
    let Some(Spread { mean, deviation }) = spread else {
        return MISSING.to_owned();
    };
    let deviation = deviation.map_or(String::new(), |deviation| format!(" ± {:.digits$}", scale * deviation));
    format!("{:.digits$}{deviation}", scale * mean)
}

/// Source of a row's published number, and remarks on it.
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
        (Some(published), Some(index)) => format!("{}[^{}]", published.percent, index + 1),
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

/// The published numbers that are not reached, and those that cannot be compared.
fn comparison(table: &Table) -> Option<String> {
    let compared: Vec<(&Row, &Published, f64)> = table
        .rows
        .iter()
        .filter_map(|row| Some((row, row.published?, row.difference(table.select)?)))
        .collect();
    let (comparable, others): (Vec<_>, Vec<_>) = compared.into_iter().partition(|(row, ..)| row.is_comparable());
    let short: Vec<_> = comparable
        .iter()
        .filter(|(.., difference)| *difference < -REACHED_WITHIN)
        .collect();
    let mut lines: Vec<String> = lengths(&others).into_iter().collect();
    lines.extend(short.iter().map(|(row, published, difference)| {
        let seeds = if row.finished == row.planned {
            String::new()
        } else {
            format!(" (with {} of {} seeds)", row.finished, row.planned)
        };
        let differs = row.published_differs.as_ref();
        let differs = differs.map_or(String::new(), |differs| format!(", whose training differs: {differs}"));
        format!(
            "Not reached: `{}` at {} is {:.2} points below the published {} %{seeds}{differs}.",
            row.method,
            row.imbalance,
            -100.0 * difference,
            published.percent,
        )
    }));
    if short.is_empty() && !comparable.is_empty() {
        let which = if others.is_empty() { "Every" } else { "Every other" };
        lines.push(format!(
            "{which} published number above is reached, to within {} point.",
            100.0 * REACHED_WITHIN
        ));
    }
    (!lines.is_empty()).then(|| lines.join("\n\n") + "\n")
}

/// Why numbers of trainings of other lengths cannot be compared with these.
fn lengths(others: &[(&Row, &Published, f64)]) -> Option<String> {
    let (row, ..) = others.first()?; // all rows of a table have one length
    if row.epochs < row.protocol_epochs {
        return Some(format!(
            "This is a training of {} epochs where the protocol has {}: it cannot be compared with the published numbers.",
            row.epochs, row.protocol_epochs
        ));
    }
    let each = others.iter().filter_map(|(row, published, _)| {
        let (method, imbalance) = (&row.method, row.imbalance);
        let epochs = published.epochs?;
        Some(format!("`{method}` at {imbalance}, whose number is of {epochs} epochs"))
    });
    let each: Vec<String> = each.collect();
    Some(format!(
        "This is a training of {} epochs, and some published numbers cannot be compared with it: {}.",
        row.epochs,
        each.join("; ")
    ))
}

fn unfinished(table: &Table) -> Option<String> {
    let lines = table
        .unfinished
        .iter()
        .map(|run| format!("- `{}`: {}\n", run.run, run.reason));
    (!table.unfinished.is_empty()).then(|| format!("Not in the table:\n\n{}", lines.collect::<String>()))
}

/// The table with every metric, one line per row, with accuracies as fractions; an empty field is a missing value.
///
/// # Errors
/// Those of the CSV writer.
pub(crate) fn csv(table: &Table, against: &Against) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header: Vec<String> = [
        "method",
        "imbalance",
        "ratio",
        "epochs",
        "finished",
        "planned",
        "precision",
        "threads",
    ]
    .map(str::to_owned)
    .into();
    for metric in Metric::ALL {
        header.extend([format!("{}_mean", metric.name), format!("{}_deviation", metric.name)]);
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
            "reference",
            "difference_to_reference",
            "difference_low",
            "difference_high",
            "verdict",
        ]
        .map(str::to_owned),
    );
    writer.write_record(&header)?;
    for row in &table.rows {
        let counts = [
            row.epochs.to_string(),
            row.finished.to_string(),
            row.planned.to_string(),
            row.precisions.join(" and "),
            row.threads.join(" and "),
        ];
        let mut record = vec![
            row.method.clone(),
            row.imbalance.kind().to_owned(),
            number(row.imbalance.ratio()),
        ];
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
        record.push(number(published.map(Published::accuracy)));
        let published_epochs = published.and_then(|published| published.epochs);
        record.push(published_epochs.map_or(String::new(), |epochs| epochs.to_string()));
        record.push(number(row.difference(table.select).filter(|_| row.is_comparable())));
        record.push(published.map_or(String::new(), |published| published.source.clone()));
        record.push(published.map_or(String::new(), |published| published.note.clone()));
        record.push(row.published_differs.clone().unwrap_or_default());
        let top1 = against.of(row).map(|comparison| &comparison.cells[0]);
        let margin = |sign: f64| number(top1.map(|cell| cell.difference.mean + sign * cell.difference.detectable()));
        record.extend([
            top1.map_or(String::new(), |_| against.reference.clone()),
            number(top1.map(|cell| cell.difference.mean)),
            margin(-1.0),
            margin(1.0),
            top1.map_or(String::new(), |cell| cell.verdict.name().to_owned()),
        ]);
        writer.write_record(&record)?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8(bytes).expect("made of strings"))
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}
