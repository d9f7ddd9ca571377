"""The third-party front-end files under static/vendor/: fetch them again, or check that nobody touched them.

    python -m tests.repo.vendor           fetch every package of PACKAGES with `npm pack` and write the manifest
    python -m tests.repo.vendor --check   compare the files with the manifest; prints what differs

Only a maintainer who changes a version needs Node and npm; the product and its tests read the copies. The files are the
packages' own, save that the `sourceMappingURL` comment is cut (the maps are not shipped, and Django's static-file
manifest refuses a reference to a missing file). One exception: CodeMirror comes as modules only, which esbuild puts
into one file (`BUNDLES`); every package in it is pinned, so that the same bytes come out again. Nothing is patched.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[2] / "static" / "vendor"
MANIFEST = VENDOR / "MANIFEST.json"
SOURCE_MAP = re.compile(rb"(?:/\*|//)# sourceMappingURL=[^\s*]+(?: \*/)?\s*\Z")

MIT = """MIT License

{copyright}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


@dataclass(frozen=True, slots=True)
class Package:
    """One npm package and the files of it that are shipped.

    `files` are (path inside the package, name in the folder). `copyright` is given for a package that carries no
    licence file of its own: the lines of its banner, put into the licence it names.
    """

    folder: str
    npm: str
    version: str
    licence: str
    files: tuple[tuple[str, str], ...]
    copyright: str = ""


PACKAGES = (
    Package(
        folder="tabler-1.6.1",
        npm="@tabler/core",
        version="1.6.1",
        licence="MIT",
        files=(("dist/css/tabler.min.css", "tabler.min.css"),),
        copyright="Copyright 2018-2026 The Tabler Authors\nCopyright 2018-2026 codecalm.net Paweł Kuna",
    ),
    # The basic bundle: lines, bars and scatter are all that the pages draw.
    Package(
        folder="plotly-basic-4.1.1",
        npm="plotly.js-basic-dist-min",
        version="4.1.1",
        licence="MIT",
        files=(("plotly-basic.min.js", "plotly-basic.min.js"),),
    ),
    # Byte for byte the file inside the django-htmx wheel.
    Package(
        folder="htmx-2.0.10",
        npm="htmx.org",
        version="2.0.10",
        licence="0BSD",
        files=(("dist/htmx.min.js", "htmx.min.js"),),
    ),
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """One file made of several npm packages by esbuild. `entry` is a file beside this one that says what it exports.

    `parts` are (package, version), all of them, so that npm has nothing left to choose.
    """

    folder: str
    npm: str
    version: str
    licence: str
    entry: str
    name: str
    builder: str
    parts: tuple[tuple[str, str], ...]

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        return ((self.entry, self.name),)


BUNDLES = (
    Bundle(
        folder="codemirror-6.43.15",
        npm="@codemirror/view",
        version="6.43.15",
        licence="MIT",
        entry="codemirror.js",
        name="codemirror.min.js",
        builder="esbuild@0.28.2",
        parts=(
            ("@codemirror/autocomplete", "6.20.4"),
            ("@codemirror/commands", "6.11.1"),
            ("@codemirror/lang-json", "6.0.2"),
            ("@codemirror/lang-python", "6.2.1"),
            ("@codemirror/language", "6.13.1"),
            ("@codemirror/lint", "6.9.8"),
            ("@codemirror/state", "6.7.6"),
            ("@codemirror/streamparser", "6.0.0"),
            ("@codemirror/view", "6.43.15"),
            ("@lezer/common", "1.5.5"),
            ("@lezer/highlight", "1.2.5"),
            ("@lezer/json", "1.0.3"),
            ("@lezer/lr", "1.4.12"),
            ("@lezer/python", "1.1.19"),
            ("@marijn/find-cluster-break", "1.0.4"),
            ("crelt", "1.0.7"),
            ("style-mod", "4.1.5"),
            ("w3c-keyname", "2.2.8"),
        ),
    ),
)


def sha256(path: Path) -> str:
    """The file's SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(package: Package, scratch: Path) -> None:
    """Writes static/vendor/FOLDER anew from the npm package; raises CalledProcessError when npm cannot get it."""
    command = ["npm", "pack", f"{package.npm}@{package.version}", "--silent", "--pack-destination", str(scratch)]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    target = VENDOR / package.folder
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tarfile.open(scratch / name) as archive:
        for inside, outside in package.files:
            (target / outside).write_bytes(SOURCE_MAP.sub(b"\n", read(archive, f"package/{inside}")))
        text = MIT.format(copyright=package.copyright) if package.copyright else ""
        licence = text.encode() or read(archive, "package/LICENSE")
        (target / "LICENSE").write_bytes(licence)


def build(bundle: Bundle, scratch: Path) -> None:
    """Writes static/vendor/FOLDER anew: the bundle, and the licences of everything in it."""
    work = scratch / bundle.folder
    work.mkdir()
    entry = Path(shutil.copy(Path(__file__).with_name(bundle.entry), work))
    (work / "package.json").write_text('{"private": true}', encoding="utf-8")
    wanted = [f"{name}@{version}" for name, version in bundle.parts]
    quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact"]
    subprocess.run(["npm", "install", *quiet, *wanted, bundle.builder], cwd=work, check=True)
    target = VENDOR / bundle.folder
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    options = ["--bundle", "--minify", "--format=iife", "--global-name=CodeMirror", "--target=es2020", "--charset=utf8"]
    program = work / "node_modules" / ".bin" / "esbuild"
    subprocess.run([program, entry.name, *options, f"--outfile={target / bundle.name}"], cwd=work, check=True)
    licences: dict[str, list[str]] = {}
    for name, version in bundle.parts:
        text = (work / "node_modules" / name / "LICENSE").read_text(encoding="utf-8").strip()
        licences.setdefault(text, []).append(f"{name} {version}")
    told = [f"{', '.join(names)}:\n\n{text}\n" for text, names in licences.items()]
    (target / "LICENSE").write_text("\n\n".join(told), encoding="utf-8")


def read(archive: tarfile.TarFile, member: str) -> bytes:
    """The bytes of one regular file in the archive; raises KeyError when it is not there."""
    stream = archive.extractfile(member)
    if stream is None:
        raise KeyError(f"{member} is not a regular file")
    return stream.read()


def write_manifest() -> None:
    """Writes MANIFEST.json: for every shipped file its package, version, licence and hash."""
    rows = {}
    for package in (*PACKAGES, *BUNDLES):
        for name in [*(outside for _, outside in package.files), "LICENSE"]:
            path = VENDOR / package.folder / name
            rows[f"{package.folder}/{name}"] = {
                "package": package.npm,
                "version": package.version,
                "licence": package.licence,
                "sha256": sha256(path),
            }
    MANIFEST.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def differences() -> list[str]:
    """What does not agree between the manifest and the files, one sentence each; empty when all is well."""
    rows = json.loads(MANIFEST.read_text(encoding="utf-8"))
    found = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file() and path != MANIFEST}
    problems = [f"{name} is in the manifest but not on disk" for name in sorted(rows.keys() - found)]
    problems += [f"{name} is on disk but not in the manifest" for name in sorted(found - rows.keys())]
    for name in sorted(rows.keys() & found):
        if sha256(VENDOR / name) != rows[name]["sha256"]:
            problems.append(f"{name} is not the file that was vendored: its SHA-256 differs from the manifest")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.repo.vendor", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare the files with the manifest")
    if not parser.parse_args().check:
        if not shutil.which("npm"):
            sys.exit("npm is needed to fetch the packages. Install Node.js, or use --check to compare the files.")
        with tempfile.TemporaryDirectory() as scratch:
            for package in PACKAGES:
                print(f"fetching {package.npm} {package.version}")
                fetch(package, Path(scratch))
            for bundle in BUNDLES:
                print(f"building {bundle.folder} with {bundle.builder}")
                build(bundle, Path(scratch))
        write_manifest()
    problems = differences()
    print("\n".join(problems) or "The files agree with the manifest.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
