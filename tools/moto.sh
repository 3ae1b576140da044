#!/usr/bin/env bash
# Prepares moto, which emulates EC2 and Systems Manager for the tests, in a virtual environment, once for each pinned version; prints its server's path.
#
#   tools/moto.sh
set -euo pipefail

version=5.2.5
root=$(cd "$(dirname "$0")/.." && pwd)
env=$root/.cache/moto/$version
server=$env/bin/moto_server

if [ ! -x "$server" ]; then
  command -v python3 >/dev/null || { echo "Python 3 is missing: moto, the stand-in for EC2, needs it." >&2; exit 1; }
  echo "Preparing moto $version by pip (once)." >&2
  rm -rf "$env" "$env.new"
  python3 -m venv "$env.new"
  # moto.txt has what it needs, with versions: the output of pip freeze after an installation of "moto[ec2,ssm,server]==$version".
  "$env.new/bin/pip" install --quiet --disable-pip-version-check --requirement "$root/tools/moto.txt" >&2
  # Its scripts name the folder that they were made in.
  grep -rlI "$env.new" "$env.new/bin" | xargs sed -i "s|$env.new|$env|g"
  mv "$env.new" "$env"
fi
echo "$server"
