"""TFRecord files of the older projects, read without TensorFlow."""
