//! Features files and checkpoints.

use std::cell::RefCell;
use std::fs;
use std::io::{Cursor, Write};

use methods::{Checkpoint, Method, Model, Sgd};
use models::Backbone;
use tch::{Device, Kind, Tensor};
use zip::write::FileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{folder, fuzz, repository};

/// An array in the first version of NumPy's format.
fn npy(header: &str, numbers: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), numbers].concat()
}

fn arrays() -> Vec<Vec<u8>> {
    let numbers: Vec<u8> = (0..48_u8).collect();
    vec![
        npy(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 2), }     \n",
            &numbers,
        ),
        npy(
            "{'descr': '>f8', 'fortran_order': True, 'shape': (6, 1), }      \n",
            &numbers,
        ),
        npy(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (48,), }      \n",
            &numbers,
        ),
        npy(
            "{'descr': '<u8', 'fortran_order': False, 'shape': (2, 1, 3), }   \n",
            &[1; 48],
        ),
    ]
}

const HEADER_WORDS: [&str; 24] = [
    "'descr': ",
    "'shape': ",
    "'fortran_order': ",
    "True",
    "False",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    "\"",
    "L",
    "'<f2'",
    "'<c8'",
    "'|O'",
    "'|b1'",
    "[('x', '<f4')]",
    "4611686018427387904",
    "-1",
    "\u{93}NUMPY\u{2}\0",
    "18446744073709551616",
];

#[test]
fn npy_array() {
    fuzz!("npy_array", arrays(), &HEADER_WORDS, |bytes: &[u8]| {
        reproduce::fuzz::npy(bytes.to_vec()).map_err(|error| format!("{error:#}"))
    });
}

#[test]
fn npz_archive() {
    let folder = folder();
    let path = folder.path().join("features.npz");
    let files = ["features.npz", "half.npz"].map(|file| repository(&format!("tests/fixtures/features/{file}")));
    fuzz!(
        "npz_archive",
        files.to_vec(),
        &["PK\u{1}\u{2}", "PK\u{3}\u{4}", "PK\u{5}\u{6}", ".npy", "labels"],
        |bytes: &[u8]| {
            fs::write(&path, bytes).expect("writable");
            reproduce::fuzz::features(&path).map_err(|error| format!("{error:#}"))
        }
    );
}

/// The arrays of a sound archive, of which the damaged one is packed with a checksum that is right.
#[test]
fn npz_arrays() {
    let folder = folder();
    let path = folder.path().join("features.npz");
    let whole = |numbers: &[f32]| {
        numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let features = npy(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 2), }",
        &whole(&[1.0, 2.0, 3.0, 4.5, -1.0, 0.5, 2.5, 2.0, 1.0, 0.0, 7.0, -3.0]),
    );
    let labels = npy(
        "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), }",
        &[0, 1, 2, 0, 1, 2],
    );
    let weight = npy(
        "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }",
        &whole(&[1.0, 2.0, 3.0, 4.0, 5.0, 7.0]),
    );
    let counts = npy(
        "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }",
        &[5, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0],
    );
    let sound = [features, labels, weight, counts];
    let files = sound.to_vec();
    fuzz!("npz_arrays", files, &HEADER_WORDS, |bytes: &[u8]| {
        // In the place of the array that it begins like, so that the others fit it.
        let alike = |array: &Vec<u8>| {
            array
                .iter()
                .zip(bytes)
                .take_while(|(left, right)| left == right)
                .count()
        };
        let place = (0..sound.len()).max_by_key(|&place| alike(&sound[place])).unwrap_or(0);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (number, name) in ["features", "labels", "weight", "class_counts"].iter().enumerate() {
            let array = if number == place { bytes } else { &sound[number] };
            let options = FileOptions::default().compression_method(CompressionMethod::Stored);
            zip.start_file(format!("{name}.npy"), options).expect("memory");
            zip.write_all(array).expect("memory");
        }
        fs::write(&path, zip.finish().expect("memory").into_inner()).expect("writable");
        reproduce::fuzz::features(&path).map_err(|error| format!("{error:#}"))
    });
}

const SAFETENSORS_WORDS: [&str; 22] = [
    "\"features\"",
    "\"labels\"",
    "\"weight\"",
    "\"bias\"",
    "\"class_counts\"",
    "\"next_epoch\"",
    "\"dtype\":",
    "\"shape\":",
    "\"data_offsets\":",
    "\"F32\"",
    "\"F16\"",
    "\"U64\"",
    "\"BOOL\"",
    "\"F8_E4M3\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    "[0,8]",
    "4611686018427387904",
    "\"__metadata__\":{}",
];

#[test]
fn safetensors() {
    let folder = folder();
    let path = folder.path().join("features.safetensors");
    let small = folder.path().join("small.safetensors");
    let options = (Kind::Float, Device::Cpu);
    let arrays = [
        ("features", Tensor::arange(12, options).sin().view([6, 2])),
        ("labels", Tensor::from_slice(&[0_i64, 1, 2, 0, 1, 2])),
        ("weight", Tensor::arange(6, options).cos().view([3, 2])),
        ("bias", Tensor::zeros(3, options)),
        ("class_counts", Tensor::from_slice(&[5_i64, 4, 3])),
    ];
    Tensor::write_safetensors(&arrays, &small).expect("small arrays");
    let files = vec![
        fs::read(&small).expect("just written"),
        repository("tests/fixtures/features/features.safetensors"),
    ];
    fuzz!("safetensors", files, &SAFETENSORS_WORDS, |bytes: &[u8]| {
        fs::write(&path, bytes).expect("writable");
        reproduce::fuzz::features(&path).map_err(|error| format!("{error:#}"))
    });
}

#[test]
fn checkpoint() {
    let folder = folder();
    let path = folder.path().join("checkpoint.safetensors");
    let model = Model::new(Backbone::Resnet8, &Method::default(), 2, Kind::Float, Device::Cpu);
    let optimizer = Sgd::new(&model.learning_variables(), 0.9, 0.0);
    let mut arrays: Vec<(String, Tensor)> = vec![("next_epoch".to_owned(), Tensor::from_slice(&[3_i64]))];
    let named = model.named_tensors().into_iter().take(4);
    arrays.extend(named.map(|(name, tensor)| (format!("model.{name}"), tensor.detach())));
    Tensor::write_safetensors(&arrays, &path).expect("small arrays");
    let model = RefCell::new(model);
    let words = [
        "\"next_epoch\"",
        "\"model.bn1.bias\"",
        "\"F64\"",
        "\"I64\"",
        "\"U16\"",
        "[16]",
        "[0,64]",
        "[]",
        "{",
        "}",
        ",",
    ];
    fuzz!(
        "checkpoint",
        vec![fs::read(&path).expect("just written")],
        &words,
        |bytes: &[u8]| {
            fs::write(&path, bytes).expect("writable");
            let mut model = model.borrow_mut();
            let restored = match Checkpoint::load(&path) {
                Ok(Some(checkpoint)) => {
                    let _ = checkpoint.restore(optimizer.state());
                    // The file has the network's first tensors only, so that a million of them can be written.
                    let _ = checkpoint.restore(model.state());
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            let _ = model.start_from(&path);
            restored
        }
    );
}
