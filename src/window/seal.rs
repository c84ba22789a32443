//! The seal of a Parquet table: the SHA-256 of its bytes, kept in its own footer.
//!
//! What reads Parquet trusts the lengths that stand in it, and some damage makes it ask for more memory than there is,
//! which ends the process. So a table that bears a seal is read only when every byte is as it was written. Tables that
//! other tools wrote bear none. A seal tells damage, not forgery.

use crate::usage::state::hex;
use sha2::{Digest, Sha256};
use std::io::{self, Read};

/// The seal's key in the metadata of the file.
const KEY: &str = "learn.sha256";

/// What stands between the key and its value, in Thrift's compact protocol: the type of the field, and its length.
const BEFORE_VALUE: [u8; 2] = [0x18, DIGITS as u8];

/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// Bytes at the end of a file that the seal stands in: behind it come the schema and the writer's name.
pub(crate) const TAIL_BYTES: u64 = 64 << 10;

/// The key and the value of a seal that is not set yet.
pub(crate) fn unset() -> (String, String) {
    (KEY.to_owned(), "0".repeat(DIGITS))
}

/// Sets the seal of a whole file; one without the key stays as it is.
///
/// # Errors
/// None in practice: memory can be read.
pub(crate) fn set(file: &mut [u8]) -> io::Result<()> {
    let Some(at) = value_at(file) else { return Ok(()) };
    let digits = digits(&file[..], at as u64)?;
    file[at..at + DIGITS].copy_from_slice(digits.as_bytes());
    Ok(())
}

/// What a seal says, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    at: u64,
    value: Vec<u8>,
}

impl Seal {
    /// The seal in the last bytes of a file of `len` bytes.
    pub(crate) fn find(tail: &[u8], len: u64) -> Option<Seal> {
        let at = value_at(tail)?;
        let before = len.saturating_sub(tail.len() as u64);
        Some(Seal { at: before + at as u64, value: tail[at..at + DIGITS].to_vec() })
    }

    /// Whether the file is the one that was sealed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn holds(&self, file: impl Read) -> io::Result<bool> {
        Ok(digits(file, self.at)?.as_bytes() == self.value)
    }
}

/// Where the value of the last seal begins. Routes that look like one may stand before it, among the statistics.
fn value_at(bytes: &[u8]) -> Option<usize> {
    let before = [KEY.as_bytes(), &BEFORE_VALUE].concat();
    let at = memchr::memmem::rfind(bytes, &before)? + before.len();
    (at + DIGITS <= bytes.len()).then_some(at)
}

/// The SHA-256 of a file without the digits at `at`.
fn digits(mut file: impl Read, at: u64) -> io::Result<String> {
    let mut hasher = Sha256::new();
    add(&mut hasher, file.by_ref().take(at))?;
    io::copy(&mut file.by_ref().take(DIGITS as u64), &mut io::sink())?;
    add(&mut hasher, file)?;
    Ok(hex(&hasher.finalize()))
}

fn add(hasher: &mut Sha256, mut bytes: impl Read) -> io::Result<()> {
    const BUFFER_BYTES: usize = 64 << 10;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match bytes.read(&mut buffer)? {
            0 => return Ok(()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Vec<u8> {
        let (key, value) = unset();
        let mut file = [b"data ", key.as_bytes(), &BEFORE_VALUE, value.as_bytes(), b" rest"].concat();
        set(&mut file).unwrap();
        file
    }

    #[test]
    fn a_seal_is_the_digest_of_everything_else() {
        let file = sealed();
        // printf 'data learn.sha256\x18@ rest' | sha256sum
        let expected = "6004d87a1d82b65d218e3ec62d422f5c83880481143754b88c69a285c56e4021";
        assert_eq!(std::str::from_utf8(&file[19..19 + DIGITS]).unwrap(), expected);
        let seal = Seal::find(&file, file.len() as u64).unwrap();
        assert_eq!(Seal::find(&file[3..], file.len() as u64), Some(seal.clone()));
        assert!(seal.holds(&file[..]).unwrap());
    }

    #[test]
    fn any_other_byte_breaks_it() {
        let file = sealed();
        let key = 5..19;
        for at in (0..file.len()).filter(|at| !key.contains(at)) {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            let seal = Seal::find(&damaged, damaged.len() as u64).unwrap();
            assert!(!seal.holds(&damaged[..]).unwrap(), "{at}");
        }
        for len in 0..19 + DIGITS {
            assert_eq!(Seal::find(&file[..len], len as u64), None);
        }
        let seal = Seal::find(&file, file.len() as u64).unwrap();
        assert!(!seal.holds(&file[..file.len() - 1]).unwrap());
    }

    #[test]
    fn the_last_one_counts() {
        let mut file = [sealed(), sealed()].concat();
        set(&mut file).unwrap();
        let seal = Seal::find(&file, file.len() as u64).unwrap();
        assert_eq!(seal.at as usize, sealed().len() + 19);
        assert!(seal.holds(&file[..]).unwrap());
    }
}
