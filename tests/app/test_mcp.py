"""The page's functions as tools of an MCP server, called by the protocol's client."""

from __future__ import annotations

from typing import Any

from anyio.from_thread import start_blocking_portal
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent

from dmfa_demo.app.server.api import ENDPOINTS
from tests.conftest import serving

MASK = {"height": 28, "width": 28, "runs": [200, 100, 400, 7]}


def test_every_endpoint_is_a_working_tool():
    async def ask(address: str) -> tuple[set[str], list[Any]]:
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/") as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            assert all(tool.description for tool in tools)
            arguments = {"image": 42, "dataset": "mnist"}
            good = await session.call_tool("evaluate", {**arguments, "mask": MASK})
            bad = await session.call_tool("evaluate", {**arguments, "mask": [[1]]})
            return {tool.name for tool in tools}, [good, bad]

    # In a separate thread, since Playwright has a running event loop in the tests' thread.
    with serving(GRADIO_MCP_SERVER="True") as address, start_blocking_portal() as portal:
        names, (good, bad) = portal.call(ask, address)
    assert names == {endpoint.__name__ for endpoint in ENDPOINTS}
    assert not good.isError and "psnr" in text_of(good)
    assert bad.isError and "both must have the same size" in text_of(bad)


def text_of(answer: Any) -> str:
    (content,) = answer.content
    assert isinstance(content, TextContent)
    return content.text
