# A notebook that was saved as a script: its settings are constants, and stay so.
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

LEARNING_RATE = 0.0001
ALPHA = 0.1
EPOCHS = 8
SEED = 0

images, labels = load_digits(return_X_y=True)
x_train, x_valid, y_train, y_valid = train_test_split(images / 16, labels, test_size=0.3, random_state=0)

model = SGDClassifier(loss="log_loss", alpha=ALPHA, learning_rate="constant", eta0=LEARNING_RATE, random_state=SEED)
for epoch in range(EPOCHS):
    model.partial_fit(x_train, y_train, classes=range(10))
    print(f"epoch {epoch + 1}: validation accuracy {model.score(x_valid, y_valid):.4f}")
