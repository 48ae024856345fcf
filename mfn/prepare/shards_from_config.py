"""Tar shards as ``conf/prepare_shards.yaml`` describes them."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from mfn.config.build import build
from mfn.prepare.inputs import files_of, input_paths, stamp
from mfn.prepare.places import output_folder, refuse_files_inside, refuse_overlap
from mfn.prepare.tar_shards import ShardRules, write_shards
from mfn.prepare.workspace import Workspace
from mfn.sources.source import FaceSource


def prepare_shards(config: DictConfig) -> dict[str, Any]:
    """Writes the images of a source as tar shards.

    Args:
        config: The composed ``conf/prepare_shards.yaml``.

    Returns:
        What was written, for a table.

    Raises:
        MfnError: Values or images do not fit; the message says what to do.
    """
    plain: Any = OmegaConf.to_container(config, resolve=True)
    source_node, output = plain.pop("source"), output_folder(plain.pop("output"))
    overwrite = plain.pop("overwrite")
    named = input_paths({"source": source_node})
    workspace = Workspace(output)
    for folder in (output, workspace.work):
        refuse_overlap(folder, named)
    source: FaceSource = build(config.source)
    files = files_of(source, named.get("source.root"))
    for folder in (output, workspace.work):
        if folder.exists():
            refuse_files_inside(folder, files)
    inputs = {"source": source_node, "photos": stamp(files)}
    return write_shards(source, ShardRules(**plain), workspace, inputs, overwrite=overwrite)
