//! End-to-end tests of the `reproduce` binary.
