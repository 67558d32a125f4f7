//! Makes one tauri command of every line in the console's list, and the permission list with
//! them: what is not in the list cannot be asked from the window.

use std::fmt::Write as _;
use std::path::Path;

struct Entry {
    name: &'static str,
}

macro_rules! commands {
    ($($kind:ident $name:literal $module:ident::$function:ident($params:ty) -> $result:ty, $about:literal;)*) => {
        const LIST: &[Entry] = &[$(Entry { name: $name }),*];
    };
}

include!("crates/console/src/list.rs");

/// What the shell itself answers; see `src/ipc.rs`.
const OWN: &[&str] = &[
    "environments",
    "watch",
    "unwatch",
    "roll_back",
    "close",
    "ready",
];

fn main() {
    println!("cargo:rerun-if-changed=src-tauri/crates/console/src/list.rs");
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    println!("cargo:rerun-if-changed=ui/dist");
    placeholder();
    let listed: Vec<String> = LIST.iter().map(|e| function(e.name)).collect();
    adapters(&listed);
    let commands: Vec<&'static str> = listed
        .iter()
        .map(|name| &*Box::leak(name.clone().into_boxed_str()))
        .chain(OWN.iter().copied())
        .collect();
    let manifest = tauri_build::AppManifest::new().commands(Box::leak(commands.into_boxed_slice()));
    let attributes = tauri_build::Attributes::new()
        .app_manifest(manifest)
        .capabilities_path_pattern("./src-tauri/capabilities/**/*");
    tauri_build::try_build(attributes).expect("the window's configuration");
}

/// `journal.set-aside` is `journal_set_aside`.
fn function(name: &str) -> String {
    name.replace(['.', '-'], "_")
}

/// The page must be there for the program to be built; a fresh clone has none yet.
fn placeholder() {
    let index = Path::new("ui/dist/index.html");
    if !index.exists() {
        let page = "<!doctype html><title>Deckwatch</title><p>The window's pages are not built: run <code>make run</code>.</p>";
        std::fs::create_dir_all("ui/dist").expect("ui/dist");
        std::fs::write(index, page).expect("ui/dist/index.html");
    }
}

fn adapters(functions: &[String]) {
    let mut out = String::new();
    for (entry, function) in LIST.iter().zip(functions) {
        writeln!(
            out,
            "#[tauri::command]\n\
             pub async fn {function}(desk: State<'_, Arc<Desk>>, environment: String, params: Value) -> Result<Value, Problem> {{\n\
                 ask(&desk, &environment, {:?}, params).await\n\
             }}\n",
            entry.name
        )
        .expect("text");
    }
    let all = functions
        .iter()
        .map(String::as_str)
        .chain(OWN.iter().copied());
    let all: Vec<&str> = all.collect();
    writeln!(
        out,
        "pub fn handler<R: Runtime>() -> impl Fn(tauri::ipc::Invoke<R>) -> bool + Send + Sync + 'static {{\n\
             tauri::generate_handler![{}]\n\
         }}",
        all.join(", ")
    )
    .expect("text");
    let to = std::env::var("OUT_DIR").expect("OUT_DIR");
    std::fs::write(Path::new(&to).join("adapters.rs"), out).expect("adapters.rs");
}
