#!/bin/sh
# The work of one cycle, written down straight: no claims to compete for, no deadline, no retry, no
# recovery, no guard. What `benches/cycle.rs` holds Conductor against.
#
#   cycle.sh AT_ONCE KEY...    in the clone; beside it are tickets/, pulls/, workspaces/ and agent.sh
#
# With SERVICE=URL each step that would ask a tracker or a forge asks there, too.
set -eu

request() {
  if [ -n "${SERVICE-}" ]; then curl -s -o /dev/null -d "$1" "$SERVICE"; fi
}

# Writes the state as a commit on its branch and pushes it.
state() {
  blob=$(printf '{"said": "%s"}\n' "$1" | git hash-object -w --stdin)
  tree=$(printf '100644 blob %s\tstate.json\n' "$blob" | git mktree)
  if [ -n "${parent-}" ]; then
    parent=$(git commit-tree -m "$1" -p "$parent" "$tree")
  else
    parent=$(git commit-tree -m "$1" "$tree")
  fi
  git push -q origin "$parent:refs/heads/conductor/state"
}

# Git's own bookkeeping of worktrees does not bear company.
alone() {
  if command -v flock >/dev/null; then flock ../lock "$@"; else "$@"; fi
}

# move KEY FROM TO
move() {
  request "move $1 to $3"
  sed "s/^state: $2\$/state: $3/" "../tickets/$1.md" >"../tickets/.$1.new"
  mv "../tickets/.$1.new" "../tickets/$1.md"
}

ticket() {
  move "$1" Todo "In Progress"
  workspace=$(pwd)/../workspaces/$1
  alone git worktree add -q -b "conductor/$1" "$workspace" refs/remotes/origin/main
  CONDUCTOR_ISSUE_IDENTIFIER=$1
  export CONDUCTOR_ISSUE_IDENTIFIER
  (cd "$workspace" && sh ../../agent.sh >/dev/null)
  [ -z "$(git -C "$workspace" status --porcelain)" ]
  git log --oneline "refs/remotes/origin/main..conductor/$1" >/dev/null
  git diff --numstat refs/remotes/origin/main "conductor/$1" >"../workspaces/$1.files"
  git push -q origin "conductor/$1"
  request "open pull request of $1"
  {
    printf -- '---\ntitle: %s\nhead: conductor/%s\nstate: open\n---\n\n' "$1" "$1"
    cat "../workspaces/$1.files"
  } >"../pulls/$1.md"
  rm "../workspaces/$1.files"
  request "link $1"
  request "comment on $1"
  move "$1" "In Progress" "In Review"
  alone git worktree remove --force "$workspace"
  alone git branch -q -D "conductor/$1"
}

if [ "$1" = ticket ]; then
  ticket "$2"
  exit
fi
at_once=$1
shift
git fetch -q origin main
request "look up the states"
request "poll"
grep -l '^state: Todo$' ../tickets/*.md >/dev/null
state "claim $*"
printf '%s\n' "$@" | xargs -n 1 -P "$at_once" sh "$0" ticket
state "record $*"
