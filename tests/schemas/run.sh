#!/bin/bash
# The JSON Schemas of `retaind schema` against everything that ships, by a real validator, and in a real editor's language
# server. RETAIND is the program; RETAIND_YAML_SERVER a folder with yaml-language-server in its node_modules. What is not
# there is skipped, and says so.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
retaind=${RETAIND:-$root/target/debug/retaind}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$retaind" schema --plain --out "$scratch/plain" 2>/dev/null
playbooks=()
for rule in "$root"/rules/*.yaml; do
  case $rule in *.test.yaml | */segments.yaml) continue ;; esac
  name=$(basename "$rule" .yaml)
  playbooks+=(--playbook "$name")
  "$retaind" init "$scratch/$name" --playbook "$name" >/dev/null
done
"$retaind" init "$scratch/all" "${playbooks[@]}" >/dev/null

# A validator in a folder of its own, so that the machine's Python stays as it is.
python=${RETAIND_PYTHON:-$scratch/venv/bin/python3}
if ! "$python" -c 'import jsonschema, yaml' 2>/dev/null; then
  python=$scratch/venv/bin/python3
  { python3 -m venv "$scratch/venv" && "$python" -m pip install -q jsonschema pyyaml; } >/dev/null 2>&1 || true
fi
if "$python" -c 'import jsonschema, yaml' 2>/dev/null; then
  "$python" "$here/validate.py" "$root" "$scratch"
else
  echo "skipped: no jsonschema and pyyaml to be had: the schemas are not tried on the files that ship" >&2
fi

server=${RETAIND_YAML_SERVER:-$scratch/node}
if [ ! -d "$server/node_modules/yaml-language-server" ] && command -v npm >/dev/null; then
  npm install --silent --no-save --prefix "$server" yaml-language-server@1.19.2 >/dev/null 2>&1 || true
fi
if [ -d "$server/node_modules/yaml-language-server" ]; then
  node "$here/editor.cjs" "$server/node_modules/yaml-language-server/bin/yaml-language-server" "$scratch/all"
else
  echo "skipped: no yaml-language-server to be had: the schemas are not tried in an editor" >&2
fi
