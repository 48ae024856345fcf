"""Which people and images of a benchmark a training set holds, and the training set without them."""
