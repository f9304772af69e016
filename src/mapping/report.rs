//! What people ask of a mapping: what falls through, and whether an adapter's golden pairs still hold.
