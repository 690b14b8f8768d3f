use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use tar::EntryType;

use super::*;
use crate::cifar::tests::{tiny_files, tiny_pickles};
use crate::cifar::{Cifar, TINY};
use crate::unpack::tests::archive_of;

/// What the server does with one request.
#[derive(Clone, Copy)]
enum Answer {
    /// Sends everything requested.
    Whole,
    /// Announces everything requested, and closes after this many bytes.
    Cut(usize),
    /// Sends the file from the beginning, whatever is requested.
    WithoutRanges,
    NotFound,
}

/// Serves `file` to one request for each answer; returns the `Range` headers received.
fn serve(file: Vec<u8>, answers: Vec<Answer>) -> (String, JoinHandle<Vec<Option<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let respond = move |answer| {
        let (mut stream, _) = listener.accept().unwrap();
        let start = range_asked_for(&stream);
        stream.write_all(&response(&file, start, answer)).unwrap();
        start
    };
    (
        url,
        std::thread::spawn(move || answers.into_iter().map(respond).collect()),
    )
}

fn range_asked_for(stream: &TcpStream) -> Option<usize> {
    let lines = BufReader::new(stream).lines().map(|line| line.unwrap().to_lowercase());
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let range = head.iter().find_map(|line| line.strip_prefix("range: bytes="))?;
    Some(range.trim_end_matches('-').parse().unwrap())
}

fn response(file: &[u8], start: Option<usize>, answer: Answer) -> Vec<u8> {
    let (start, cut) = match (answer, start) {
        (Answer::NotFound, _) => return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        (Answer::WithoutRanges, _) => (None, file.len()),
        (Answer::Whole, start) => (start, file.len()),
        (Answer::Cut(length), start) => (start, length),
    };
    let size = file.len();
    if start == Some(size) {
        let head = format!("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{size}\r\n");
        return [head.as_bytes(), b"Content-Length: 0\r\n\r\n"].concat();
    }
    let from = start.unwrap_or(0);
    let body = &file[from..];
    let head = match start {
        None => format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"),
        Some(start) => format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{size}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            size - 1,
            body.len()
        ),
    };
    [head.as_bytes(), &body[..cut.min(body.len())]].concat()
}

/// The archive of the tiny data set, and the data set with its digest.
fn tiny() -> (Cifar, Vec<u8>) {
    tiny_of(0, &tiny_files())
}

/// The archive of one of its layouts, with these files.
fn tiny_of(layout: usize, files: &[(&str, Vec<u8>)]) -> (Cifar, Vec<u8>) {
    let mut cifar = TINY;
    let folder = cifar.layouts[layout].archive.folder;
    let files: Vec<(String, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (format!("{folder}/{name}"), &bytes[..]))
        .collect();
    let entries: Vec<(&str, EntryType, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (&name[..], EntryType::Regular, *bytes))
        .collect();
    let archive = archive_of(&entries);
    cifar.layouts[layout].archive.md5 = format!("{:x}", Md5::digest(&archive)).leak();
    (cifar, archive)
}

/// The same data set with its archive below `base_url`.
fn at(base_url: &str, mut cifar: Cifar) -> Cifar {
    let archive = &mut cifar.layouts[0].archive;
    archive.url = format!("{base_url}{}", archive.name).leak();
    cifar
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn archive_is_fetched_and_unpacked_with_its_progress() {
    let (cifar, archive) = tiny();
    let size = archive.len() as u64;
    let (url, server) = serve(archive, vec![Answer::Whole]);
    let cifar = at(&url, cifar);
    let root = tempfile::tempdir().unwrap();
    let data_root = root.path().join("made/on/the/way");
    let mut seen = Vec::new();
    let mut watch =
        |progress: DownloadProgress| seen.push((progress.url.to_owned(), progress.received, progress.total));
    cifar.fetch(&data_root, &mut watch).unwrap();
    assert_eq!(server.join().unwrap(), [None]);
    assert_eq!(seen[0], (format!("{url}tiny.tar.gz"), 0, Some(size)));
    assert_eq!(seen.last().unwrap().1, size);
    assert_eq!(names_in(&data_root), ["tiny-bin"]);
    assert_eq!(cifar.read(&data_root).unwrap().train.label_list(), [0, 1, 1, 0]);
    // The server is gone: what is there is not fetched again.
    cifar.fetch(&data_root, &mut |_| panic!("nothing to do")).unwrap();
}

#[test]
fn interrupted_download_goes_on_where_it_stopped() {
    let (cifar, archive) = tiny();
    let size = archive.len();
    let (url, server) = serve(archive, vec![Answer::Cut(100), Answer::Cut(50), Answer::Whole]);
    let cifar = at(&url, cifar);
    let root = tempfile::tempdir().unwrap();
    let message = cifar.fetch(root.path(), &mut |_| {}).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("{url}tiny.tar.gz: stopped after 100 of {size} bytes (")),
        "{message}"
    );
    assert!(
        message.ends_with("; run the same command again to go on from there"),
        "{message}"
    );
    assert_eq!(fs::metadata(root.path().join("tiny.tar.gz.part")).unwrap().len(), 100);
    let message = cifar.fetch(root.path(), &mut |_| {}).unwrap_err().to_string();
    assert!(
        message.contains(&format!("stopped after 150 of {size} bytes")),
        "{message}"
    );
    cifar.fetch(root.path(), &mut |_| {}).unwrap();
    assert_eq!(server.join().unwrap(), [None, Some(100), Some(150)]);
    assert_eq!(names_in(root.path()), ["tiny-bin"]);
}

#[test]
fn complete_part_file_is_not_downloaded_again() {
    let (cifar, archive) = tiny();
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("tiny.tar.gz.part"), &archive).unwrap();
    let (url, server) = serve(archive.clone(), vec![Answer::Whole]);
    let cifar = at(&url, cifar);
    cifar.fetch(root.path(), &mut |_| {}).unwrap();
    assert_eq!(server.join().unwrap(), [Some(archive.len())]);
    assert_eq!(names_in(root.path()), ["tiny-bin"]);
}

#[test]
fn server_without_ranges_starts_again() {
    let (cifar, archive) = tiny();
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("tiny.tar.gz.part"), b"something else").unwrap();
    let (url, server) = serve(archive, vec![Answer::WithoutRanges]);
    let cifar = at(&url, cifar);
    cifar.fetch(root.path(), &mut |_| {}).unwrap();
    assert_eq!(server.join().unwrap(), [Some(14)]);
    assert_eq!(names_in(root.path()), ["tiny-bin"]);
}

#[test]
fn wrong_digest_is_named_and_not_kept() {
    let (cifar, mut archive) = tiny();
    archive[40] ^= 1;
    let found = format!("{:x}", Md5::digest(&archive));
    let (url, server) = serve(archive, vec![Answer::Whole]);
    let cifar = at(&url, cifar);
    let root = tempfile::tempdir().unwrap();
    let message = cifar.fetch(root.path(), &mut |_| {}).unwrap_err().to_string();
    server.join().unwrap();
    let part = root.path().join("tiny.tar.gz.part");
    let wanted = format!(
        "{}: MD5 is {found}, expected {}; the file is damaged",
        part.display(),
        cifar.layouts[0].archive.md5
    );
    assert!(message.starts_with(&wanted), "{message}");
    assert_eq!(names_in(root.path()), Vec::<String>::new());
}

#[test]
fn archive_put_there_by_hand_is_checked_unpacked_and_kept() {
    let (cifar, archive) = tiny();
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("tiny.tar.gz");
    fs::write(&path, &archive[1..]).unwrap();
    let message = cifar.fetch(root.path(), &mut |_| {}).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("{}: MD5 is ", path.display())),
        "{message}"
    );
    assert!(path.exists(), "a file of the user is not deleted");
    fs::write(&path, &archive).unwrap();
    cifar.fetch(root.path(), &mut |_| {}).unwrap();
    assert_eq!(names_in(root.path()), ["tiny-bin", "tiny.tar.gz"]);
}

#[test]
fn an_archive_of_pickles_put_there_by_hand_is_used_as_well() {
    let (cifar, archive) = tiny_of(1, &tiny_pickles());
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("tiny-python.tar.gz");
    fs::write(&path, &archive[1..]).unwrap();
    let message = cifar.fetch(root.path(), &mut |_| {}).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("{}: MD5 is ", path.display())),
        "{message}"
    );
    fs::write(&path, &archive).unwrap();
    cifar.fetch(root.path(), &mut |_| {}).unwrap();
    assert_eq!(names_in(root.path()), ["tiny-py", "tiny-python.tar.gz"]);
    assert_eq!(cifar.read(root.path()).unwrap().train.label_list(), [0, 1, 1, 0]);
}

#[test]
fn a_file_in_place_of_the_folder_is_named_with_the_folder_it_lies_in() {
    let (cifar, archive) = tiny();
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("tiny.tar.gz");
    fs::write(&path, archive).unwrap();
    let message = cifar.fetch(&path, &mut |_| {}).unwrap_err().to_string();
    let expected = format!(
        "{}: a file, not a folder; name the folder that has the data set, such as {}, with `--data` or LONGTAIL_DATA",
        path.display(),
        root.path().display()
    );
    assert_eq!(message, expected);
}

#[test]
fn without_a_server_the_error_says_what_to_put_where() {
    let (cifar, _) = tiny();
    let root = tempfile::tempdir().unwrap();
    let message = cifar.fetch(root.path(), &mut |_| {}).unwrap_err().to_string();
    let folder = root.path().display();
    let start = format!("tiny: no files in {folder} and cannot download http://127.0.0.1:1/tiny.tar.gz (");
    assert!(message.starts_with(&start), "{message}");
    let end = format!(
        "); fetch that file on a machine with internet access and put it at {folder}/tiny.tar.gz, or name the folder \
         that has the data set with `--data` or LONGTAIL_DATA"
    );
    assert!(message.ends_with(&end), "{message}");
    assert_eq!(names_in(root.path()), Vec::<String>::new(), "nothing is left behind");
}

#[test]
fn answer_of_the_server_is_reported() {
    let (cifar, archive) = tiny();
    let (url, server) = serve(archive, vec![Answer::NotFound]);
    let cifar = at(&url, cifar);
    let root = tempfile::tempdir().unwrap();
    let message = cifar.fetch(root.path(), &mut |_| {}).unwrap_err().to_string();
    server.join().unwrap();
    assert!(message.contains("(the server answered 404 Not Found)"), "{message}");
}

#[test]
fn one_of_several_fetches_downloads_and_the_others_wait() {
    let (cifar, archive) = tiny();
    let (url, server) = serve(archive, vec![Answer::Whole]); // a second request would be refused
    let cifar = at(&url, cifar);
    let root = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let fetches = [0, 1, 2].map(|_| scope.spawn(|| cifar.fetch(root.path(), &mut |_| {})));
        for fetched in fetches {
            fetched.join().unwrap().unwrap();
        }
    });
    assert_eq!(server.join().unwrap(), [None]);
    assert_eq!(names_in(root.path()), ["tiny-bin"]);
}
