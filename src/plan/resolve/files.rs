//! The FILE arguments -> the inputs to open: globs expanded, repetitions and directories dealt with.
//!
//! Looks names up in the file system and opens nothing.

use crate::plan::InputName;
use anyhow::{Context, bail, ensure};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

const HOW_TO_USE: &str = "no FILE given, and standard input is a terminal; name the logs (learn replay access.log) \
     or pipe one in (zcat access.log.gz | learn replay); `learn replay --help` says more";

/// The inputs that the arguments name, in their order; adds to `warnings` what was named twice.
///
/// # Errors
/// No argument while standard input is a terminal, a directory, a name or glob without a file, `-` twice.
pub(super) fn inputs(
    given: &[PathBuf],
    stdin_is_terminal: bool,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Vec<InputName>> {
    if given.is_empty() {
        ensure!(!stdin_is_terminal, HOW_TO_USE);
        return Ok(vec![InputName::Stdin]);
    }
    let mut inputs = Vec::new();
    let mut seen = BTreeSet::new();
    for argument in given {
        if argument == Path::new("-") {
            ensure!(!inputs.contains(&InputName::Stdin), "`-`, standard input, is given twice; it can be read once");
            inputs.push(InputName::Stdin);
            continue;
        }
        for path in expand(argument)? {
            if seen.insert(identity(&path)) {
                inputs.push(InputName::Path(path));
            } else {
                warnings.push(format!("{} is given more than once; it counts once", path.display()));
            }
        }
    }
    Ok(inputs)
}

/// What two names of one file have in common.
pub(super) fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn expand(argument: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let name = argument.display();
    match fs::metadata(argument) {
        Ok(metadata) if metadata.is_dir() => {
            let example = argument.join("*.log");
            bail!("{name} is a directory; give files or a glob such as {}", example.display())
        }
        Ok(_) => Ok(vec![argument.to_owned()]),
        Err(error) => match argument.to_str().filter(|text| text.contains(['*', '?', '['])) {
            Some(pattern) => matches(pattern),
            None if error.kind() == io::ErrorKind::NotFound => bail!("{name}: no such file"),
            // Opening it tells the reason better.
            None => Ok(vec![argument.to_owned()]),
        },
    }
}

/// The files, not the directories, that a pattern matches, by name.
fn matches(pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    // As shells do: `*` stays within a directory and leaves hidden files alone.
    let options =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let found = glob::glob_with(pattern, options).with_context(|| format!("{pattern}: no such file, and no glob"))?;
    let found: Vec<PathBuf> = found.collect::<Result<_, _>>().with_context(|| format!("the glob {pattern}"))?;
    let files: Vec<_> = found.into_iter().filter(|path| !path.is_dir()).collect();
    ensure!(!files.is_empty(), "{pattern}: no file matches");
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with `a.log`, `b.log`, `[1].log`, `.hidden.log` and the directory `sub.log`.
    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.log", "b.log", "[1].log", ".hidden.log"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("sub.log")).unwrap();
        directory
    }

    /// The inputs without the directory's name, then the warnings; or the error.
    fn check(given: &[&str], expected: &[&str], warned: usize) {
        let directory = directory();
        let path = |name: &&str| if *name == "-" { PathBuf::from("-") } else { directory.path().join(name) };
        let given: Vec<_> = given.iter().map(path).collect();
        let mut warnings = Vec::new();
        let found = inputs(&given, true, &mut warnings).unwrap();
        let expected: Vec<_> = expected
            .iter()
            .map(|name| if *name == "-" { InputName::Stdin } else { InputName::Path(path(name)) })
            .collect();
        assert_eq!(found, expected, "{given:?}");
        assert_eq!(warnings.len(), warned, "{warnings:?}");
    }

    #[test]
    fn names_and_globs_become_files_in_their_order() {
        check(&["b.log", "a.log"], &["b.log", "a.log"], 0);
        check(&["?.log", "-"], &["a.log", "b.log", "-"], 0);
        check(&["*.log"], &["[1].log", "a.log", "b.log"], 0);
    }

    #[test]
    fn a_file_of_that_name_wins_over_the_glob() {
        check(&["[1].log"], &["[1].log"], 0);
        check(&["[ab].log"], &["a.log", "b.log"], 0);
    }

    #[test]
    fn a_file_named_twice_counts_once() {
        check(&["a.log", "sub.log/../a.log", "a.log"], &["a.log"], 2);
        check(&["b.log", "?.log"], &["b.log", "a.log"], 1);
    }

    #[test]
    fn what_names_no_file_is_an_error() {
        let directory = directory();
        let error = |name: &str| {
            let path = directory.path().join(name);
            inputs(&[path], true, &mut Vec::new()).unwrap_err().to_string()
        };
        assert!(error("c.log").ends_with("c.log: no such file"));
        assert!(error("c*.log").ends_with("c*.log: no file matches"));
        assert!(error("sub*").ends_with("sub*: no file matches"));
        assert!(error("x[.log").ends_with("x[.log: no such file, and no glob"));
        assert!(error("sub.log").contains("is a directory; give files or a glob such as "));
        assert!(error("sub.log").ends_with("sub.log/*.log"));
    }

    #[test]
    fn standard_input_is_the_default_unless_it_is_a_terminal() {
        let read = |given: &[PathBuf], terminal| inputs(given, terminal, &mut Vec::new());
        assert_eq!(read(&[], false).unwrap(), [InputName::Stdin]);
        assert!(read(&[], true).unwrap_err().to_string().contains("learn replay access.log"));
        let dash = PathBuf::from("-");
        assert_eq!(read(std::slice::from_ref(&dash), true).unwrap(), [InputName::Stdin]);
        assert!(read(&[dash.clone(), dash], true).unwrap_err().to_string().contains("given twice"));
    }
}
