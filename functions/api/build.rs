//! A file that is new in `ui` is embedded at the next build.

fn main() {
    println!("cargo::rerun-if-changed=ui");
}
