//! Who did something, as it is written down.

/// A person, a script, or Nightkeep itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The name to show, which can change and need not be the only one of its kind.
    pub name: String,
    /// What never changes: the `sub` that the provider knows them by. None if nobody had to sign in.
    pub id: Option<String>,
}

impl Actor {
    /// Somebody who is known by name only.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), id: None }
    }
}
