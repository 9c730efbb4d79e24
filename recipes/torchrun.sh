#!/bin/sh
# Train a recipe with several processes on this machine: one per GPU, or on CPUs.
#   recipes/torchrun.sh RECIPE OUT [--processes N] [further options of `llmexam train`]
set -eu
recipe=$1 out=$2
shift 2
processes=2
if [ "${1:-}" = "--processes" ]; then
    processes=$2
    shift 2
fi
# Without this, each process starts a thread for every core.
: "${OMP_NUM_THREADS:=$(( ($(getconf _NPROCESSORS_ONLN) + processes - 1) / processes ))}"
export OMP_NUM_THREADS
# --standalone: a free port of this machine, on the loopback interface.
exec python -m torch.distributed.run --standalone --nproc-per-node "$processes" \
    -m llmexam train "$recipe" --out "$out" "$@"
