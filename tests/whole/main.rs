//! The whole console, with real processes and sockets.

