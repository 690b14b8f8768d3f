use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use md5::{Digest, Md5};
use ureq::http::{Response, StatusCode, header};

use crate::DataError;
use crate::cifar::Cifar;
use crate::unpack::unpack;

/// Where the official archives lie.
pub(crate) const OFFICIAL: &str = "https://www.cs.toronto.edu/~kriz/";

/// No official archive is larger than 171 MB.
const LARGEST_ARCHIVE: u64 = 256 << 20;

/// How far a download has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is downloaded.
    pub url: &'a str,
    /// Bytes received, those of an earlier, interrupted attempt included.
    pub received: u64,
    /// Bytes of the whole file, if the server says.
    pub total: Option<u64>,
}

/// Makes sure that the files of `cifar` lie under `data_root`: nothing is done if they do; an archive lying there is
/// unpacked; else it is downloaded from below `base_url`, going on where an earlier attempt was interrupted.
///
/// Of several processes that fetch at once, one downloads and the others wait for it.
pub(crate) fn fetch(
    cifar: &Cifar,
    base_url: &str,
    data_root: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DataError> {
    if cifar.locate(data_root).is_some() {
        return Ok(());
    }
    let path = data_root.join(cifar.archive);
    if path.is_file() {
        let mut archive = File::open(&path).map_err(DataError::read(&path))?;
        verify(cifar, &mut archive, &path)?;
        return unpack(&mut archive, &path, data_root, cifar.layouts[0].folder);
    }
    fs::create_dir_all(data_root).map_err(DataError::write(data_root))?;
    let part = data_root.join(format!("{}.part", cifar.archive));
    let mut file = File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(&part)
        .map_err(DataError::write(&part))?;
    file.lock().map_err(DataError::write(&part))?;
    if cifar.locate(data_root).is_none() {
        let transfer = Transfer {
            cifar,
            data_root,
            part: &part,
            url: format!("{base_url}{}", cifar.archive),
        };
        transfer
            .run(&mut file, progress)
            .and_then(|()| verify(cifar, &mut file, &part))
            .inspect_err(|error| {
                let empty = file.metadata().is_ok_and(|part| part.len() == 0);
                if empty || matches!(error, DataError::WrongDigest { .. }) {
                    // Nothing to go on with. If it cannot be removed either, the first error is still the one to tell.
                    fs::remove_file(&part).ok();
                }
            })?;
        unpack(&mut file, &part, data_root, cifar.layouts[0].folder)?;
    }
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DataError::write(&part)(error)),
        _ => Ok(()), // gone already if another process has downloaded it
    }
}

/// One archive on its way into a partial file.
struct Transfer<'a> {
    cifar: &'a Cifar,
    data_root: &'a Path,
    part: &'a Path,
    url: String,
}

/// What the server is about to send.
struct Remainder {
    body: ureq::BodyReader<'static>,
    /// Bytes of the file that are there already.
    received: u64,
    total: Option<u64>,
}

impl Transfer<'_> {
    /// Appends to `file` what it lacks of the archive.
    fn run(&self, file: &mut File, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        match self.start(file)? {
            Some(remainder) => self.receive(remainder, file, progress),
            None => Ok(()),
        }
    }

    /// Asks for what `file` lacks; nothing if it is whole already, which its digest will show.
    fn start(&self, file: &mut File) -> Result<Option<Remainder>, DataError> {
        let received = file.metadata().map_err(DataError::read(self.part))?.len();
        let response = request(&self.url, received).map_err(|error| self.unreachable(error.to_string()))?;
        let (received, total) = match response.status() {
            StatusCode::PARTIAL_CONTENT => match content_range(&response) {
                Some((Some(start), total)) if start == received => (received, total),
                range => return Err(self.unreachable(format!("asked for bytes from {received} on, got {range:?}"))),
            },
            StatusCode::RANGE_NOT_SATISFIABLE if received > 0 => return Ok(None),
            StatusCode::OK => {
                // The first attempt, or a server without ranges, which starts again.
                file.set_len(0).map_err(DataError::write(self.part))?;
                (0, response.body().content_length())
            }
            status => return Err(self.unreachable(format!("the server answered {status}"))),
        };
        Ok(Some(Remainder {
            body: response.into_body().into_reader(),
            received,
            total,
        }))
    }

    fn receive(
        &self,
        remainder: Remainder,
        file: &mut File,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        let Remainder {
            mut body,
            mut received,
            total,
        } = remainder;
        let interrupted = |received, reason: String| DataError::Interrupted {
            url: self.url.clone(),
            received,
            total,
            reason,
        };
        let mut block = vec![0; 1 << 16];
        loop {
            progress(Progress {
                url: &self.url,
                received,
                total,
            });
            let length = body
                .read(&mut block)
                .map_err(|error| interrupted(received, error.to_string()))?;
            if length == 0 {
                break;
            }
            file.write_all(&block[..length]).map_err(DataError::write(self.part))?;
            received += length as u64;
            if received > LARGEST_ARCHIVE {
                return Ok(()); // not the official archive, as its digest will show
            }
        }
        match total {
            Some(total) if received < total => Err(interrupted(received, "the connection was closed".to_owned())),
            _ => Ok(()),
        }
    }

    fn unreachable(&self, reason: String) -> DataError {
        DataError::Unreachable {
            dataset: self.cifar.name,
            data_root: self.data_root.to_owned(),
            archive: self.cifar.archive,
            url: self.url.clone(),
            reason,
        }
    }
}

/// Asks for the file from byte `start` on.
fn request(url: &str, start: u64) -> Result<Response<ureq::Body>, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_per_read(Some(Duration::from_secs(60)))
        .build()
        .into();
    let request = agent.get(url);
    if start == 0 {
        request.call()
    } else {
        request.header(header::RANGE, format!("bytes={start}-")).call()
    }
}

/// First byte and size of the whole file from a header such as `bytes 100-199/200`.
fn content_range(response: &Response<ureq::Body>) -> Option<(Option<u64>, Option<u64>)> {
    let value = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-').and_then(|(start, _)| start.parse().ok());
    Some((start, total.parse().ok()))
}

/// Checks the MD5 of an archive and rewinds it.
fn verify(cifar: &Cifar, archive: &mut File, path: &Path) -> Result<(), DataError> {
    let mut digest = Md5::new();
    archive.rewind().map_err(DataError::read(path))?;
    io::copy(archive, &mut digest).map_err(DataError::read(path))?;
    let found = format!("{:x}", digest.finalize());
    if found != cifar.archive_md5 {
        return Err(DataError::WrongDigest {
            path: path.to_owned(),
            found,
            expected: cifar.archive_md5,
        });
    }
    archive.seek(SeekFrom::Start(0)).map_err(DataError::read(path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::{TcpListener, TcpStream};
    use std::thread::JoinHandle;

    use tar::EntryType;

    use super::*;
    use crate::cifar::tests::{TINY, tiny_files};
    use crate::unpack::tests::archive_of;

    /// What the server does with one request.
    #[derive(Clone, Copy)]
    enum Answer {
        /// Sends all that is asked for.
        Whole,
        /// Promises all that is asked for, and closes after so many bytes.
        Cut(usize),
        /// Sends everything from the beginning, whatever is asked for.
        WithoutRanges,
        NotFound,
    }

    /// Serves `file` to one request for each answer; ends with the `Range` headers that came.
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
        let files = tiny_files().map(|(name, bytes)| (format!("tiny-bin/{name}"), bytes));
        let entries = files
            .each_ref()
            .map(|(name, bytes)| (&name[..], EntryType::Regular, &bytes[..]));
        let archive = archive_of(&entries);
        let archive_md5 = format!("{:x}", Md5::digest(&archive)).leak();
        (Cifar { archive_md5, ..TINY }, archive)
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
        let root = tempfile::tempdir().unwrap();
        let data_root = root.path().join("made/on/the/way");
        let mut seen = Vec::new();
        let mut watch = |progress: Progress| seen.push((progress.url.to_owned(), progress.received, progress.total));
        fetch(&cifar, &url, &data_root, &mut watch).unwrap();
        assert_eq!(server.join().unwrap(), [None]);
        assert_eq!(seen[0], (format!("{url}tiny.tar.gz"), 0, Some(size)));
        assert_eq!(seen.last().unwrap().1, size);
        assert_eq!(names_in(&data_root), ["tiny-bin"]);
        assert_eq!(cifar.read(&data_root).unwrap().train.label_list(), [0, 1, 1, 0]);
        // The server is gone: what is there is not fetched again.
        fetch(&cifar, &url, &data_root, &mut |_| panic!("nothing to do")).unwrap();
    }

    #[test]
    fn interrupted_download_goes_on_where_it_stopped() {
        let (cifar, archive) = tiny();
        let size = archive.len();
        let (url, server) = serve(archive, vec![Answer::Cut(100), Answer::Cut(50), Answer::Whole]);
        let root = tempfile::tempdir().unwrap();
        let message = fetch(&cifar, &url, root.path(), &mut |_| {}).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("{url}tiny.tar.gz: stopped after 100 of {size} bytes (")),
            "{message}"
        );
        assert!(
            message.ends_with("; run the same command again to go on from there"),
            "{message}"
        );
        assert_eq!(fs::metadata(root.path().join("tiny.tar.gz.part")).unwrap().len(), 100);
        let message = fetch(&cifar, &url, root.path(), &mut |_| {}).unwrap_err().to_string();
        assert!(
            message.contains(&format!("stopped after 150 of {size} bytes")),
            "{message}"
        );
        fetch(&cifar, &url, root.path(), &mut |_| {}).unwrap();
        assert_eq!(server.join().unwrap(), [None, Some(100), Some(150)]);
        assert_eq!(names_in(root.path()), ["tiny-bin"]);
    }

    #[test]
    fn whole_part_file_needs_no_byte_more() {
        let (cifar, archive) = tiny();
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("tiny.tar.gz.part"), &archive).unwrap();
        let (url, server) = serve(archive.clone(), vec![Answer::Whole]);
        fetch(&cifar, &url, root.path(), &mut |_| {}).unwrap();
        assert_eq!(server.join().unwrap(), [Some(archive.len())]);
        assert_eq!(names_in(root.path()), ["tiny-bin"]);
    }

    #[test]
    fn server_without_ranges_starts_again() {
        let (cifar, archive) = tiny();
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("tiny.tar.gz.part"), b"something else").unwrap();
        let (url, server) = serve(archive, vec![Answer::WithoutRanges]);
        fetch(&cifar, &url, root.path(), &mut |_| {}).unwrap();
        assert_eq!(server.join().unwrap(), [Some(14)]);
        assert_eq!(names_in(root.path()), ["tiny-bin"]);
    }

    #[test]
    fn wrong_digest_is_named_and_not_kept() {
        let (cifar, mut archive) = tiny();
        archive[40] ^= 1;
        let found = format!("{:x}", Md5::digest(&archive));
        let (url, server) = serve(archive, vec![Answer::Whole]);
        let root = tempfile::tempdir().unwrap();
        let message = fetch(&cifar, &url, root.path(), &mut |_| {}).unwrap_err().to_string();
        server.join().unwrap();
        let part = root.path().join("tiny.tar.gz.part");
        let wanted = format!(
            "{}: MD5 is {found}, expected {}; the file is damaged",
            part.display(),
            cifar.archive_md5
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
        let nowhere = "http://127.0.0.1:1/";
        let message = fetch(&cifar, nowhere, root.path(), &mut |_| {})
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with(&format!("{}: MD5 is ", path.display())),
            "{message}"
        );
        assert!(path.exists(), "a file of the user is not deleted");
        fs::write(&path, &archive).unwrap();
        fetch(&cifar, nowhere, root.path(), &mut |_| {}).unwrap();
        assert_eq!(names_in(root.path()), ["tiny-bin", "tiny.tar.gz"]);
    }

    #[test]
    fn without_a_server_the_error_says_what_to_put_where() {
        let (cifar, _) = tiny();
        let root = tempfile::tempdir().unwrap();
        let message = fetch(&cifar, "http://127.0.0.1:1/", root.path(), &mut |_| {})
            .unwrap_err()
            .to_string();
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
    fn answer_of_the_server_is_told() {
        let (cifar, archive) = tiny();
        let (url, server) = serve(archive, vec![Answer::NotFound]);
        let root = tempfile::tempdir().unwrap();
        let message = fetch(&cifar, &url, root.path(), &mut |_| {}).unwrap_err().to_string();
        server.join().unwrap();
        assert!(message.contains("(the server answered 404 Not Found)"), "{message}");
    }

    #[test]
    fn one_of_several_fetches_downloads_and_the_others_wait() {
        let (cifar, archive) = tiny();
        let (url, server) = serve(archive, vec![Answer::Whole]); // a second request would be refused
        let root = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let fetches = [0, 1, 2].map(|_| scope.spawn(|| fetch(&cifar, &url, root.path(), &mut |_| {})));
            for fetched in fetches {
                fetched.join().unwrap().unwrap();
            }
        });
        assert_eq!(server.join().unwrap(), [None]);
        assert_eq!(names_in(root.path()), ["tiny-bin"]);
    }
}
