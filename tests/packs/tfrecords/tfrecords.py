"""Writing TFRecord files by other code than ours: TensorBoard's framing, Google's protobuf."""

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorboard.summary.writer.record_writer import RecordWriter

Features = dict[str, list[Any]]


def _example_class() -> Any:
    """Builds tf.train.Example from its published definition (example.proto, feature.proto)."""
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="t", syntax="proto3")
    kind = descriptor_pb2.FieldDescriptorProto

    def message(parent: Any, name: str, *fields: tuple[str, int, int, int, str]) -> Any:
        added = parent.add(name=name)
        for field, number, label, type_, type_name in fields:
            added.field.add(name=field, number=number, label=label, type=type_, type_name=type_name or None)
        return added

    many, one = kind.LABEL_REPEATED, kind.LABEL_OPTIONAL
    message(file.message_type, "BytesList", ("value", 1, many, kind.TYPE_BYTES, ""))
    message(file.message_type, "FloatList", ("value", 1, many, kind.TYPE_FLOAT, ""))
    message(file.message_type, "Int64List", ("value", 1, many, kind.TYPE_INT64, ""))
    feature = message(
        file.message_type,
        "Feature",
        ("bytes_list", 1, one, kind.TYPE_MESSAGE, ".t.BytesList"),
        ("float_list", 2, one, kind.TYPE_MESSAGE, ".t.FloatList"),
        ("int64_list", 3, one, kind.TYPE_MESSAGE, ".t.Int64List"),
    )
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    entry = ("feature", 1, many, kind.TYPE_MESSAGE, ".t.Features.FeatureEntry")
    features = message(file.message_type, "Features", entry)
    pair = (("key", 1, one, kind.TYPE_STRING, ""), ("value", 2, one, kind.TYPE_MESSAGE, ".t.Feature"))
    message(features.nested_type, "FeatureEntry", *pair).options.map_entry = True
    message(file.message_type, "Example", ("features", 1, one, kind.TYPE_MESSAGE, ".t.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))


_Example = _example_class()


def example(features: Features) -> bytes:
    message = _Example()
    for name, values in features.items():
        feature = message.features.feature[name]
        lists = {bytes: feature.bytes_list, float: feature.float_list, int: feature.int64_list}
        lists[type(values[0])].value.extend(values)
    return message.SerializeToString(deterministic=True)


def write_records(path: Path, records: list[bytes]) -> Path:
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for record in records:
            writer.write(record)
        writer.flush()
    return path


def write_examples(path: Path, examples: list[Features]) -> Path:
    return write_records(path, [example(features) for features in examples])
