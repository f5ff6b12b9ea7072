"""The peer: Falcon's hello world, on the same server with the same settings."""

import sys

import falcon
import falcon.asgi
import uvicorn

from api.server import server_config


class Hello:
    """Says hello."""

    async def on_get(self, _req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """As Falcon's own documentation does."""
        resp.media = {"hello": "world"}


if __name__ == "__main__":
    app = falcon.asgi.App()
    app.add_route("/", Hello())
    uvicorn.Server(server_config(app, host="127.0.0.1", port=int(sys.argv[1]))).run()
