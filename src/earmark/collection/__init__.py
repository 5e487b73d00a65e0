"""A user's own music into a library: folders and manifests, heard by worker processes."""

from earmark.collection.builder import build
from earmark.collection.folder import scan_folder, scan_unlabelled
from earmark.collection.labelled_files import Collection, LabelledFile, Problem
from earmark.collection.levels import check_folders_are_genres
from earmark.collection.manifest import read_manifest
from earmark.collection.report import BuildReport
from earmark.collection.tagged import LabelRules, scan_tags
from earmark.collection.target import open_for_build

__all__ = [
    "BuildReport",
    "Collection",
    "LabelRules",
    "LabelledFile",
    "Problem",
    "build",
    "check_folders_are_genres",
    "open_for_build",
    "read_manifest",
    "scan_folder",
    "scan_tags",
    "scan_unlabelled",
]
