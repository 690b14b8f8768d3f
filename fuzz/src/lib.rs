//! Damaged files: sound ones with a few edits, and the bounds that a parser of them has to keep.
//!
//! Random bytes end at a parser's first check. So every case begins with a sound file, and does to it what disks, downloads, editors
//! and enemies do: bits, bytes and numbers changed, words of the format put in, parts removed, repeated, or taken from another file.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use bolero::TypeGenerator;
use cap::Cap;
use rustix::time::{ClockId, clock_gettime};

/// Counts what is allocated. Tensors are not in it: libtorch has an allocator of its own.
#[global_allocator]
static ALLOCATOR: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

/// Memory that a parser may take whatever the input, in bytes.
const FREE: usize = 8 << 20;
/// Bytes that it may take for each of the input's: deflate makes 1032 of one, and a growing vector takes them twice.
const PER_BYTE: usize = 4096;
/// Processor time that it may take.
const SECONDS: f64 = 1.0;

/// A sound file and what happens to it.
#[derive(Clone, Debug, TypeGenerator)]
pub struct Case {
    file: u8,
    #[generator(Vec::<Edit>::produce().with().len(1_usize..5))]
    edits: Vec<Edit>,
}

/// What happens to a file; places and lengths are taken modulo its length.
#[derive(Clone, Debug, TypeGenerator)]
enum Edit {
    Flip { at: u16, bit: u8 },
    Set { at: u16, byte: u8 },
    Number { at: u16, width: u8, number: Number },
    Insert { at: u16, bytes: [u8; 4], length: u8 },
    Word { at: u16, word: u8, removed: u8 },
    Digits { at: u16, number: Number },
    Remove { at: u16, length: u8 },
    Repeat { at: u16, length: u8, times: u16 },
    Move { from: u16, to: u16, length: u8 },
    Splice { at: u16, file: u8, from: u16 },
    Cut { at: u16 },
}

/// Numbers at the edges of what types and files hold.
#[derive(Clone, Copy, Debug, TypeGenerator)]
enum Number {
    Small(u8),
    PowerOfTwo { exponent: u8, less: bool },
    Negative(u8),
    Any(u64),
}

impl Number {
    fn value(self) -> u64 {
        match self {
            Number::Small(number) => number.into(),
            Number::PowerOfTwo { exponent, less } => (1_u64 << (exponent % 64)).wrapping_sub(less.into()),
            Number::Negative(number) => u64::MAX - u64::from(number),
            Number::Any(number) => number,
        }
    }
}

impl Case {
    /// The damaged file, out of sound `files` and `words` of their format.
    pub fn bytes(&self, files: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
        let file = |number: u8| &files[usize::from(number) % files.len()];
        let mut bytes = file(self.file).clone();
        for edit in &self.edits {
            let place = |at: u16| usize::from(at) % (bytes.len() + 1);
            let span = |at: u16, length: u8| place(at)..bytes.len().min(place(at) + usize::from(length));
            match *edit {
                Edit::Flip { at, bit } => bytes
                    .iter_mut()
                    .skip(at.into())
                    .take(1)
                    .for_each(|byte| *byte ^= 1 << (bit % 8)),
                Edit::Set { at, byte } => {
                    let span = span(at, 1);
                    bytes[span].fill(byte);
                }
                Edit::Number { at, width, number } => {
                    let number = &number.value().to_le_bytes()[..1 << (width % 4)];
                    let span = span(at, number.len() as u8);
                    bytes.splice(span, number.iter().copied());
                }
                Edit::Insert {
                    at,
                    bytes: inserted,
                    length,
                } => {
                    let at = place(at);
                    bytes.splice(at..at, inserted.into_iter().take(usize::from(length % 5)));
                }
                Edit::Word { at, word, removed } if !words.is_empty() => {
                    let span = span(at, removed % 32);
                    bytes.splice(span, words[usize::from(word) % words.len()].bytes());
                }
                Edit::Word { .. } => {}
                Edit::Digits { at, number } => {
                    let is_digit = |&at: &usize| bytes[at].is_ascii_digit();
                    let start = (place(at)..bytes.len()).find(is_digit).unwrap_or(bytes.len());
                    let end = (start..bytes.len()).find(|at| !is_digit(at)).unwrap_or(bytes.len());
                    bytes.splice(start..end, number.value().to_string().bytes());
                }
                Edit::Remove { at, length } => {
                    let span = span(at, length);
                    bytes.drain(span);
                }
                Edit::Repeat { at, length, times } => {
                    let span = span(at, length);
                    let part = bytes[span.clone()].repeat(usize::from(times % 512));
                    bytes.splice(span.end..span.end, part);
                }
                Edit::Move { from, to, length } => {
                    let part: Vec<u8> = bytes[span(from, length)].to_vec();
                    let span = span(to, length);
                    bytes.splice(span, part);
                }
                Edit::Splice { at, file: other, from } => {
                    let (at, other) = (place(at), file(other));
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[usize::from(from) % (other.len() + 1)..]);
                }
                Edit::Cut { at } => {
                    let at = place(at);
                    bytes.truncate(at);
                }
            }
        }
        bytes
    }
}

/// How many files a target has parsed, and how many of them it took for sound ones.
#[derive(Debug)]
pub struct Parser<'a> {
    name: &'a str,
    files: AtomicU64,
    accepted: AtomicU64,
    started: f64,
}

impl<'a> Parser<'a> {
    /// Of the parser `name`.
    pub fn new(name: &'a str) -> Parser<'a> {
        Parser {
            name,
            files: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            started: seconds(),
        }
    }

    /// Parses a file of `length` bytes.
    ///
    /// # Panics
    /// If `parse` does, or takes more time or memory than such a file is worth.
    pub fn run<T, E: ToString>(&self, length: usize, parse: impl FnOnce() -> Result<T, E>) {
        let (allocated, started) = (ALLOCATOR.total_allocated(), seconds());
        let parsed = AssertUnwindSafe(parse).0().map_err(|error| error.to_string());
        let (allocated, took) = (ALLOCATOR.total_allocated() - allocated, seconds() - started);
        assert!(took < SECONDS, "{took} s for {length} bytes");
        assert!(
            allocated < FREE + PER_BYTE * length,
            "{allocated} bytes of memory for {length} bytes"
        );
        self.files.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(parsed.is_ok().into(), Ordering::Relaxed);
    }
}

impl Drop for Parser<'_> {
    fn drop(&mut self) {
        eprintln!(
            "{}: {} files, {} of them sound, {:.0} s of processor time, at most {} KiB of memory at a time",
            self.name,
            self.files.load(Ordering::Relaxed),
            self.accepted.load(Ordering::Relaxed),
            seconds() - self.started,
            ALLOCATOR.max_allocated() >> 10
        );
    }
}

/// Processor time of this process.
fn seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
