#!/bin/sh
# Fits a line by gradient descent, in awk.
lr=0.001
epochs=10
batch_size=50
while [ $# -gt 0 ]; do
  case "$1" in
    --lr) lr="$2"; shift 2 ;;
    --epochs) epochs="$2"; shift 2 ;;
    --batch-size) batch_size="$2"; shift 2 ;;
    *) echo "unknown argument: $1" >&2; exit 2 ;;
  esac
done

slope=0
for epoch in $(seq 1 "$epochs"); do
  slope=$(awk -v w="$slope" -v lr="$lr" -v b="$batch_size" 'BEGIN {
    srand(1)
    for (step = 0; step < 200 / b; step++) {
      gradient = 0
      for (i = 0; i < b; i++) { x = rand() * 2 - 1; gradient += (w * x - 3 * x) * x / b }
      w -= lr * gradient
    }
    print w
  }')
  loss=$(awk -v w="$slope" 'BEGIN { printf "%.6f", (w - 3) ^ 2 / 3 + 0.01 }')
  echo "epoch $epoch val_loss $loss"
done
