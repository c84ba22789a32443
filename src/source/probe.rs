//! An input opened far enough to know its compression and its first bytes.
//!
//! Reading the rest is for `lines`; what the lines mean is for the formats.

use super::compression::Compression;
use super::lines::{Chunker, MAX_LINE_BYTES, StreamChunker, without_byte_order_mark};
use crate::plan::InputName;
use memchr::{memchr, memrchr};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes at the start of an input that its format is recognised by.
pub const SAMPLE_BYTES: usize = 64 << 10;

/// An input whose first bytes are known.
pub struct Probe {
    /// The path as given, or `-`.
    pub shown: String,
    /// The compression's name; `None` for plain text.
    pub compression: Option<&'static str>,
    /// The first bytes, decompressed.
    pub sample: Vec<u8>,
    /// Why the sample ends where it does, when that is neither its size nor the input's end.
    pub broken: Option<io::Error>,
    /// Whether the sample is all there is.
    is_whole: bool,
    origin: Origin,
}

enum Origin {
    /// A plain file that can be read at any offset.
    Plain(std::path::PathBuf, u64),
    /// A compressed file, opened again when its turn comes.
    Packed(std::path::PathBuf, Compression),
    /// Bytes that come only once; the sample is part of the reader.
    Once(Box<dyn Read + Send>),
}

/// Why an input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system said no.
    #[error("{path}: cannot be read")]
    Io {
        /// The input.
        path: String,
        /// Its answer.
        source: io::Error,
    },
    /// A folder.
    #[error("{0}: is a directory; give files, or a glob such as '{0}/*.log'")]
    Directory(String),
}

impl Probe {
    /// Opens an input and reads its first bytes.
    pub fn open(name: &InputName) -> Result<Probe, OpenError> {
        let shown = name.shown();
        let failed = |source| OpenError::Io { path: shown.clone(), source };
        let (mut reader, seekable): (Box<dyn Read + Send>, _) = match name {
            InputName::Stdin => (Box::new(io::stdin()), None),
            InputName::Path(path) => {
                let file = File::open(path).map_err(failed)?;
                let metadata = file.metadata().map_err(failed)?;
                if metadata.is_dir() {
                    return Err(OpenError::Directory(shown));
                }
                // What the kernel makes up while it is read, as in /proc, is a file of no size.
                let has_size = metadata.is_file() && metadata.len() > 0;
                let seekable = has_size.then_some((path.clone(), metadata.len()));
                (Box::new(file), seekable)
            }
        };
        let (mut head, broken) = read_up_to(&mut reader, SAMPLE_BYTES);
        if let Some(error) = broken {
            return Err(failed(error));
        }
        let Some(compression) = Compression::of(&head) else {
            let (is_whole, broken) = read_past_first_line(&mut reader, &mut head);
            if let Some(error) = broken {
                return Err(failed(error));
            }
            let origin = match seekable {
                Some((path, len)) => Origin::Plain(path, len),
                None => Origin::Once(Box::new(Cursor::new(head.clone()).chain(reader))),
            };
            return Ok(Probe { shown, compression: None, sample: head, broken: None, is_whole, origin });
        };
        let mut decoder = compression.decoder(Cursor::new(head).chain(reader)).map_err(failed)?;
        let (mut sample, mut broken) = read_up_to(&mut decoder, SAMPLE_BYTES);
        let mut is_whole = false;
        if broken.is_none() {
            (is_whole, broken) = read_past_first_line(&mut decoder, &mut sample);
        }
        let origin = match seekable {
            Some((path, _)) => Origin::Packed(path, compression),
            None => Origin::Once(again(sample.clone(), broken.as_ref(), decoder)),
        };
        Ok(Probe { shown, compression: Some(compression.name()), sample, broken, is_whole, origin })
    }

    /// Whether the sample is all there is.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The complete lines of the sample; its last line too when the input ends there.
    pub fn sample_lines(&self) -> Vec<&[u8]> {
        let sample = without_byte_order_mark(&self.sample);
        let end = match memrchr(b'\n', sample) {
            _ if self.is_whole() => sample.len(),
            Some(line_end) => line_end,
            None if self.broken.is_some() => 0,
            None => sample.len(),
        };
        let lines = sample[..end].split(|byte| *byte == b'\n');
        lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty()).collect()
    }

    /// The last bytes of the input, decompressed, or of what can be read of it; only for files.
    pub fn tail(&self) -> io::Result<Option<Vec<u8>>> {
        match &self.origin {
            Origin::Plain(path, len) => {
                let start = len.saturating_sub(SAMPLE_BYTES as u64);
                let mut tail = vec![0; (len - start) as usize];
                File::open(path)?.read_exact_at(&mut tail, start)?;
                Ok(Some(tail))
            }
            Origin::Packed(path, compression) => {
                let mut reader = compression.decoder(File::open(path)?)?;
                let mut tail: Vec<u8> = Vec::new();
                loop {
                    let excess = tail.len().saturating_sub(SAMPLE_BYTES);
                    tail.drain(..excess);
                    let (more, broken) = read_up_to(&mut reader, SAMPLE_BYTES);
                    let is_last = more.is_empty() || broken.is_some();
                    tail.extend(more);
                    if broken.is_some() {
                        // Reading the input will tell; up to there it has an end, without the line that is cut.
                        tail.truncate(memrchr(b'\n', &tail).map_or(0, |line_end| line_end + 1));
                    }
                    if is_last {
                        return Ok(Some(tail));
                    }
                }
            }
            Origin::Once(_) => Ok(None),
        }
    }

    /// The file, when it is one whose bytes stand in it as they are.
    pub fn file(&self) -> Option<&Path> {
        match &self.origin {
            Origin::Plain(path, _) => Some(path),
            Origin::Packed(..) | Origin::Once(_) => None,
        }
    }

    /// Everything from the beginning, decompressed.
    pub fn into_reader(self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self.origin {
            Origin::Plain(path, _) => Box::new(File::open(path)?),
            Origin::Packed(path, compression) => compression.decoder(File::open(path)?)?,
            Origin::Once(reader) => reader,
        })
    }

    /// Starts reading from the beginning.
    pub fn into_chunker(self) -> io::Result<Chunker> {
        match self.origin {
            Origin::Once(reader) => Ok(Chunker::Stream(StreamChunker::new(reader, None))),
            Origin::Plain(..) | Origin::Packed(..) => self.chunker()?.ok_or_else(|| io::ErrorKind::NotFound.into()),
        }
    }

    /// The same, beside a later reading; only for files.
    pub fn chunker(&self) -> io::Result<Option<Chunker>> {
        Ok(match &self.origin {
            Origin::Plain(path, len) => {
                Some(Chunker::Offsets { file: Arc::new(File::open(path)?), len: *len, next: 0 })
            }
            Origin::Packed(path, compression) => {
                let (counter, read) = Counted::new(File::open(path)?);
                Some(Chunker::Stream(StreamChunker::new(compression.decoder(counter)?, Some(read))))
            }
            Origin::Once(_) => None,
        })
    }
}

/// Reads until `limit` bytes are there, the input ends or it breaks off, which is told beside the bytes.
fn read_up_to(reader: &mut dyn Read, limit: usize) -> (Vec<u8>, Option<io::Error>) {
    let mut bytes = Vec::new();
    let read = reader.take(limit as u64).read_to_end(&mut bytes);
    (bytes, read.err())
}

/// Reads on where the first line is longer than the sample, so that others can follow it, up to a line that is too long
/// to be read. Whether the input ends there, or why it breaks off.
fn read_past_first_line(reader: &mut dyn Read, sample: &mut Vec<u8>) -> (bool, Option<io::Error>) {
    let mut is_whole = sample.len() < SAMPLE_BYTES;
    let mut has_line_end = memchr(b'\n', sample).is_some();
    let mut goes_on = !is_whole && !has_line_end;
    while goes_on {
        // The bytes after the line's end are what the format is recognised by.
        goes_on = !has_line_end && sample.len() <= MAX_LINE_BYTES;
        let (more, broken) = read_up_to(reader, SAMPLE_BYTES);
        is_whole = more.len() < SAMPLE_BYTES;
        has_line_end = memchr(b'\n', &more).is_some();
        sample.extend(more);
        if broken.is_some() {
            return (false, broken);
        }
        goes_on &= !is_whole;
    }
    (is_whole, None)
}

/// What was read of a stream, and then its rest or the error that ended it.
fn again(read: Vec<u8>, broken: Option<&io::Error>, rest: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    match broken {
        // A decoder that has failed may take the rest for a new beginning.
        Some(error) => Box::new(Cursor::new(read).chain(Broken(error.kind(), error.to_string()))),
        None => Box::new(Cursor::new(read).chain(rest)),
    }
}

/// The end of a stream that broke off.
struct Broken(io::ErrorKind, String);

impl Read for Broken {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(self.0, self.1.clone()))
    }
}

/// Counts what is read through it, for progress.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Counted {
    fn new(file: File) -> (io::BufReader<Counted>, Arc<AtomicU64>) {
        const COMPRESSED_BUFFER_BYTES: usize = 128 << 10;
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted { file, read: Arc::clone(&read) };
        (io::BufReader::with_capacity(COMPRESSED_BUFFER_BYTES, counted), read)
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn probe(content: &[u8]) -> Probe {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        Probe::open(&InputName::Path(file.path().to_owned())).unwrap()
    }

    #[test]
    fn a_broken_start_keeps_its_whole_lines_and_tells_the_error() {
        let content = packed(b"one\ntwo\n");
        let whole = probe(&content);
        assert!(whole.is_whole() && whole.sample_lines() == [b"one", b"two"]);
        let cut = probe(&content[..content.len() - 10]);
        assert_eq!(cut.broken.as_ref().unwrap().kind(), io::ErrorKind::UnexpectedEof);
        assert!(!cut.is_whole() && cut.sample_lines() == [b"one"]);
        let nothing = probe(&content[..12]);
        assert!(nothing.broken.is_some() && nothing.sample_lines().is_empty());
    }

    #[test]
    fn a_long_first_line_is_followed_by_others() {
        let check = |first: usize, others: usize, lines: usize, is_whole: bool| {
            let mut content = vec![b'x'; first];
            content.extend(b"\ntwo\nthree\n".repeat(others));
            for probe in [probe(&content), probe(&packed(&content))] {
                assert_eq!((probe.sample_lines().len(), probe.is_whole()), (lines, is_whole), "{first} {others}");
                assert_eq!(probe.sample_lines()[0].len(), first.min(probe.sample.len()));
            }
        };
        check(SAMPLE_BYTES - 1, 1, 1, false);
        check(SAMPLE_BYTES, 1, 3, true);
        check(3 * SAMPLE_BYTES + 5, 1, 3, true);
        check(MAX_LINE_BYTES, 1, 3, true);
        // Two more pieces of 64 KiB hold 11,915 repetitions of 11 bytes, and the first line of another.
        check(SAMPLE_BYTES, 100_000, 1 + 2 * 11_915 + 1, false);
        // Longer than any line that is read.
        check(MAX_LINE_BYTES + 2 * SAMPLE_BYTES, 1, 1, false);
    }

    #[test]
    fn what_was_read_of_a_pipe_comes_again_before_its_error() {
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, "cut");
        let mut bytes = Vec::new();
        let read = again(b"one".to_vec(), Some(&error), io::empty()).read_to_end(&mut bytes);
        assert_eq!((&bytes[..], read.unwrap_err().kind()), (&b"one"[..], io::ErrorKind::UnexpectedEof));
        bytes.clear();
        assert_eq!(again(b"one".to_vec(), None, &b" two"[..]).read_to_end(&mut bytes).unwrap(), 7);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_without_a_size_is_read_as_a_stream() {
        let probe = Probe::open(&InputName::Path("/proc/self/status".into())).unwrap();
        assert!(probe.sample.starts_with(b"Name:"));
        assert!(matches!(probe.origin, Origin::Once(_)));
    }
}
