//! An input opened far enough to know its compression and its first bytes.
//!
//! Reading the rest is for `lines`; what the lines mean is for the formats.

use super::lines::{Chunker, StreamChunker};
use crate::plan::InputName;
use flate2::read::MultiGzDecoder;
use memchr::memrchr;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes at the start of an input that its format is recognised by.
pub const SAMPLE_BYTES: usize = 64 << 10;

/// Compressions that are recognised but not read yet, with the command that unpacks them.
const UNSUPPORTED: [(&[u8], &str, &str); 3] =
    [(b"\x28\xb5\x2f\xfd", "zstd", "zstd -dc"), (b"BZh", "bzip2", "bzip2 -dc"), (b"\xfd7zXZ\0", "xz", "xz -dc")];

const GZIP_MAGIC: &[u8] = b"\x1f\x8b";

/// An input whose first bytes are known.
pub struct Probe {
    /// The path as given, or `-`.
    pub shown: String,
    /// `gzip`, or `None` for plain text.
    pub compression: Option<&'static str>,
    /// The first bytes, decompressed.
    pub sample: Vec<u8>,
    origin: Origin,
}

enum Origin {
    /// A plain file that can be read at any offset.
    Plain(std::path::PathBuf, u64),
    /// A compressed file, opened again when its turn comes.
    Gzip(std::path::PathBuf),
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
    /// A compression that is not read.
    #[error("{path}: {name} compression is not read yet; unpack it first: {command} {path} | learn replay -")]
    Compression {
        /// The input.
        path: String,
        /// Its compression.
        name: &'static str,
        /// What unpacks it.
        command: &'static str,
    },
}

impl Probe {
    /// Opens an input and reads its first bytes.
    pub fn open(name: &InputName) -> Result<Probe, OpenError> {
        let shown = match name {
            InputName::Stdin => "-".to_owned(),
            InputName::Path(path) => path.display().to_string(),
        };
        let failed = |source| OpenError::Io { path: shown.clone(), source };
        let (mut reader, seekable): (Box<dyn Read + Send>, _) = match name {
            InputName::Stdin => (Box::new(io::stdin()), None),
            InputName::Path(path) => {
                let file = File::open(path).map_err(failed)?;
                let metadata = file.metadata().map_err(failed)?;
                if metadata.is_dir() {
                    return Err(OpenError::Directory(shown));
                }
                let seekable = metadata.is_file().then_some((path.clone(), metadata.len()));
                (Box::new(file), seekable)
            }
        };
        let head = read_up_to(&mut reader, SAMPLE_BYTES).map_err(failed)?;
        if let Some((_, name, command)) = UNSUPPORTED.iter().find(|(magic, ..)| head.starts_with(magic)) {
            return Err(OpenError::Compression { path: shown, name, command });
        }
        let is_gzip = head.starts_with(GZIP_MAGIC);
        let whole = Cursor::new(head.clone()).chain(reader);
        let (sample, origin) = match (seekable, is_gzip) {
            (Some((path, len)), false) => (head, Origin::Plain(path, len)),
            // A broken start shows as an error when the file's turn comes.
            (Some((path, _)), true) => {
                (read_up_to(&mut MultiGzDecoder::new(whole), SAMPLE_BYTES).unwrap_or_default(), Origin::Gzip(path))
            }
            (None, false) => (head, Origin::Once(Box::new(whole))),
            (None, true) => {
                let mut decoder = MultiGzDecoder::new(whole);
                let sample = read_up_to(&mut decoder, SAMPLE_BYTES).unwrap_or_default();
                (sample.clone(), Origin::Once(Box::new(Cursor::new(sample).chain(decoder))))
            }
        };
        Ok(Probe { shown, compression: is_gzip.then_some("gzip"), sample, origin })
    }

    /// The complete lines of the sample; its last line too when the input ends there.
    pub fn sample_lines(&self) -> Vec<&[u8]> {
        let sample = self.sample.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.sample);
        let is_whole = self.sample.len() < SAMPLE_BYTES;
        let end = if is_whole { sample.len() } else { memrchr(b'\n', sample).unwrap_or(sample.len()) };
        let lines = sample[..end].split(|byte| *byte == b'\n');
        lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty()).collect()
    }

    /// The last bytes of the input, decompressed; only for files.
    pub fn tail(&self) -> io::Result<Option<Vec<u8>>> {
        match &self.origin {
            Origin::Plain(path, len) => {
                let start = len.saturating_sub(SAMPLE_BYTES as u64);
                let mut tail = vec![0; (len - start) as usize];
                File::open(path)?.read_exact_at(&mut tail, start)?;
                Ok(Some(tail))
            }
            Origin::Gzip(path) => {
                let mut reader = MultiGzDecoder::new(File::open(path)?);
                let mut tail: Vec<u8> = Vec::new();
                loop {
                    let excess = tail.len().saturating_sub(SAMPLE_BYTES);
                    tail.drain(..excess);
                    let more = read_up_to(&mut reader, SAMPLE_BYTES)?;
                    if more.is_empty() {
                        return Ok(Some(tail));
                    }
                    tail.extend(more);
                }
            }
            Origin::Once(_) => Ok(None),
        }
    }

    /// Starts reading from the beginning.
    pub fn into_chunker(self) -> io::Result<Chunker> {
        Ok(match self.origin {
            Origin::Plain(path, len) => Chunker::Offsets { file: Arc::new(File::open(path)?), len, next: 0 },
            Origin::Gzip(path) => {
                let (counter, read) = Counted::new(File::open(path)?);
                Chunker::Stream(StreamChunker::new(Box::new(MultiGzDecoder::new(counter)), Some(read)))
            }
            Origin::Once(reader) => Chunker::Stream(StreamChunker::new(reader, None)),
        })
    }
}

/// Reads until `limit` bytes are there or the input ends.
fn read_up_to(reader: &mut dyn Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
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
