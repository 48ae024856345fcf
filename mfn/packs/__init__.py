"""Bytes on disk: RecordIO, InsightFace packs and TFRecord files, read and written."""
