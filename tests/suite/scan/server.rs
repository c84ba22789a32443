//! A real PostgreSQL of the suite's own: on a unix socket in a temporary folder, gone with the process that asked for it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

/// The server that all tests share; each makes databases of its own in it.
static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start("", LOCAL_LOGINS, &["listen_addresses="]));

/// Roles that have to give a password, and all others.
const LOCAL_LOGINS: &str = "local all locked,learn scram-sha-256\nlocal all all trust\n";

/// A server in a folder of its own.
pub struct Server {
    pub folder: PathBuf,
    /// Its standard input keeps the server alive: when this process ends, however it ends, the pipe closes and the shell
    /// that waits for that stops the server and removes the folder.
    _keeper: Child,
}

const KEEPER: &str = r#"
initdb=$1 postgres=$2 folder=$3 prepare=$4 logins=$5
shift 5
"$initdb" -D "$folder/data" -U postgres -A trust --no-sync --locale=C -E UTF8 >"$folder/initdb.log" 2>&1 || exit 1
printf %s "$logins" >"$folder/data/pg_hba.conf"
cd "$folder/data" && sh -ec "$prepare" >>"$folder/initdb.log" 2>&1 || exit 1
for setting; do set -- "$@" -c "$setting"; shift; done
"$postgres" -D "$folder/data" -k "$folder" -c fsync=off -c max_connections=60 "$@" >"$folder/log" 2>&1 </dev/null &
echo started
cat >/dev/null
kill -INT $! && wait $!
rm -rf "$folder"
"#;

impl Server {
    /// A new server with these lines of pg_hba.conf and these settings; `prepare` is run by `sh` in its data folder before
    /// it starts.
    pub fn start(prepare: &str, logins: &str, settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("learn-pg-").tempdir().unwrap().keep();
        let (initdb, postgres) = (program("initdb"), program("postgres"));
        // The server refuses to run as root.
        let mut command = if is_root() {
            let user = ["postgres", "nobody"].into_iter().find(|user| id(user).is_some()).unwrap();
            let (uid, gid) = id(user).unwrap();
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).unwrap();
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]).arg("sh");
            command
        } else {
            Command::new("sh")
        };
        command.args(["-c", KEEPER, "keeper"]).args([&initdb, &postgres, &folder]).args([prepare, logins]);
        command.args(settings).current_dir(&folder);
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut word = [0; 8];
        keeper.stdout.as_mut().unwrap().read_exact(&mut word).unwrap_or_else(|_| {
            panic!("no PostgreSQL:\n{}", std::fs::read_to_string(folder.join("initdb.log")).unwrap_or_default())
        });
        let server = Server { folder, _keeper: keeper };
        server.await_ready();
        server
    }

    fn await_ready(&self) {
        for _ in 0..600 {
            if self.run_psql("postgres", "SELECT 1").is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("no PostgreSQL:\n{}", std::fs::read_to_string(self.folder.join("log")).unwrap_or_default());
    }

    /// Runs SQL as the superuser; what it prints, one row a line, `|` between columns.
    pub fn run_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut command = Command::new(program("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-f", "-"]);
        let ports = self.folder.join("data/postmaster.pid");
        let port = std::fs::read_to_string(ports).ok().and_then(|text| text.lines().nth(3).map(str::to_owned));
        command.env_clear().env("PGHOST", &self.folder).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("PGPORT", port.unwrap_or_default());
        let output = crate::binary::feed(command, sql.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

pub fn is_root() -> bool {
    id("").is_some_and(|(uid, _)| uid == 0)
}

/// User and group of a name; of this process for the empty name.
fn id(user: &str) -> Option<(u32, u32)> {
    let ask = |flag: &str| {
        let output = Command::new("id").arg(flag).args((!user.is_empty()).then_some(user)).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    Some((ask("-u")?, ask("-g")?))
}

/// A program of PostgreSQL, in the path or where Debian and Fedora keep it.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(glob::glob("/usr/lib/postgresql/*/bin").unwrap().flatten());
    folders.extend(["/usr/pgsql/bin", "/opt/homebrew/bin"].map(PathBuf::from));
    let found = folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("no `{name}`; tests/run.sh installs it"))
}

/// A database of a test's own.
pub struct Database {
    pub name: String,
}

impl Database {
    /// An empty database; the name must be the test's own.
    pub fn new(name: &str) -> Self {
        SERVER.run_psql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        Database { name: name.to_owned() }
    }

    /// Runs SQL as the superuser; what it prints, one row a line, `|` between columns.
    pub fn sql(&self, sql: &str) -> String {
        SERVER.run_psql(&self.name, sql).unwrap_or_else(|error| panic!("{sql:.300}\n{error}"))
    }

    /// `learn scan-usage` on this database, in `folder`, as the superuser.
    pub fn scan(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = crate::binary::isolated(crate::binary::LEARN, folder);
        command.env("PGHOST", &SERVER.folder).env("PGUSER", "postgres").env("PGDATABASE", &self.name);
        command.env("XDG_STATE_HOME", folder.join("state")).arg("scan-usage").args(args);
        command
    }
}

/// The folder of the server's socket.
pub fn socket() -> &'static Path {
    &SERVER.folder
}
