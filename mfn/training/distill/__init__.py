"""Learning from another network: the teacher, and the terms of the loss that compare with it."""
