"""Opening faces with their identities, whatever they lie in."""

from pathlib import Path

from mfn.packs.lmdb.place import databases_in
from mfn.packs.pack_files import find_pack, packs_in
from mfn.packs.parquet.places import holds_tables
from mfn.sources.folder_dataset import FolderDataset
from mfn.sources.lmdb_dataset import LmdbDataset
from mfn.sources.parquet_dataset import ParquetDataset
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.roots import given_path
from mfn.sources.shard_dataset import ShardDataset
from mfn.sources.shard_places import holds_shards
from mfn.sources.source import FaceSource
from mfn.sources.tfrecord_dataset import TFRecordDataset, shards_in


def open_faces(root: str | Path | int | None, key: str = "root") -> FaceSource:
    """Opens the faces at a place.

    Args:
        root: An InsightFace pack, an LMDB pack, Parquet files, tar shards or TFRecord files, the file or its folder;
            or a folder of one folder per person.
        key: What the configuration calls it, for messages.

    Raises:
        ConfigError: It is not given, or no path.
        DataError: There is none of these.
    """
    place = given_path(root, key)
    return records_at(place) or FolderDataset(place)


def records_at(place: Path) -> FaceSource | None:
    """Opens the packs, Parquet files, tar shards or TFRecord files at a place; None where there are none.

    Raises:
        DataError: They are damaged, or there are several packs of which none is the usual one.
    """
    if find_pack(place) is not None or packs_in(place):
        return RecordDataset(place)
    if databases_in(place):
        return LmdbDataset(place)
    if holds_tables(place):
        return ParquetDataset(place)
    if holds_shards(place):
        return ShardDataset(place)
    return TFRecordDataset(place) if shards_in(place) else None
