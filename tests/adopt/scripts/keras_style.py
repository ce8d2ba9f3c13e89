# In the manner of the Keras examples: literals, compile, fit; the library prints.
import numpy as np

import keras

batch_size = 32
epochs = 5
learning_rate = 0.05

rng = np.random.default_rng(0)
x_train = rng.normal(size=(300, 6))
y_train = (x_train[:, 0] + x_train[:, 1] > 0).astype("float32")

model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1, activation="sigmoid")])
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(learning_rate), metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, validation_split=0.2)
