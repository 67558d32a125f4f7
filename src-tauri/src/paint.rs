//! Who paints the page. Without a graphics processor WebKitGTK composes it through a software
//! renderer of OpenGL, which costs more time and memory than painting it directly.

use tauri::{Runtime, WebviewWindow};

/// Paints directly where nothing could accelerate it.
///
/// # Errors
/// That the window has gone.
#[cfg(target_os = "linux")]
pub fn fit<R: Runtime>(window: &WebviewWindow<R>) -> tauri::Result<()> {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt, WebViewExt};

    if has_render_node(std::path::Path::new("/dev/dri")) {
        return Ok(());
    }
    window.with_webview(|webview| {
        if let Some(settings) = webview.inner().settings() {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}

/// Other systems' web views find out by themselves.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn fit<R: Runtime>(_: &WebviewWindow<R>) -> tauri::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn has_render_node(folder: &std::path::Path) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    names
        .map(|entry| entry.file_name())
        .any(|name| name.to_string_lossy().starts_with("renderD"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_render_node_is_what_could_accelerate() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_render_node(&folder.path().join("none")));
        std::fs::write(folder.path().join("card0"), "").unwrap();
        assert!(!has_render_node(folder.path()));
        std::fs::write(folder.path().join("renderD128"), "").unwrap();
        assert!(has_render_node(folder.path()));
    }
}
