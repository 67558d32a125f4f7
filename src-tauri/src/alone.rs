//! One window for each data folder: a second start brings the first to the front, and tells it
//! which link it was given.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use tauri::{AppHandle, Runtime};

use crate::window;

/// Longer than any link that is understood.
#[cfg(unix)]
const LONGEST: u64 = 2048;

/// The socket that later starts find.
#[cfg(unix)]
pub struct Alone {
    listener: std::os::unix::net::UnixListener,
}

#[cfg(unix)]
/// None when another window is open on this folder; it has been told.
///
/// # Errors
/// What the system said.
pub fn alone(base: &Path, link: Option<&str>) -> std::io::Result<Option<Alone>> {
    use std::io::Write;
    use std::os::unix::net::{UnixListener, UnixStream};

    let path = base.join("window.sock");
    if let Ok(mut there) = UnixStream::connect(&path) {
        there.set_write_timeout(Some(Duration::from_secs(2)))?;
        there.write_all(link.unwrap_or_default().as_bytes())?;
        return Ok(None);
    }
    // Nobody listens: the socket of a window that died.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    Ok(Some(Alone { listener }))
}

#[cfg(unix)]
impl Alone {
    /// Listens for later starts for as long as the program lives.
    pub fn listen<R: Runtime>(self, app: AppHandle<R>) {
        std::thread::spawn(move || {
            for stream in self.listener.incoming() {
                let Ok(stream) = stream else { continue };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                let mut link = String::new();
                let _ = stream.take(LONGEST).read_to_string(&mut link);
                let link = Some(link).filter(|l| !l.is_empty());
                window::come(&app, link.as_deref());
            }
        });
    }
}

#[cfg(not(unix))]
pub struct Alone;

#[cfg(not(unix))]
pub fn alone(_: &Path, _: Option<&str>) -> std::io::Result<Option<Alone>> {
    Ok(Some(Alone))
}

#[cfg(not(unix))]
impl Alone {
    pub fn listen<R: Runtime>(self, _: AppHandle<R>) {}
}
