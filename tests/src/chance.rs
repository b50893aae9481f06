//! What happens by chance, and can happen again: everything is drawn from a seed, which is printed.

use sha2::{Digest, Sha256};

/// A seed, and what is drawn from it.
#[derive(Debug, Clone, Copy)]
pub struct Chance {
    seed: u64,
}

impl Chance {
    /// The seed that `NIGHTKEEP_SEED` gives, or else a new one; printed either way.
    pub fn seeded() -> Self {
        let given = std::env::var("NIGHTKEEP_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| getrandom::u64().expect("randomness") % 1_000_000);
        println!("figure: seed {seed}: the same again with NIGHTKEEP_SEED={seed}");
        Self { seed }
    }

    /// A number below `bound`, always the same for the same `place`.
    pub fn below(&self, bound: u64, place: &[u64]) -> u64 {
        let mut hash = Sha256::new();
        for part in std::iter::once(&self.seed).chain(place) {
            hash.update(part.to_le_bytes());
        }
        let drawn = hash.finalize();
        u64::from_le_bytes(*drawn.first_chunk().expect("a digest of 32 bytes")) % bound
    }

    /// One of these, always the same for the same `place`.
    pub fn one_of<'a, T>(&self, all: &'a [T], place: &[u64]) -> &'a T {
        let position = self.below(all.len() as u64, place);
        &all[usize::try_from(position).expect("a position")]
    }
}
