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
            let _ = writeln!(io::stderr(), "learn: {}", escape(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Keeps text from a log or a file name from steering the terminal.
fn escape(message: &str) -> String {
    let mut escaped = String::with_capacity(message.len());
    for character in message.chars() {
        match character {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.extend(character.escape_unicode()),
            _ if character.is_control() => escaped.extend(character.escape_default()),
            _ => escaped.push(character),
        }
    }
    escaped
}
