//! The program `icjs`: hands its arguments to `icjs::cli` and leaves with the exit code that it gives.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    icjs::cli::main()
}
