//! Numbers as bytes, little-endian, and back; what is missing or too much is an error, never a panic.

/// Reads from the front of some bytes.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `count` bytes; `None` when there are fewer.
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

/// A value of fixed length.
pub(super) trait Code: Sized {
    /// Appends the value.
    fn encode(&self, out: &mut Vec<u8>);
    /// Takes a value off the front; `None` when there are too few bytes.
    fn decode(reader: &mut Reader<'_>) -> Option<Self>;
}

macro_rules! code_numbers {
    ($($number:ty),*) => {$(
        impl Code for $number {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn decode(reader: &mut Reader<'_>) -> Option<Self> {
                let bytes = reader.bytes(size_of::<$number>())?;
                Some(<$number>::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    )*};
}
code_numbers!(u8, u32, u64, i64, f32, f64);

impl<T: Code + Copy + Default, const N: usize> Code for [T; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|value| value.encode(out));
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let mut values = [T::default(); N];
        for value in &mut values {
            *value = T::decode(reader)?;
        }
        Some(values)
    }
}

impl<T: Code> Code for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        u8::from(self.is_some()).encode(out);
        if let Some(value) = self {
            value.encode(out);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        match u8::decode(reader)? {
            0 => Some(None),
            1 => Some(Some(T::decode(reader)?)),
            _ => None,
        }
    }
}

impl Code for String {
    fn encode(&self, out: &mut Vec<u8>) {
        (self.len() as u64).encode(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let length = usize::try_from(u64::decode(reader)?).ok()?;
        Some(std::str::from_utf8(reader.bytes(length)?).ok()?.to_owned())
    }
}

/// Implements [`Code`] field by field, in the order given.
macro_rules! code_fields {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::usage::negative_binomial::code::Code for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                $($crate::usage::negative_binomial::code::Code::encode(&self.$field, out);)*
            }
            fn decode(reader: &mut $crate::usage::negative_binomial::code::Reader<'_>) -> Option<Self> {
                Some($name { $($field: $crate::usage::negative_binomial::code::Code::decode(reader)?),* })
            }
        }
    };
}
pub(super) use code_fields;
