//! The `weft` command. Everything is in [`platform_native::cli`].

/// The kernel makes and drops many small values on several threads, which this one does in two thirds of the time that the
/// system's takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    platform_native::cli::main()
}
