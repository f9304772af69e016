//! The program; what it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let verdict = icjs_verify::run(std::env::args_os());
    print(&verdict.text, verdict.code == 0);
    ExitCode::from(verdict.code)
}

/// Nobody may be listening any more: that changes nothing of what was found.
fn print(text: &str, good: bool) {
    use std::io::Write;
    let written = if good { writeln!(std::io::stdout(), "{text}") } else { writeln!(std::io::stderr(), "{text}") };
    drop(written);
}
