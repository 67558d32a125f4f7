//! The node's end of a shim's socket pair.
//!
//! A link can be handed to another node together with the bytes already read from it, so nothing
//! that a shim said is lost when a newer node takes over.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::Command;

use crate::local::wire::{Frames, FromShim, Launch, ToShim, frame};

#[derive(Debug)]
pub(super) struct ShimLink {
    stream: UnixStream,
    frames: Frames,
}

impl ShimLink {
    /// Starts a shim and gives it its command.
    pub(super) async fn start(shim: &[OsString], launch: &Launch) -> io::Result<Self> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        let Some((program, arguments)) = shim.split_first() else {
            return Err(io::Error::other(
                "the node was given no command for its shims",
            ));
        };
        let mut child = Command::new(program)
            .args(arguments)
            .env_remove(crate::local::ensure::DETACH)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()?;
        // The shim speaks through its link; its own end only needs to be collected.
        tokio::spawn(async move {
            let _ = child.wait().await;
        });
        let mut link = ShimLink::resume(ours, Vec::new())?;
        link.stream.write_all(&frame(launch)).await?;
        Ok(link)
    }

    /// Goes on with a link another node began.
    pub(super) fn resume(
        stream: std::os::unix::net::UnixStream,
        rest: Vec<u8>,
    ) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(ShimLink {
            stream: UnixStream::from_std(stream)?,
            frames: Frames::from_rest(rest),
        })
    }

    /// The next message; none when the shim is gone. Safe to drop before it is ready.
    pub(super) async fn next(&mut self) -> Option<FromShim> {
        loop {
            while let Some(read) = self.frames.next() {
                if read.is_some() {
                    return read;
                }
            }
            match self.stream.read_buf(self.frames.space()).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(super) async fn send(&mut self, order: ToShim) {
        // When this fails the shim is gone, which the next read says.
        let _ = self.stream.write_all(&frame(&order)).await;
    }

    pub(super) fn into_parts(self) -> io::Result<(std::os::unix::net::UnixStream, Vec<u8>)> {
        Ok((self.stream.into_std()?, self.frames.rest()))
    }
}
