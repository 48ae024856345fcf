"""The record reader and writer under the name that users know; they live in `mfn.packs.recordio`."""

from mfn.packs.recordio import IndexedRecordReader, RecordWriter

__all__ = ["IndexedRecordReader", "RecordWriter"]
