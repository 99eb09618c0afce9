//! Numbers of things that stand in a list. Each kind of thing has a type of its own for its numbers, so that
//! a number of one list cannot be used with another one. Such a type is a `u32` in memory and in files.

/// Defines the type of the numbers of one kind of thing.
macro_rules! number_type {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        #[repr(transparent)]
        pub struct $name(u32);

        impl $name {
            /// Makes the number of `number`.
            pub const fn new(number: u32) -> Self {
                Self(number)
            }

            /// Returns the number of the item at `index`.
            ///
            /// # Panics
            /// If the list has 2^32 items or more.
            pub fn of_index(index: usize) -> Self {
                Self(u32::try_from(index).expect("a list has fewer than 2^32 items"))
            }

            /// The number that no item of a list has.
            pub const NONE: Self = Self(u32::MAX);

            /// Returns the number as it is stored.
            pub const fn number(self) -> u32 {
                self.0
            }

            /// Returns the position in the list.
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// Returns the numbers of a list of `count` items.
            pub fn first(count: usize) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
                Self::range(0..count)
            }

            /// Returns the numbers of the items in `range`.
            pub fn range(
                range: std::ops::Range<usize>,
            ) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
                range.map(Self::of_index)
            }
        }
    };
}

pub(crate) use number_type;
