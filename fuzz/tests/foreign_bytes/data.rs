//! CIFAR's files and archives.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use crate::{folder, fuzz};

const IMAGE: usize = 3072;

/// A record of the binary layout.
fn record(label: u8) -> Vec<u8> {
    [vec![9, label], vec![label ^ 0x55; IMAGE]].concat()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn cifar_binary() {
    let root = folder();
    let layout = root.path().join("tiny-bin");
    fs::create_dir(&layout).expect("a folder");
    let files = [[record(0), record(1)].concat(), [record(1), record(0)].concat()];
    for (name, file) in ["a.bin", "b.bin", "t.bin"]
        .iter()
        .zip([&files[0], &files[0], &files[1]])
    {
        fs::write(layout.join(name), file).expect("writable");
    }
    fuzz!("cifar_binary", files.to_vec(), &[], |bytes: &[u8]| {
        fs::write(layout.join("b.bin"), bytes).expect("writable");
        datasets::fuzz::cifar(root.path())
    });
}

/// Batches of two images as Python's pickle writes them in protocol 2 (by Python 2) and 4.
fn batches() -> Vec<Vec<u8>> {
    let python_2 = [
        &b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5U\x0bfine_labels]q\x03(K\x00K\x01eU\x04data"[..],
        b"cnumpy.core.multiarray\n_reconstruct\nq\x04cnumpy\nndarray\nq\x05K\x00\x85U\x01b\x87Rq\x06(K\x01K\x02M\x00\x0c\x86",
        b"cnumpy\ndtype\nq\x07U\x02u1K\x00K\x01\x87Rq\x08(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
        b"T\x00\x18\x00\x00",
        &[7; 2 * IMAGE],
        b"tbu.",
    ];
    let python_3 = [
        &b"\x80\x04\x95\xa8\x18\x00\x00\x00\x00\x00\x00}\x94(\x8c\x0bfine_labels\x94]\x94(K\x07K\x01e\x8c\x04data\x94"[..],
        b"\x8c\x16numpy._core.multiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94",
        b"K\x00\x85\x94C\x01b\x94\x87\x94R\x94(K\x01K\x02M\x00\x0c\x86\x94h\x07\x8c\x05dtype\x94\x93\x94",
        b"\x8c\x02u1\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94b\x89",
        b"B\x00\x18\x00\x00",
        &[7; 2 * IMAGE],
        b"\x94t\x94bu.",
    ];
    vec![python_2.concat(), python_3.concat()]
}

const OPCODES: [&str; 20] = [
    "(",
    ".",
    "]",
    "}",
    ")",
    "t",
    "e",
    "u",
    "a",
    "s",
    "R",
    "b",
    "N",
    "q\u{1}",
    "h\u{1}",
    "c_codecs\nencode\n",
    "cos\nsystem\n",
    "K\u{2}",
    "X\u{1}\0\0\0a",
    "J\u{7f}\u{7f}\u{7f}\u{7f}",
];

#[test]
fn cifar_pickle() {
    fuzz!("cifar_pickle", batches(), &OPCODES, |bytes: &[u8]| {
        datasets::fuzz::cifar_pickle(bytes)
    });
}

/// A tar archive of two files and two folders, with a header of each kind that archives on the internet have.
fn archive() -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let entries: [(&str, EntryType, &[u8]); 4] = [
        ("tiny-bin/", EntryType::Directory, b""),
        ("tiny-bin/a.bin", EntryType::Regular, b"some bytes"),
        ("./tiny-bin/deeper/", EntryType::Directory, b""),
        ("tiny-bin/deeper/b.bin", EntryType::Regular, &[3; 600]),
    ];
    for (name, kind, contents) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(contents.len() as u64);
        builder.append_data(&mut header, name, contents).expect("memory");
    }
    builder.into_inner().expect("memory")
}

/// Makes the checksums of all headers right again: else nothing of a changed header would be looked at.
fn with_checksums(mut tar: Vec<u8>) -> Vec<u8> {
    for block in tar.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    tar
}

fn unpacked(gzip: &[u8], root: &Path) -> Result<(), datasets::DataError> {
    let unpacked = datasets::fuzz::archive(gzip, root);
    if unpacked.is_ok() {
        fs::remove_dir_all(root.join("tiny-bin")).expect("it was unpacked");
    }
    let left = fs::read_dir(root).expect("a folder").count();
    assert_eq!(left, 0, "entries beside the folder, or left of a refused archive");
    unpacked
}

const TAR_WORDS: [&str; 9] = ["../", "/", "tiny-bin/", "1", "2", "5", "L", "x", "77777777777\0"];

#[test]
fn archive_entries() {
    let root = folder();
    fuzz!("archive_entries", vec![archive()], &TAR_WORDS, |bytes: &[u8]| {
        unpacked(&gzipped(&with_checksums(bytes.to_vec())), root.path())
    });
}

#[test]
fn archive_compression() {
    let root = folder();
    fuzz!(
        "archive_compression",
        vec![gzipped(&archive())],
        &[],
        |bytes: &[u8]| unpacked(bytes, root.path())
    );
}
