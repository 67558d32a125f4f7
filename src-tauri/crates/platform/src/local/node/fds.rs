//! Handing open files from one process to another: a length, JSON, and then the files in the
//! order in which the JSON counts them.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Files in one message; the system allows some 250.
const BATCH: usize = 64;
/// The longest message that is taken.
const LONGEST: u32 = 64 * 1024 * 1024;

pub(super) fn send<T: Serialize>(to: &mut UnixStream, message: &T) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)
}

pub(super) fn receive<T: DeserializeOwned>(from: &mut UnixStream) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::Error::other("the message is too long"));
    }
    let mut bytes = vec![0; length as usize];
    from.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

pub(super) fn send_files(to: &UnixStream, files: &[BorrowedFd<'_>]) -> io::Result<()> {
    for batch in files.chunks(BATCH) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(batch)) {
            return Err(io::Error::other("too many files for one message"));
        }
        sendmsg(
            to.as_fd(),
            &[IoSlice::new(b"f")],
            &mut control,
            SendFlags::empty(),
        )?;
    }
    Ok(())
}

pub(super) fn receive_files(from: &UnixStream, count: usize) -> io::Result<Vec<OwnedFd>> {
    let mut files = Vec::with_capacity(count);
    while files.len() < count {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0; 1];
        let received = recvmsg(
            from.as_fd(),
            &mut [IoSliceMut::new(&mut byte)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let before = files.len();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                files.extend(rights);
            }
        }
        if files.len() == before {
            return Err(io::Error::other("a message came without its files"));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_files_arrive() {
        let (mut a, mut b) = UnixStream::pair().unwrap();
        let files: Vec<_> = (0..150)
            .map(|_| std::fs::File::open("/dev/null").unwrap())
            .collect();
        send(&mut a, &vec!["x", "y"]).unwrap();
        let borrowed: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        send_files(&a, &borrowed).unwrap();
        send(&mut a, &7u32).unwrap();
        assert_eq!(receive::<Vec<String>>(&mut b).unwrap(), ["x", "y"]);
        assert_eq!(receive_files(&b, 150).unwrap().len(), 150);
        assert_eq!(receive::<u32>(&mut b).unwrap(), 7);
        drop(a);
        assert!(receive::<u32>(&mut b).is_err());
        assert!(receive_files(&b, 1).is_err());
    }
}
