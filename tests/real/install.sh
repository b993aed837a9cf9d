#!/bin/sh
# Installs the real agents into a directory of their own, and says how to test with them:
#
#   eval "$(tests/real/install.sh DIR)" && cargo test --test real
#
# Needs npm and the network. Nothing is installed anywhere else, and no account is used: the tests
# bring their own model server on loopback.
set -eu
dir=${1:?usage: tests/real/install.sh DIR}
claude=${CLAUDE_VERSION:-2.1.330}
codex=${CODEX_VERSION:-0.169.0}
mkdir -p "$dir"
npm install --prefix "$dir" --no-audit --no-fund --no-save \
  "@anthropic-ai/claude-code@$claude" "@openai/codex@$codex" >&2
dir=$(cd "$dir" && pwd)
echo "export CONDUCTOR_REAL_CLAUDE='$dir/node_modules/.bin/claude'"
echo "export CONDUCTOR_REAL_CODEX='$dir/node_modules/.bin/codex'"
