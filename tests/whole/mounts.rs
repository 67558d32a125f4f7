//! Disks that are small or read-only, for those who may mount them.

use std::path::Path;
use std::process::Command;

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let done = Command::new(program)
        .args(args)
        .output()
        .map_err(|e| e.to_string())?;
    match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()),
    }
}

/// A disk of so many KiB, at a folder that is made.
pub fn small_disk(at: &Path, kib: u32) -> Result<(), String> {
    std::fs::create_dir_all(at).map_err(|e| e.to_string())?;
    let size = format!("size={kib}k,mode=700");
    run(
        "mount",
        &[
            "-t",
            "tmpfs",
            "-o",
            &size,
            "deckwatch-test",
            &at.display().to_string(),
        ],
    )
}

/// Makes a file read-only, also for root: it is mounted on itself.
pub fn read_only(file: &Path) -> Result<(), String> {
    let path = file.display().to_string();
    run("mount", &["--bind", &path, &path])?;
    run("mount", &["-o", "remount,ro,bind", &path]).inspect_err(|_| {
        let _ = run("umount", &[&path]);
    })
}

pub fn writable_again(file: &Path) {
    run("umount", &[&file.display().to_string()]).unwrap();
}

/// Ends every mount at or below a folder.
pub fn unmount_below(folder: &Path) {
    let folder = folder.display().to_string();
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let ours = mounts
        .lines()
        .filter_map(|l| l.split(' ').nth(1))
        .filter(|m| m.starts_with(&folder));
    for mount in ours.collect::<Vec<_>>().into_iter().rev() {
        if run("umount", &[mount]).is_err() {
            let _ = run("umount", &["-l", mount]);
        }
    }
}

/// Says why a part does not run, for people who read the output.
pub fn skipped(what: &str, why: &str) {
    eprintln!("NOT RUN: {what}: {why}");
}
