"""Parquet and Arrow files of image sets, read image by image without taking in their neighbours."""
