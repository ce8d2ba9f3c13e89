# A notebook that was saved as a script.
import numpy as np

# %%
SEED = 0
LEARNING_RATE = 1e-1
BATCH_SIZE = 20
EPOCHS = 6
HIDDEN_UNITS = 8
DATA_DIR = "data/"
rng = np.random.default_rng(SEED)

# %%
x = rng.normal(size=(500, 3))
y = (np.linalg.norm(x, axis=1) > 1.5).astype(float)
x_train, x_val, y_train, y_val = x[:400], x[400:], y[:400], y[400:]

# %%
w1 = rng.normal(size=(3, HIDDEN_UNITS))
b1 = rng.normal(size=HIDDEN_UNITS)
w2 = np.zeros(HIDDEN_UNITS)
history = []
for epoch in range(EPOCHS):
    for i in range(0, len(x_train), BATCH_SIZE):
        xb, yb = x_train[i : i + BATCH_SIZE], y_train[i : i + BATCH_SIZE]
        h = np.tanh(xb @ w1 + b1)
        p = 1 / (1 + np.exp(-(h @ w2)))
        w2 -= LEARNING_RATE * h.T @ (p - yb) / len(xb)
    val_acc = np.mean(((np.tanh(x_val @ w1 + b1) @ w2) > 0) == y_val)
    history.append(val_acc)
    print(f"Epoch {epoch + 1}/{EPOCHS}: {val_acc=:.4f}")

# %%
print("Best:", max(history))
