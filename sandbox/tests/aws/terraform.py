"""Real Terraform with the real AWS provider."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from sandbox.tests.aws.lab import ROOT

AWS = Path("registry.terraform.io/hashicorp/aws")


def mirror() -> Path | None:
    """The folder with the AWS provider, found as `cargo xtask` finds it; without one Terraform asks the Registry."""
    named = os.environ.get("TF_PLUGIN_MIRROR_DIR")
    if named:
        assert (Path(named) / AWS).is_dir(), f"TF_PLUGIN_MIRROR_DIR is {named}, which holds no {AWS}"
        return Path(named)
    home = Path.home()
    data = os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share").split(":")
    folders = [home / ".terraform.d/plugins", Path(os.environ.get("XDG_DATA_HOME", home / ".local/share")) / "terraform/plugins"]
    folders += [Path(d) / "terraform/plugins" for d in data]
    folders += sorted(Path("/opt").glob("*"))
    return next((f for f in folders if (f / AWS).is_dir()), None)


VERSIONS = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}
"""
#: For folders that do not copy the example, which has a provider of its own.
PROVIDER = """
provider "aws" {
  region            = "us-east-1"
  s3_use_path_style = true
}
"""


class Terraform:
    """One working folder, with the AWS half of examples/complete unless it gets a configuration of its own."""

    def __init__(self, folder: Path, url: str, *, configuration: str | None = None, **variables: str) -> None:
        assert shutil.which("terraform"), "Terraform is missing: https://developer.hashicorp.com/terraform/install (1.11 or newer)"
        self.folder = folder
        folder.mkdir(parents=True)
        cli = folder / "cli.tfrc"
        found = mirror()
        method = f"filesystem_mirror {{ path = {json.dumps(str(found))} }}" if found else "direct {}"
        cli.write_text(f"provider_installation {{\n  {method}\n}}\ndisable_checkpoint = true\n")
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))},
            "TF_CLI_CONFIG_FILE": str(cli),
            "TF_IN_AUTOMATION": "1",
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            **{f"TF_VAR_{k}": v for k, v in variables.items()},
        }
        self.write("versions.tf", VERSIONS)
        if configuration is not None:
            self.write("main.tf", PROVIDER + configuration)
        else:
            for file in (ROOT / "examples/complete").glob("aws*.tf"):
                shutil.copy(file, folder)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def run(self, *arguments: str, expect: int = 0) -> str:
        command = ["terraform", *arguments, "-no-color"]
        done = subprocess.run(command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False)
        # The errors last: of a long text CI keeps the ends.
        assert done.returncode == expect, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr}"
        return done.stdout

    def apply(self) -> None:
        self.run("apply", "-auto-approve", "-input=false")

    def plan_is_empty(self) -> None:
        self.run("plan", "-detailed-exitcode", "-input=false")

    def destroy(self) -> None:
        self.run("destroy", "-auto-approve", "-input=false")

    def output(self, name: str) -> str:
        return json.loads(self.run("output", "-json"))[name]["value"]
