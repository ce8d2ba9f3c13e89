library(optparse)
options <- parse_args(OptionParser(option_list = list(
  make_option(c("-l", "--lr"), type = "double", default = 0.05, help = "learning rate"),
  make_option("--batch-size", type = "integer", default = 20L),
  make_option("--epochs", type = "integer", default = 5L),
  make_option("--seed", type = "integer", default = 1L)
)))
set.seed(options$seed)
x <- rnorm(200); y <- 2 * x + rnorm(200); w <- 0
for (epoch in 1:options$epochs) {
  for (rows in split(1:150, ceiling(1:150 / options$`batch-size`))) {
    w <- w - options$lr * mean((w * x[rows] - y[rows]) * x[rows])
  }
  cat(sprintf("epoch %d val_rmse %.5f\n", epoch, sqrt(mean((w * x[151:200] - y[151:200])^2))))
}
