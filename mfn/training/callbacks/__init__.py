"""Lightning callbacks: state around the training loop, none of it needed to know the network."""
