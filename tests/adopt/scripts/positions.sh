#!/bin/sh
# Settings by position and from the environment.
lr=${1:-0.05}
epochs=${2:-4}
batch_size=$3
awk -v lr="$lr" -v n="$epochs" -v b="${batch_size:-20}" 'BEGIN {
  for (i = 0; i < n * 100 / b; i++) w -= lr * (w - 2)
  printf "final validation error: %.5f\n", (w - 2) ^ 2 + 0.01
}'
