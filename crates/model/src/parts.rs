//! What the models have in common: sequences, rows, short lists.

/// A change sequence, or a boundary: a second and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq {
    /// The second.
    pub second: u8,
    /// The number; a boundary has 0.
    pub number: u8,
}

impl Seq {
    /// That of the rows of the first load.
    pub(crate) const EMPTY: Self = Self { second: 0, number: 0 };
}

/// The version of a row; none if there is no such row.
pub(crate) type Value = Option<u8>;

/// A row of raw, or of ODS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) seq: Seq,
    pub(crate) value: Value,
}

/// A list that needs no memory of its own: states are copied millions of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Few<T>([Option<T>; MOST]);

/// The length of a list, at most.
const MOST: usize = 4;

impl<T: Copy> Default for Few<T> {
    fn default() -> Self {
        Self([None; MOST])
    }
}

impl<T: Copy> Few<T> {
    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }

    /// Adds an element. Panics when there is no place: the world is larger than the lists.
    pub(crate) fn push(&mut self, element: T) {
        let len = self.len();
        self.0[len] = Some(element);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }

    /// Changes the element at a place.
    pub(crate) fn set(&mut self, n: usize, change: impl FnOnce(&mut T)) {
        if let Some(element) = &mut self.0[n] {
            change(element);
        }
    }
}
