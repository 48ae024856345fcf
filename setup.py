"""The packages of a wheel: `mfn`, and in it the configuration, which lies beside it in a clone."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["mfn", "mfn.*"]), "mfn.conf"], package_dir={"mfn.conf": "conf"})
