//! Which scan a state belongs to, and where it is kept when the user names no place.

use super::digest::{digest, hex};
use std::path::{Path, PathBuf};

/// Bytes of the SHA-256 in a file's name.
const NAME_BYTES: usize = 8;

/// What makes a scan another scan; two that differ in any of it never share a default state.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The database server's host, port or socket; empty for files.
    pub host: &'a str,
    /// The database; empty for files.
    pub database: &'a str,
    /// The table, schema included, or the files.
    pub table: &'a str,
    /// The columns read, in a fixed order.
    pub columns: &'a [&'a str],
    /// The rule.
    pub rule: &'a str,
}

impl Scope<'_> {
    /// The state file's name: `scan-usage-` and 16 hexadecimal digits.
    pub fn file_name(&self) -> String {
        let mut parts = vec![self.host, self.database, self.table, self.rule];
        parts.extend(self.columns);
        format!("scan-usage-{}.json", hex(&digest(&parts)[..NAME_BYTES]))
    }
}

/// The state file in the user's state folder (`XDG_STATE_HOME`, else `.local/state` in the home folder), `None` when
/// neither folder is known.
pub fn default_path(state_home: Option<&Path>, home: Option<&Path>, scope: &Scope<'_>) -> Option<PathBuf> {
    let folder = state_home.map(Path::to_owned).or_else(|| Some(home?.join(".local/state")))?;
    Some(folder.join("learn").join(scope.file_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: Scope<'static> =
        Scope { host: "db", database: "app", table: "public.usage", columns: &["dev", "at"], rule: "mean5x" };

    #[test]
    fn every_part_makes_another_file() {
        let others = [
            Scope { host: "db2", ..SCOPE },
            Scope { database: "app2", ..SCOPE },
            Scope { table: "public.usage2", ..SCOPE },
            Scope { columns: &["dev", "created"], ..SCOPE },
            Scope { columns: &["devat"], ..SCOPE },
            Scope { rule: "zscore-daily", ..SCOPE },
            Scope { host: "dba", database: "pp", ..SCOPE },
        ];
        let mut names: Vec<String> = others.iter().map(Scope::file_name).collect();
        names.push(SCOPE.file_name());
        names.sort();
        names.dedup();
        assert_eq!(names.len(), others.len() + 1);
    }

    #[test]
    fn the_state_folder_comes_before_the_home_folder() {
        let path = |state_home, home| default_path(state_home, home, &SCOPE);
        let name = SCOPE.file_name();
        let (state_home, home) = (Some(Path::new("/state")), Some(Path::new("/home/me")));
        assert_eq!(path(state_home, home), Some(Path::new("/state/learn").join(&name)));
        assert_eq!(path(None, home), Some(Path::new("/home/me/.local/state/learn").join(&name)));
        assert_eq!(path(None, None), None);
    }
}
