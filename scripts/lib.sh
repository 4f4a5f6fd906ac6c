# What the scripts share: installs what a fresh Debian 12 or Ubuntu 24.04 lacks, configures, builds. Sourced, not run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/build/logs
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-1000}" # several tests run at once: see scripts/zebra

say() { printf '%s\n' "$*" >&2; }
die() {
  say "zebra: $*"
  exit 1
}

# quietly NAME COMMAND..: runs it with its output in build/logs/NAME.log; shows the end of that only if it fails.
quietly() {
  local log=$logs/$1.log
  shift
  mkdir -p "$logs"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    die "failed: $* (whole log: $log)"
  fi
}

# How many compilers at once: one a core, as far as memory goes (a unit takes up to 1.5 GB).
jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
  echo $((memory < 1 ? 1 : memory < cores ? memory : cores))
}

# Debian packages that this machine needs for the build and lacks, by trying each thing.
missing_packages() {
  local tool header
  command -v g++ >/dev/null || echo g++
  command -v cmake >/dev/null || echo cmake
  command -v ninja >/dev/null || echo ninja-build
  if ! command -v g++ >/dev/null; then
    echo nlohmann-json3-dev libcli11-dev libgtest-dev zlib1g-dev libzstd-dev
  else
    while read -r header tool; do
      echo "#include <$header>" | g++ -x c++ -E - >/dev/null 2>&1 || echo "$tool"
    done <<'END'
nlohmann/json_fwd.hpp nlohmann-json3-dev
CLI/Version.hpp libcli11-dev
gtest/gtest_prod.h libgtest-dev
zlib.h zlib1g-dev
zstd.h libzstd-dev
END
  fi
  have_torch || python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

install_packages() {
  local missing as_root=()
  missing=$(missing_packages)
  [ -z "$missing" ] && return
  # shellcheck disable=SC2086
  set -- $missing
  command -v apt-get >/dev/null || die "install these and run again (their Debian names): $*"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "install these as root and run again: apt-get install $*"
    as_root=(sudo)
  fi
  say "installing packages: $*"
  quietly apt-update "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 update
  quietly apt-install "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

have_torch() {
  python3 "$root/cmake/find_torch.py" >/dev/null 2>&1 ||
    "$root/.venv/bin/python" "$root/cmake/find_torch.py" >/dev/null 2>&1
}

# A torch that python3 finds is used; else one is installed into .venv, which git ignores.
install_torch() {
  have_torch && return
  say "installing torch 2.13.0 into .venv (a few minutes)"
  [ -x "$root/.venv/bin/pip" ] || quietly venv python3 -m venv --clear "$root/.venv"
  quietly torch "$root/.venv/bin/pip" install torch==2.13.0
  have_torch || die "torch was installed into .venv, but $("$root/.venv/bin/python" "$root/cmake/find_torch.py" 2>&1)"
}

# build PRESET [TARGET..]: configures on the first call (later ones leave that to ninja), then builds.
# The variable build_jobs overrides how many compilers run at once.
build() {
  local preset=$1
  shift
  if [ ! -f "$root/build/$preset/build.ninja" ]; then
    install_packages
    install_torch
    (cd "$root" && quietly "configure-$preset" cmake --preset "$preset")
    say "building build/$preset (the first time takes minutes)"
  fi
  quietly "build-$preset" cmake --build "$root/build/$preset" -j "${build_jobs:-$(jobs)}" ${@:+--target "$@"}
}

# format_sources [--fix]: says whether clang-format would change a file of the project, or lets it.
format_sources() {
  local format=$root/.venv/bin/clang-format sources
  if ! "$format" --version 2>/dev/null | grep -q ' 18\.1\.8'; then
    [ -x "$root/.venv/bin/pip" ] || quietly venv python3 -m venv "$root/.venv"
    quietly clang-format "$root/.venv/bin/pip" install clang-format==18.1.8
  fi
  mapfile -t sources < <(cd "$root" && find src tests bench -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh')
  if [ "${1:-}" = --fix ]; then
    (cd "$root" && "$format" -i "${sources[@]}")
  else
    (cd "$root" && "$format" --dry-run -Werror "${sources[@]}") || die "formatting differs: scripts/check --fix"
  fi
}
