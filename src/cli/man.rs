//! `learn man`: the manual pages, made from the same definitions as `--help`.

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::Man;

/// What was typed after `learn man`.
#[derive(clap::Args, Clone, Debug)]
pub struct ManArgs {
    /// The command to describe; without it, learn as a whole
    command: Option<String>,
}

impl ManArgs {
    /// The page, in roff.
    ///
    /// # Errors
    /// A command that does not exist.
    pub fn render(&self) -> anyhow::Result<Vec<u8>> {
        let mut learn = super::Cli::command();
        learn.build();
        let man = match &self.command {
            None => Man::new(learn),
            Some(name) => {
                let command = learn.find_subcommand(name).cloned();
                let command = command.with_context(|| format!("no command `{name}`; `learn --help` lists them"))?;
                Man::new(command).title(format!("learn-{name}")).source(concat!("learn ", env!("CARGO_PKG_VERSION")))
            }
        };
        let mut page = Vec::new();
        man.render(&mut page)?;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(command: Option<&str>) -> anyhow::Result<String> {
        Ok(String::from_utf8(ManArgs { command: command.map(str::to_owned) }.render()?)?)
    }

    #[test]
    fn pages_describe_learn_and_its_commands() {
        assert!(page(None).unwrap().contains("replay"));
        assert!(page(Some("replay")).unwrap().contains("smoothing\\-factor"));
        assert!(page(Some("no-such")).is_err());
    }
}
