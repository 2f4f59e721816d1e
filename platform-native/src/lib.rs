//! Weft on an ordinary machine.
