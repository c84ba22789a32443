//! `learn completions`: what a shell needs to complete `learn`'s command line.

use clap::CommandFactory;
use clap_complete::Shell;

/// What was typed after `learn completions`.
#[derive(clap::Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// The shell to complete in
    shell: Shell,
}

impl CompletionsArgs {
    /// The shell's script.
    pub fn render(&self) -> Vec<u8> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "learn", &mut script);
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_learns_the_flags() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(CompletionsArgs { shell: *shell }.render()).unwrap();
            assert!(script.contains("smoothing-factor"), "{shell}");
        }
    }
}
