"""The program that makes the network's file from the wheel that holds its weights."""

from __future__ import annotations

import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import onnx
import pytest

from support import scripts
from support.skips import NETWORK, skip

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "make_network.py"
SHIPPED = ROOT / "src" / "earmark" / "data" / "msd_musicnn.onnx"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return scripts.load("make_network")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet"]
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, "--dest", folder, "musicnn==0.1.0"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if fetched.returncode:
        skip(f"no wheel musicnn 0.1.0: {fetched.stderr.strip()[-200:]}", NETWORK)
    return next(folder.glob("musicnn-0.1.0-*.whl"))


def test_running_it_again_gives_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.onnx"
    subprocess.run([sys.executable, SCRIPT, wheel, made], check=True, capture_output=True)
    assert made.read_bytes() == SHIPPED.read_bytes()


def test_the_other_network_of_the_kind_can_be_made_too(wheel: Path, tmp_path: Path) -> None:
    made = tmp_path / "mtt.onnx"
    subprocess.run(
        [sys.executable, SCRIPT, wheel, made, "--model", "MTT_musicnn"],
        check=True,
        capture_output=True,
    )
    onnx.checker.check_model(onnx.load(made), full_check=True)


def test_the_file_says_where_it_comes_from() -> None:
    model = onnx.load(SHIPPED)
    onnx.checker.check_model(model, full_check=True)
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert "musicnn 0.1.0" in said["origin"]
    assert "Pons and Serra" in said["paper"]
    assert "ISC" in said["licence"]
    # Nothing in it depends on the versions of the libraries that wrote it.
    assert (model.ir_version, model.producer_version) == (8, "")
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    assert SHIPPED.stat().st_size < 4_000_000


def table(block: bytes, kind: int) -> bytes:
    """Return a sorted table of one block, whose type byte is ``kind``, as TensorFlow writes it."""

    def handle(offset: int, size: int) -> bytes:
        assert offset < 128
        assert size < 128
        return bytes([offset, size])

    def one_entry(key: bytes, value: bytes) -> bytes:
        entry = bytes([0, len(key), len(value)]) + key + value
        return entry + struct.pack("<II", 0, 1)

    first = block + bytes([kind]) + bytes(4)
    index = one_entry(b"z", handle(0, len(block)))
    footer = handle(0, 0) + handle(len(first), len(index))
    magic = 0xDB4775248B80FB57
    return first + index + bytes(5) + footer.ljust(40, b"\0") + struct.pack("<Q", magic)


def write_wheel(path: Path, index: bytes, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("musicnn/MSD_musicnn/.index", index)
        archive.writestr("musicnn/MSD_musicnn/.data-00000-of-00001", data)
    return path


def block_of(name: bytes, entry: bytes) -> bytes:
    """Return a block with one variable."""
    return bytes([0, len(name), len(entry)]) + name + entry + struct.pack("<II", 0, 1)


# dtype float32; shape [2]; at byte 4, 8 bytes long.
ENTRY = bytes([0x08, 1, 0x12, 4, 0x12, 2, 0x08, 2, 0x20, 4, 0x28, 8])


def test_a_plain_table_is_read(script: ModuleType, tmp_path: Path) -> None:
    data = struct.pack("<3f", 9.0, 1.5, -2.0)
    wheel = write_wheel(tmp_path / "one.whl", table(block_of(b"bias", ENTRY), 0), data)
    weights = script.read_checkpoint(wheel, "MSD_musicnn")
    assert {name: value.tolist() for name, value in weights.items()} == {"bias": [1.5, -2.0]}


def test_a_compressed_table_is_refused(script: ModuleType, tmp_path: Path) -> None:
    index = table(block_of(b"bias", ENTRY), 1)
    wheel = write_wheel(tmp_path / "snappy.whl", index, bytes(12))
    with pytest.raises(ValueError, match="compressed"):
        script.read_checkpoint(wheel, "MSD_musicnn")


def test_what_is_no_checkpoint_is_refused(script: ModuleType) -> None:
    # A field of a fixed 64 bits, which a checkpoint never has.
    with pytest.raises(ValueError, match="wire type 1"):
        script.read_message(bytes([0x09]) + bytes(8))
