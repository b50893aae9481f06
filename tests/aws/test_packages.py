"""The packages run on Lambda's Amazon Linux 2023, and SAM finds them where the template says."""

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from zipfile import ZipFile

from support import ROOT, TOOLS
from template import FUNCTIONS, TEMPLATE

# Amazon Linux 2023 has glibc 2.34.
GLIBC = (2, 34)


def package(name):
    return ROOT / "target" / "lambda" / f"nightkeep-{name.lower()}" / "bootstrap.zip"


class Packages(unittest.TestCase):
    def test_they_need_no_newer_glibc_than_lambda_has(self):
        for name in FUNCTIONS:
            with tempfile.TemporaryDirectory() as folder:
                with ZipFile(package(name)) as zipped:
                    self.assertEqual(zipped.namelist(), ["bootstrap"])
                    program = zipped.extract("bootstrap", folder)
                needed = subprocess.run(["readelf", "--version-info", "--wide", program], capture_output=True, text=True, check=True).stdout
            versions = {tuple(map(int, found.split("."))) for found in re.findall(r"\bGLIBC_([0-9.]+)", needed)}
            self.assertTrue(versions, name)
            self.assertLessEqual(max(versions), GLIBC, name)
            newest = ".".join(map(str, max(versions)))
            print(f"nightkeep-{name.lower()}: {package(name).stat().st_size / 1e6:.2f} MB zipped, needs glibc {newest}", flush=True)

    def test_sam_builds_what_can_be_deployed(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [str(TOOLS / "sam/bin/sam"), "build", "--template", str(TEMPLATE), "--build-dir", folder]
            done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={"PATH": "/usr/bin:/bin", "HOME": folder, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1", "LANG": "C.UTF-8"})
            self.assertEqual(done.returncode, 0, done.stderr)
            built = (Path(folder) / "template.yaml").read_text()
            for name in FUNCTIONS:
                uri = re.search(rf"\S*nightkeep-{name.lower()}/bootstrap\.zip", built)
                self.assertIsNotNone(uri, built)
                self.assertEqual((Path(folder) / uri[0]).resolve(), package(name).resolve())


if __name__ == "__main__":
    unittest.main()
