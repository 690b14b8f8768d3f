//! Event files of TensorBoard: the epochs of each run as scalars.
//!
//! A file is a list of TFRecords (length, its checksum, an `Event` of protocol buffers, its checksum). No maintained crate writes them, and
//! scalars take few fields: `tensorflow/core/util/event.proto` and `tensorflow/core/framework/summary.proto` have their numbers.

use std::path::Path;

use crate::files::{self, ANOTHER_OUT, unwritable};
use crate::run::Outcome;
use crate::run::directory::RunDir;
use crate::run::metrics::{self, MetricsRow};

/// Its folder in a folder of results, with a folder for each run.
pub(crate) const FOLDER: &str = "tensorboard";
/// TensorBoard reads files whose name has `tfevents` in it.
const FILE: &str = "events.out.tfevents.0.longtail";

/// Writes the epochs of the finished runs below `out`, each file whole or not at all, and returns the number of files. Runs whose classifier
/// was only computed have none.
///
/// # Errors
/// If the rows of a run cannot be read, or a file cannot be written.
pub(crate) fn write(out: &Path, outcomes: &[Outcome]) -> anyhow::Result<usize> {
    let trained = outcomes.iter().filter(|outcome| outcome.epochs > 0);
    let mut written = 0;
    for outcome in trained {
        let rows: Vec<MetricsRow> = metrics::read(&RunDir::of(out, &outcome.run).metrics())?;
        let path = out.join(FOLDER).join(&outcome.run).join(FILE);
        let folder = path.parent().expect("it has a folder of its own");
        files::make_folder(folder).map_err(|error| unwritable(folder, error, ANOTHER_OUT))?;
        files::write_whole(&path, events(&rows))?;
        written += 1;
    }
    Ok(written)
}

/// The whole file. An event's wall time is the seconds that its run has trained by then, so that the same rows are the same bytes.
fn events(rows: &[MetricsRow]) -> Vec<u8> {
    let mut file = record(&version());
    let mut seconds = 0.0;
    for row in rows {
        seconds += row.seconds;
        file.extend(record(&event(row, seconds)));
    }
    file
}

/// The event that a file begins with.
fn version() -> Vec<u8> {
    let mut event = double(1, 0.0);
    event.extend(bytes(3, b"brain.Event:2"));
    event
}

/// All scalars of an epoch.
fn event(row: &MetricsRow, seconds: f64) -> Vec<u8> {
    let scalars = MetricsRow::CURVES
        .iter()
        .filter_map(|(name, value)| Some((tag(name), value(row)?)));
    let summary = scalars.flat_map(|(tag, value)| {
        let mut scalar = bytes(1, tag.as_bytes());
        scalar.extend(float(2, value as f32));
        bytes(1, &scalar)
    });
    let summary: Vec<u8> = summary.collect();
    let mut event = double(1, seconds);
    event.extend(integer(2, row.epoch as u64));
    event.extend(bytes(5, &summary));
    event
}

/// `train_nc1` as `train/nc1`: TensorBoard puts tags with the same beginning together.
fn tag(column: &str) -> String {
    match column.split_once('_') {
        Some((split @ ("train" | "test"), name)) => format!("{split}/{name}"),
        _ => column.to_owned(),
    }
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(checksum(&length));
    record.extend(data);
    record.extend(checksum(data));
    record
}

/// CRC-32C, rotated and shifted as TFRecords have it.
fn checksum(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
        .to_le_bytes()
}

fn double(field: u8, value: f64) -> Vec<u8> {
    [&[field << 3 | 1][..], &value.to_le_bytes()].concat()
}

fn float(field: u8, value: f32) -> Vec<u8> {
    [&[field << 3 | 5][..], &value.to_le_bytes()].concat()
}

fn integer(field: u8, value: u64) -> Vec<u8> {
    [vec![field << 3], varint(value)].concat()
}

fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    [&[field << 3 | 2][..], &varint(value.len() as u64), value].concat()
}

/// Seven bits a byte, the lowest first; all but the last have the eighth set.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_bytes_that_tensorboard_writes() {
        let text = "epoch,learning_rate,train_loss,accuracy,images_per_second,seconds\n300,0.5,1.5,0.25,1,2\n";
        let row = csv::Reader::from_reader(text.as_bytes()).into_deserialize().next();
        let row: MetricsRow = row.expect("a row").expect("of an older version");
        // RecordWriter of tensorboard 2.21 on an Event with wall time 2, step 300 and these three scalars.
        let expected = "4800000000000000fe92489d\
            09000000000000004010ac022a3a0a110a0a747261696e2f6c6f7373150000c03f\
            0a140a0d6c6561726e696e675f72617465150000003f0a0f0a086163637572616379150000803e8f6d2da0";
        let written = events(&[row]).split_off(record(&version()).len());
        let hexadecimal = written
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(hexadecimal, expected);
    }

    #[test]
    fn integers_take_seven_bits_a_byte() {
        assert_eq!(
            [varint(0), varint(127), varint(300)],
            [vec![0], vec![127], vec![0xac, 2]]
        );
    }

    #[test]
    fn tags_are_put_together_by_split() {
        assert_eq!(
            ["train_nc2_norm_cov", "accuracy", "learning_rate"].map(tag),
            ["train/nc2_norm_cov", "accuracy", "learning_rate"]
        );
    }
}
