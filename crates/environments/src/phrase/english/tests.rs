//! Grammar of single phrases, variety of every kind of node, and requests for a reader's eye.
