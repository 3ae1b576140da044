#!/usr/bin/env bash
# Brings a root module to what it declares, without anybody watching: plan, apply what has drifted, plan again.
#
#   converge.sh [FOLDER]      the root module; the current folder by default
#
# It ends with
#   0  as declared, and every check block passes
#   1  failed: Terraform's own words are above. The next run tries again, from where the fleet stands then
#   2  drifted: it was not to be applied (CONVERGE_APPLY=no), or is not all done after an apply
#   3  as declared, but a check block fails: the fleet is not healthy, and its problems are above
#   4  somebody has to decide: the plan deletes something. Nothing was done
#   5  somebody else is at work: another run of this, or whoever holds the lock of the state or of the cluster. The next run goes on
#   130  interrupted: the fleet is safe, and the next run goes on
#
# Settings, from the environment
#   TERRAFORM            the CLI; terraform by default, or tofu
#   CONVERGE_APPLY       no: only look, and apply nothing
#   CONVERGE_DELETE      yes: also apply a plan that deletes or replaces a resource
#   CONVERGE_INIT        no: the folder is initialised
#   CONVERGE_LOCK        how long the lock of the state is waited for; 2m by default
#   CONVERGE_METRICS     a file for Prometheus' textfile collector, such as /var/lib/node_exporter/converge.prom
#
# It may be killed at any moment. One SIGINT or SIGTERM lets Terraform stop at the next safe point; kill -9 leaves nothing behind but a
# folder in TMPDIR and, with some backends, the lock of the state.
set -uo pipefail

cd "${1:-.}" || exit 1
terraform=${TERRAFORM:-terraform}
for command in "$terraform" flock; do
  if ! command -v "$command" >/dev/null; then
    echo "converge: $command is missing" >&2
    exit 1
  fi
done
export TF_IN_AUTOMATION=1 TF_INPUT=0
umask 077 # A plan may hold secrets.
work=$(mktemp -d) || exit 1
started=$(date +%s)
child='' interrupted='' asked=''

# finish writes the metrics. The time of the last success outlives runs that fail: its age is what to alert on.
finish() {
  local code=$? last=0
  rm -rf "$work"
  if [ -z "${CONVERGE_METRICS-}" ]; then
    return
  fi
  if [ "$code" = 0 ]; then
    last=$(date +%s)
  elif [ -r "$CONVERGE_METRICS" ]; then
    last=$(awk '$1 == "kafkafleet_converge_last_success_timestamp_seconds" { print $2 }' "$CONVERGE_METRICS")
  fi
  {
    echo '# HELP kafkafleet_converge_exit_code How the last run ended; see converge.sh.'
    echo '# TYPE kafkafleet_converge_exit_code gauge'
    echo "kafkafleet_converge_exit_code $code"
    echo '# HELP kafkafleet_converge_last_success_timestamp_seconds When a run last ended with 0; 0 is never.'
    echo '# TYPE kafkafleet_converge_last_success_timestamp_seconds gauge'
    echo "kafkafleet_converge_last_success_timestamp_seconds ${last:-0}"
    echo '# HELP kafkafleet_converge_duration_seconds How long the last run took.'
    echo '# TYPE kafkafleet_converge_duration_seconds gauge'
    echo "kafkafleet_converge_duration_seconds $(($(date +%s) - started))"
  } >"$CONVERGE_METRICS.$$" && chmod 644 "$CONVERGE_METRICS.$$" && mv "$CONVERGE_METRICS.$$" "$CONVERGE_METRICS"
}
trap finish EXIT

# ask asks Terraform to stop, once: a second signal would make it leave at once. So it is in a process group of its own, which a Ctrl-C at
# the terminal does not reach.
ask() {
  if [ -n "$interrupted" ] && [ -n "$child" ] && [ -z "$asked" ]; then
    asked=1
    kill -INT "$child" 2>/dev/null
  fi
}
trap 'interrupted=1; ask' INT TERM
set -m

# stop ends an interrupted run.
stop() {
  if [ -n "$interrupted" ]; then
    echo "converge: interrupted; the next run goes on from where the fleet stands" >&2
    exit 130
  fi
}

# run runs Terraform, shows what it says and keeps it for a look, and returns its exit code. Nodes of the local driver outlive it, so it
# must not inherit the lock. What shows its words does: if this script is killed, the lock is held until Terraform has ended.
mkfifo "$work/out" || exit 1
run() {
  local code=0 teller
  stop
  tee "$work/said" <"$work/out" &
  teller=$!
  "$terraform" "$@" </dev/null >"$work/out" 2>&1 9>&- &
  child=$!
  ask
  wait "$child" || code=$?
  while kill -0 "$child" 2>/dev/null; do # A signal ends the wait, and not Terraform.
    code=0
    wait "$child" || code=$?
  done
  child=
  wait "$teller"
  stop
  return "$code"
}

# failed ends the run after a command that failed.
failed() {
  if grep -q 'Error acquiring the state lock' "$work/said"; then
    echo "converge: somebody else holds the lock of the state. If that is a run which was killed, make sure that none is at work, then: $terraform force-unlock ID" >&2
    exit 5
  fi
  # Terraform breaks the lines of what a provider says.
  if sed 's/^│//' "$work/said" | tr -s '[:space:]' ' ' | grep -q 'cluster is locked by another run'; then
    echo "converge: somebody else works on the cluster" >&2
    exit 5
  fi
  echo "converge: $1 failed; it is safe to run again" >&2
  exit 1
}

# look makes a plan. It returns 0 when there is nothing to do and 2 when there is. What is only read is nothing to do: a data source in a
# check block is read again at each apply.
look() {
  local code=0
  run plan -no-color -detailed-exitcode -lock-timeout="${CONVERGE_LOCK:-2m}" -out="$work/plan" || code=$?
  case $code in
  0) return 0 ;;
  2) ;;
  *) failed plan ;;
  esac
  if grep -qx 'Plan: 0 to add, 0 to change, 0 to destroy\.' "$work/said" && ! grep -qE '^Changes to Outputs:| has moved to ' "$work/said"; then
    return 0
  fi
  return 2
}

# deletes says whether the plan that was just shown deletes or replaces anything. One whose summary it cannot find counts as if it did.
deletes() {
  if grep -qE '^Plan: .*[^0-9]0 to destroy' "$work/said"; then
    return 1
  fi
  grep -q '^Plan: ' "$work/said" || ! grep -q '^Changes to Outputs:' "$work/said"
}

# The lock is on the folder itself, so that no file is left behind. It ends with this process, however that ends.
exec 9<. || exit 1
if ! flock -n 9; then
  echo "converge: another run is at work in this folder" >&2
  exit 5
fi

if [ "${CONVERGE_INIT-}" != no ]; then
  # What was not tried before is not installed unattended: commit .terraform.lock.hcl.
  run init -no-color -lockfile=readonly || failed init
fi

if ! look; then
  if [ "${CONVERGE_APPLY-}" = no ]; then
    echo "converge: drifted, and not to be applied" >&2
    exit 2
  fi
  if [ "${CONVERGE_DELETE-}" != yes ] && deletes; then
    echo "converge: the plan deletes or replaces something, which somebody has to decide" >&2
    exit 4
  fi
  run apply -no-color -lock-timeout="${CONVERGE_LOCK:-2m}" "$work/plan" || failed apply
  # An apply that ended well is not the proof. An empty plan is, and it shows the fleet's health as it is now.
  if ! look; then
    echo "converge: not all is done yet; the next run goes on" >&2
    exit 2
  fi
fi

if grep -q 'Check block assertion failed' "$work/said"; then
  echo "converge: as declared, but not healthy: see the warnings of the checks above" >&2
  exit 3
fi
echo "converge: as declared" >&2
