//! The `weft` command. Everything is in [`platform_native::cli`].

fn main() -> std::process::ExitCode {
    platform_native::cli::main()
}
