//! The nights as tables.
