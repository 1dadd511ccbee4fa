"""Answers gRPC requests that are no messages of the protocol."""

from collections.abc import Callable

import grpc
from google.protobuf.message import DecodeError


class MalformedRequests(grpc.aio.ServerInterceptor):
    """Answers bytes that are no request of a method with `INVALID_ARGUMENT`.

    gRPC itself answers them as an unknown error, and writes the traceback of each into the log.
    """

    async def intercept_service(self, continuation: Callable, details: grpc.HandlerCallDetails):
        """Returns the handler of a method, which takes what cannot be read for such a request."""
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler

        def parsed(content: bytes):
            try:
                return handler.request_deserializer(content)
            except DecodeError:
                return None

        async def answered(request, context: grpc.aio.ServicerContext):
            if request is None:
                method = details.method.rpartition("/")[2]
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the content is no request of {method}")
            return await handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(answered, parsed, handler.response_serializer)
