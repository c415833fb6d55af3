"""The command line of the light page: `python -m dmfa_demo.lite build OUT`, `serve OUT`, `publish OUT --repo-id USER/NAME`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m dmfa_demo.lite", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="write the page to a folder")
    build.add_argument("out", type=Path)
    build.add_argument("--dataset", nargs="+", default=[], help="data sets to offer; all by default")
    build.add_argument(
        "--method", nargs="+", default=[], help="methods and classifiers to offer, by folder; all by default"
    )
    build.add_argument("--runtime", type=Path, help="a folder with ONNX Runtime Web; by default npm downloads it")
    serve = commands.add_parser("serve", help="serve the page on this machine")
    serve.add_argument("out", type=Path)
    serve.add_argument("--port", type=int, default=8000)
    publish = commands.add_parser("publish", help="upload the page as a static Space of the Hugging Face Hub")
    publish.add_argument("out", type=Path)
    publish.add_argument("--repo-id", required=True, help="USER/NAME")
    publish.add_argument("--private", action="store_true")
    return parser


def main(words: list[str] | None = None) -> int:
    """Run a command; return its exit code."""
    given = parser().parse_args(words)
    try:
        _run(given)
    except (ValueError, OSError) as error:
        print(f"python -m dmfa_demo.lite: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(given: argparse.Namespace) -> None:
    if given.command == "build":
        from dmfa_demo.lite.build import build

        build(given.out, datasets=given.dataset, methods=given.method, runtime=given.runtime)
        size = sum(path.stat().st_size for path in given.out.rglob("*") if path.is_file())
        print(f"wrote {given.out}, {size / 1e6:.0f} MB; look at it with python -m dmfa_demo.lite serve {given.out}")
    elif given.command == "serve":
        from dmfa_demo.lite.serve import server

        with server(given.out, given.port) as running:
            print(f"http://127.0.0.1:{running.server_address[1]}", flush=True)
            running.serve_forever()
    else:
        from dmfa_demo.lite.publish import publish

        print(publish(given.out, given.repo_id, private=given.private))


if __name__ == "__main__":
    sys.exit(main())
