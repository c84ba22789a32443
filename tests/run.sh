#!/usr/bin/env bash
# Runs the whole test suite on a machine with Rust; arguments go to `cargo test`.
# What is missing is installed with the system's package manager where this user may do so, and listed where not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing=()
packages=()

detect_manager() {
  local name
  for name in apt-get dnf apk pacman brew; do
    if command -v "$name" >/dev/null 2>&1; then
      echo "$name"
      return
    fi
  done
  echo none
}

# need NAME CHECK APT DNF APK PACMAN BREW: where CHECK fails, the manager's packages (several: quoted) are wanted.
need() {
  local name=$1 check=$2 apt=$3 dnf=$4 apk=$5 pacman=$6 brew=$7 wanted
  if bash -c "$check" >/dev/null 2>&1; then return; fi
  missing+=("$name")
  case $manager in
    apt-get) wanted=$apt ;;
    dnf) wanted=$dnf ;;
    apk) wanted=$apk ;;
    pacman) wanted=$pacman ;;
    brew) wanted=$brew ;;
    *) return ;;
  esac
  read -ra wanted <<<"$wanted"
  packages+=("${wanted[@]}")
}

list_needs() {
  missing=()
  packages=()
  #    what                 how to see it                                                      apt    dnf        apk    pacman brew
  need 'Node.js 18 or newer' 'node -e "process.exit(+(parseInt(process.versions.node) < 18))"' nodejs nodejs     nodejs nodejs node
  need 'npm'                 'npm --version'                                                   npm    nodejs-npm npm    npm    node
  # Debian keeps the server's programs out of PATH.
  need 'PostgreSQL 15 or newer' \
    'PATH=$PATH:$(echo /usr/lib/postgresql/*/bin | tr " " :); command -v initdb && command -v postgres && command -v psql' \
    postgresql 'postgresql-server postgresql' 'postgresql postgresql-client' postgresql postgresql
  # Debian has one for the version of its server, which apt-get finds by the pattern; Fedora, Arch and Homebrew have none:
  # https://github.com/HypoPG/hypopg says how to build it.
  need 'hypopg' 'ls /usr/share/postgresql/*/extension/hypopg.control "$(pg_config --sharedir)"/extension/hypopg.control 2>/dev/null | grep -q .' \
    'postgresql-.*-hypopg' '' postgresql-hypopg '' ''
  need 'Redis' 'command -v redis-server && command -v redis-cli' 'redis-server redis-tools' redis redis redis redis
  # initdb refuses root; the tests step down with it.
  need 'Python 3' 'python3 --version' python3 python3 python3 python python3
  need 'setpriv' 'command -v setpriv || test "$(id -u)" -ne 0' util-linux util-linux setpriv util-linux util-linux
  need 'gzip, bzip2, xz and zstd' 'command -v gzip && command -v bzip2 && command -v xz && command -v zstd' \
    'gzip bzip2 xz-utils zstd' 'gzip bzip2 xz zstd' 'gzip bzip2 xz zstd' 'gzip bzip2 xz zstd' 'xz zstd'
  need 'script' 'command -v script' bsdutils util-linux util-linux-misc util-linux util-linux
  need 'nginx' 'PATH=$PATH:/usr/sbin nginx -v' nginx nginx nginx nginx nginx
  need 'promtool' 'promtool --version' prometheus golang-github-prometheus prometheus prometheus prometheus
  need 'Alertmanager' 'prometheus-alertmanager --version || alertmanager --version' \
    prometheus-alertmanager golang-github-prometheus-alertmanager alertmanager alertmanager alertmanager
}

install_command() {
  case $manager in
    apt-get) echo "apt-get install -y --no-install-recommends ${packages[*]}" ;;
    dnf) echo "dnf install -y ${packages[*]}" ;;
    apk) echo "apk add ${packages[*]}" ;;
    pacman) echo "pacman -Sy --noconfirm --needed ${packages[*]}" ;;
    brew) echo "brew install ${packages[*]}" ;;
  esac
}

# Homebrew refuses root; every other manager asks for it.
may_install() {
  case $manager in
    none) return 1 ;;
    brew) [ "$(id -u)" -ne 0 ] ;;
    *) [ "$(id -u)" -eq 0 ] ;;
  esac
}

install_missing() {
  local line
  line=$(install_command)
  echo "tests/run.sh: installing: $line" >&2
  export DEBIAN_FRONTEND=noninteractive
  if [ "$manager" = apt-get ]; then apt-get update >&2; fi
  # Words of a line that this script itself put together.
  # shellcheck disable=SC2086
  $line </dev/null >&2
  hash -r
}

stop_with_list() {
  local as_root=
  if [ "$manager" != brew ]; then as_root=", as root"; fi
  echo "tests/run.sh: missing:" >&2
  printf '  - %s\n' "${missing[@]}" >&2
  if [ "$manager" = none ]; then
    echo "Install them with your system's package manager (Node.js: https://nodejs.org), then run this again." >&2
  else
    echo "Type$as_root: $(install_command)" >&2
  fi
  exit 1
}

install_oracle() {
  local lock=package-lock.json installed=node_modules/.installed-lock.json
  (
    cd tests/oracle
    if cmp -s "$lock" "$installed"; then exit; fi
    npm ci --ignore-scripts --no-audit --no-fund >&2
    cp "$lock" "$installed"
  )
}

if ! command -v cargo >/dev/null 2>&1; then
  echo "tests/run.sh: cargo is missing: install Rust from https://rustup.rs, then run this again." >&2
  exit 1
fi
manager=$(detect_manager)
list_needs
if [ ${#missing[@]} -gt 0 ] && may_install; then
  install_missing
  list_needs
  if [ ${#missing[@]} -gt 0 ]; then
    echo "tests/run.sh: still missing after the install; the system's packages may be too old." >&2
  fi
fi
if [ ${#missing[@]} -gt 0 ]; then stop_with_list; fi
install_oracle
exec cargo test --locked "$@"
