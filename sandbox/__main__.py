"""`python -m sandbox --dir D --parser PATH`: one sandbox, until SIGTERM."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sandbox.supervisor.run import Options, Supervisor
from sandbox.supervisor.errors import SandboxError


def parse(argv: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="where everything of this sandbox lies; kept between starts")
    parser.add_argument("--parser", type=Path, required=True, help="the built sandbox-parser")
    parser.add_argument("--terraform-config", type=Path, help="written to sandbox.env as TF_CLI_CONFIG_FILE")
    parser.add_argument(
        "--while-stdin-open",
        action="store_true",
        help="stop when standard input closes, so that no sandbox outlives the program that started it",
    )
    parser.add_argument("--mysql", type=Path, help="the folder of an unpacked MySQL server: the source, in place of MariaDB")
    given = parser.parse_args(argv)
    return Options(
        directory=given.dir.resolve(),
        parser=given.parser.resolve(),
        terraform_config=given.terraform_config.resolve() if given.terraform_config else None,
        while_stdin_open=given.while_stdin_open,
        mysql=given.mysql.resolve() if given.mysql else None,
    )


def main() -> int:
    try:
        return Supervisor(parse(sys.argv[1:])).run()
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
