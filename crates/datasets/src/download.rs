use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use md5::{Digest, Md5};
use ureq::http::{Response, StatusCode, header};

use crate::DataError;
use crate::unpack::unpack;

/// No official archive is larger than 171 MB.
const LARGEST_ARCHIVE: u64 = 256 << 20;

/// How far a download has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownloadProgress<'a> {
    /// What is downloaded.
    pub url: &'a str,
    /// Bytes received, including those of an earlier, interrupted attempt.
    pub received: u64,
    /// Bytes of the whole file, if the server states them.
    pub total: Option<u64>,
}

/// The archive of a published data set.
pub(crate) struct Archive {
    /// File name.
    pub(crate) name: &'static str,
    /// MD5 of the file, in lowercase hexadecimal.
    pub(crate) md5: &'static str,
    /// The folder that contains all its entries.
    pub(crate) folder: &'static str,
    /// Where the file is downloaded from.
    pub(crate) url: &'static str,
}

impl Archive {
    /// Checks the file at `path` and unpacks it below `data_root`.
    pub(crate) fn unpack_from(&self, path: &Path, data_root: &Path) -> Result<(), DataError> {
        let mut file = File::open(path).map_err(DataError::read(path))?;
        self.verify(&mut file, path)?;
        unpack(&mut file, path, data_root, self.folder)
    }

    /// Checks the MD5 of `file` and rewinds it.
    fn verify(&self, file: &mut File, path: &Path) -> Result<(), DataError> {
        let mut digest = Md5::new();
        file.rewind().map_err(DataError::read(path))?;
        io::copy(file, &mut digest).map_err(DataError::read(path))?;
        let found = format!("{:x}", digest.finalize());
        if found != self.md5 {
            return Err(DataError::WrongDigest {
                path: path.to_owned(),
                found,
                expected: self.md5,
            });
        }
        file.rewind().map_err(DataError::read(path))
    }
}

/// Downloads the `archive` of `dataset` and unpacks it below `data_root`, resuming an interrupted attempt.
///
/// If several processes fetch at once, one downloads; the others wait, and then find that the data set `is_there`.
pub(crate) fn fetch(
    dataset: &'static str,
    archive: &Archive,
    data_root: &Path,
    is_there: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(DownloadProgress),
) -> Result<(), DataError> {
    fs::create_dir_all(data_root).map_err(DataError::write(data_root))?;
    let part = data_root.join(format!("{}.part", archive.name));
    let mut file = File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(&part)
        .map_err(DataError::write(&part))?;
    file.lock().map_err(DataError::write(&part))?;
    if !is_there() {
        let transfer = Transfer {
            dataset,
            archive,
            data_root,
            part: &part,
        };
        transfer
            .run(&mut file, progress)
            .and_then(|()| archive.verify(&mut file, &part))
            .inspect_err(|error| {
                let empty = file.metadata().is_ok_and(|part| part.len() == 0);
                if empty || matches!(error, DataError::WrongDigest { .. }) {
                    // It is useless for resuming. If it cannot be removed either, the first error is still the one to
                    // report.
                    fs::remove_file(&part).ok();
                }
            })?;
        unpack(&mut file, &part, data_root, archive.folder)?;
    }
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DataError::write(&part)(error)),
        _ => Ok(()), // gone already if another process has downloaded it
    }
}

/// One archive on its way into a partial file.
struct Transfer<'a> {
    dataset: &'static str,
    archive: &'a Archive,
    data_root: &'a Path,
    part: &'a Path,
}

/// What the server is about to send.
struct Remainder {
    body: ureq::BodyReader<'static>,
    /// Bytes of the file received earlier.
    received: u64,
    total: Option<u64>,
}

impl Transfer<'_> {
    /// Appends the missing rest of the archive to `file`.
    fn run(&self, file: &mut File, progress: &mut dyn FnMut(DownloadProgress)) -> Result<(), DataError> {
        match self.start(file)? {
            Some(remainder) => self.receive(remainder, file, progress),
            None => Ok(()),
        }
    }

    /// Requests the bytes that `file` lacks; `None` if it is complete, which its digest will show.
    fn start(&self, file: &mut File) -> Result<Option<Remainder>, DataError> {
        let received = file.metadata().map_err(DataError::read(self.part))?.len();
        let response = request(self.archive.url, received).map_err(|error| self.unreachable(error.to_string()))?;
        let (received, total) = match response.status() {
            StatusCode::PARTIAL_CONTENT => match content_range(&response) {
                Some((Some(start), total)) if start == received => (received, total),
                range => return Err(self.unreachable(format!("asked for bytes from {received} on, got {range:?}"))),
            },
            StatusCode::RANGE_NOT_SATISFIABLE if received > 0 => return Ok(None),
            StatusCode::OK => {
                // The first attempt, or a server without ranges, which sends the file from the beginning.
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
        progress: &mut dyn FnMut(DownloadProgress),
    ) -> Result<(), DataError> {
        let Remainder {
            mut body,
            mut received,
            total,
        } = remainder;
        let interrupted = |received, reason: String| DataError::Interrupted {
            url: self.archive.url.to_owned(),
            received,
            total,
            reason,
        };
        let mut block = vec![0; 1 << 16];
        loop {
            progress(DownloadProgress {
                url: self.archive.url,
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
            dataset: self.dataset,
            data_root: self.data_root.to_owned(),
            archive: self.archive.name,
            url: self.archive.url.to_owned(),
            reason,
        }
    }
}

/// Requests the file from byte `start` on.
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

#[cfg(test)]
mod tests;
