//! The `weft` command. Everything is in [`platform_native::cli`].

/// The kernel makes and drops many small values on several threads, which this one does faster than the system's. Without huge
/// pages (`no_thp`): with them the memory of a process that holds little was a half larger.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    platform_native::cli::main()
}
