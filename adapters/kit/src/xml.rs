//! The XML door.
