//! Tokens against what the world sends: every way of being wrong is answered alike, and only the right one opens.
