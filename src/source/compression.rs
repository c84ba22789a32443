//! The compressions that logs lie on disk in, known by their first bytes.
//!
//! In goes a compressed stream, out comes the text; what one stream holds one after the other (members, frames) is
//! read as one. Memory is bounded whatever the stream asks for. Nothing here opens a file.

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use std::io::{self, Read};

/// A compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

/// The most memory that a stream may ask its decoder for: twice what `xz -9` needs, and what `zstd --long` does.
const MAX_DECODER_BYTES: u64 = 128 << 20;

/// [`MAX_DECODER_BYTES`] as zstd counts it.
const MAX_ZSTD_WINDOW_LOG: u32 = MAX_DECODER_BYTES.ilog2();

impl Compression {
    const ALL: [Compression; 4] = [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz];

    /// The compression of a stream that begins with `head`; `None` for plain text.
    pub(super) fn of(head: &[u8]) -> Option<Compression> {
        Compression::ALL.into_iter().find(|compression| compression.begins(head))
    }

    /// Its name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
            Compression::Xz => "xz",
        }
    }

    fn begins(self, head: &[u8]) -> bool {
        match self {
            Compression::Gzip => head.starts_with(b"\x1f\x8b"),
            Compression::Zstd => head.starts_with(b"\x28\xb5\x2f\xfd"),
            // The digit is the block size; without it a log line could begin so.
            Compression::Bzip2 => matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, ..]),
            Compression::Xz => head.starts_with(b"\xfd7zXZ\0"),
        }
    }

    /// The text of a compressed stream.
    ///
    /// # Errors
    /// When a decoder cannot be made, for want of memory.
    pub(super) fn decoder(self, packed: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Compression::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::new(packed)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
            Compression::Bzip2 => Box::new(MultiBzDecoder::new(packed)),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(MAX_DECODER_BYTES, CONCATENATED)?;
                Box::new(XzDecoder::new_stream(packed, stream))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};

    /// `text` as each compression writes it.
    fn packed(compression: Compression, text: &[u8]) -> Vec<u8> {
        match compression {
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(text, 1).unwrap(),
            Compression::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    fn unpack(packed: Vec<u8>) -> (Vec<u8>, Option<io::ErrorKind>) {
        let compression = Compression::of(&packed).unwrap();
        let mut text = Vec::new();
        let read = compression.decoder(Cursor::new(packed)).and_then(|mut decoder| decoder.read_to_end(&mut text));
        (text, read.err().map(|error| error.kind()))
    }

    #[test]
    fn streams_in_one_file_are_one_text() {
        for compression in Compression::ALL {
            let both =
                [packed(compression, b"one\n"), packed(compression, b""), packed(compression, b"two\n")].concat();
            assert_eq!(Compression::of(&both), Some(compression));
            assert_eq!(unpack(both), (b"one\ntwo\n".to_vec(), None), "{}", compression.name());
        }
    }

    #[test]
    fn a_cut_stream_gives_what_it_has_and_says_that_it_is_cut() {
        // Hard to compress, so that most of it stands before the cut.
        let text: Vec<u8> = (0..40_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for compression in Compression::ALL {
            let whole = packed(compression, &text);
            assert_eq!(unpack(whole.clone()), (text.clone(), None));
            let (read, error) = unpack(whole[..whole.len() - 5].to_vec());
            assert_eq!(error, Some(io::ErrorKind::UnexpectedEof), "{}", compression.name());
            assert!(text.starts_with(&read), "{}", compression.name());
        }
    }

    #[test]
    fn plain_text_is_no_compression() {
        for text in [&b""[..], b"BZh", b"BZhang - - [01/May/2025:00:00:00 +0000]", b"BZh9\n", b"\x1f", b"PAR1"] {
            assert_eq!(Compression::of(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_window_beyond_the_bound_is_refused() {
        // A zstd frame header with a window of 1 GiB: descriptor 0, window exponent 20.
        let (_, error) = unpack(b"\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00".to_vec());
        assert!(error.is_some());
    }
}
