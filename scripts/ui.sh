#!/usr/bin/env bash
# Builds the window's pages when they are older than what they are made of.
set -euo pipefail
cd "$(dirname "$0")/../ui"

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "installing the pages' packages"
  npm ci --silent --no-audit --no-fund
fi
made=dist/index.html
if [ ! -e dist/assets ] || [ -n "$(find src public index.html package-lock.json vite.config.ts -newer "$made" -print -quit)" ]; then
  echo "building the pages"
  npm run --silent build -- --logLevel warn
fi
