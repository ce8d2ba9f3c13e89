#!/bin/sh
# Gradient descent in awk; settings as flags.
LR=0.1
BATCH_SIZE=10
EPOCHS=5
while [ $# -gt 0 ]; do
  case "$1" in
    --lr) LR="$2"; shift 2 ;;
    --batch-size) BATCH_SIZE="$2"; shift 2 ;;
    --epochs) EPOCHS="$2"; shift 2 ;;
    *) echo "unknown argument $1" >&2; exit 2 ;;
  esac
done
weight=0
for epoch in $(seq 1 "$EPOCHS"); do
  weight=$(awk -v w="$weight" -v lr="$LR" -v b="$BATCH_SIZE" 'BEGIN { for (i = 0; i < 100 / b; i++) w -= lr * (w - 3); print w }')
  loss=$(awk -v w="$weight" 'BEGIN { printf "%.6f", (w - 3) ^ 2 + 0.1 }')
  echo "epoch=$epoch val_loss=$loss"
done
