"""The vendored front-end files are the ones that were vendored, each with its licence."""

import shutil

import pytest

from tests.repo import vendor


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of static/vendor that a test may spoil."""
    folder = tmp_path / "vendor"
    shutil.copytree(vendor.VENDOR, folder)
    monkeypatch.setattr(vendor, "VENDOR", folder)
    monkeypatch.setattr(vendor, "MANIFEST", folder / "MANIFEST.json")
    return folder


def test_files_agree_with_the_manifest():
    assert vendor.differences() == []


def test_every_package_has_its_files_and_a_licence():
    for package in (*vendor.PACKAGES, *vendor.BUNDLES):
        folder = vendor.VENDOR / package.folder
        assert all((folder / name).stat().st_size for _, name in package.files)
        assert "without" in (folder / "LICENSE").read_text(encoding="utf-8").lower()
        assert package.version in package.folder


def test_a_changed_file_is_named(copy):
    changed = copy / "htmx-2.0.10" / "htmx.min.js"
    changed.write_text(changed.read_text() + ";")
    assert vendor.differences() == [
        "htmx-2.0.10/htmx.min.js is not the file that was vendored: its SHA-256 differs from the manifest"
    ]


def test_an_extra_and_a_missing_file_are_named(copy):
    (copy / "stray.js").write_text("")
    (copy / "plotly-basic-4.1.1" / "LICENSE").unlink()
    assert vendor.differences() == [
        "plotly-basic-4.1.1/LICENSE is in the manifest but not on disk",
        "stray.js is on disk but not in the manifest",
    ]


def test_every_part_of_a_bundle_is_pinned_and_its_licence_is_there():
    for bundle in vendor.BUNDLES:
        licence = (vendor.VENDOR / bundle.folder / "LICENSE").read_text(encoding="utf-8")
        assert all(f"{name} {version}" in licence for name, version in bundle.parts)
        exported = (vendor.VENDOR.parents[1] / "tests" / "repo" / bundle.entry).read_text(encoding="utf-8")
        wanted = {line.split('"')[1] for line in exported.splitlines() if line.startswith("export")}
        assert wanted <= {name for name, _ in bundle.parts}


def test_a_bundle_needs_no_eval():
    """The pages' Content-Security-Policy forbids it."""
    for bundle in vendor.BUNDLES:
        text = (vendor.VENDOR / bundle.folder / bundle.name).read_text(encoding="utf-8")
        assert "eval(" not in text
        assert "new Function" not in text
