//! The least that a window of this kind can be: what the bench of the window is held against.

fn main() {
    let mut context = tauri::generate_context!("benches/empty/tauri.conf.json");
    // What the page keeps goes where the bench says.
    let folder = std::env::var_os("DECKWATCH_DATA").map(std::path::PathBuf::from);
    for window in &mut context.config_mut().app.windows {
        window.data_directory.clone_from(&folder);
    }
    if let Err(error) = tauri::Builder::default().run(context) {
        eprintln!("empty: {error}");
    }
}
