//! The window's program.

// No console window beside the window.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    deckwatch_shell::main()
}
