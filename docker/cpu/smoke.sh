#!/usr/bin/env bash
# Builds the image and checks that it does what it is for: the kernel is installed, a cell runs
# without a network, the user is not root, and the first notebook runs to its end.
set -euo pipefail
cd "$(dirname "$0")/../.."
image=${1:-lathe:cpu}

docker build -f docker/cpu/Dockerfile -t "$image" .

echo "== the user is not root"
test "$(docker run --rm "$image" id -u)" = 1000

echo "== Jupyter knows the kernel"
docker run --rm "$image" jupyter kernelspec list | grep -w lathe

echo "== a cell runs without a network"
docker run --rm --network none -i "$image" bash -c 'cat >sum.ipynb && lathe run sum.ipynb' <<'EOF' | grep -x 42
{"cells": [{"cell_type": "code", "execution_count": null, "id": "sum", "metadata": {}, "outputs": [], "source": "6*7"}],
 "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
EOF

echo "== the first notebook runs"
docker run --rm "$image" bash -c 'lathe run notebooks/01-digits.ipynb -o work/01.ipynb && lathe report work/01.ipynb'
echo "== all is well"
