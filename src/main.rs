//! The process around the library: arguments in, exit code out.

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match learn::cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match learn::run(cli) {
        Ok(code) => code,
        // The reader has seen enough, as with `learn replay access.log | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell when standard error itself is closed.
            let _ = writeln!(io::stderr(), "learn: {}", learn::render::escape::terminal(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
