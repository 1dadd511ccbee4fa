"""Runs signatures of a SavedModel through TensorFlow's C API alone, as a C++ server does.

The standard input is JSON: the shared libraries, the op libraries, the export, and for each request the texts of its
input tensors and the names of its output tensors. The standard output is a JSON list with each request's outputs.
"""

import ctypes
import json
import math
import sys
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p

FLOAT, INT32, STRING, BOOL = 1, 3, 7, 10
STRING_SIZE = 24


class Output(ctypes.Structure):
    _fields_ = [("operation", c_void_p), ("index", c_int)]


SIGNATURES = {
    "TF_NewStatus": (c_void_p,),
    "TF_GetCode": (c_int, c_void_p),
    "TF_Message": (c_char_p, c_void_p),
    "TF_LoadLibrary": (c_void_p, c_char_p, c_void_p),
    "TF_NewGraph": (c_void_p,),
    "TF_NewSessionOptions": (c_void_p,),
    "TF_LoadSessionFromSavedModel": (
        *(c_void_p, c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int),
        *(c_void_p, c_void_p, c_void_p),
    ),
    "TF_GraphOperationByName": (c_void_p, c_void_p, c_char_p),
    "TF_SessionRun": (
        *(None, c_void_p, c_void_p, POINTER(Output), POINTER(c_void_p), c_int),
        *(POINTER(Output), POINTER(c_void_p), c_int, POINTER(c_void_p), c_int, c_void_p, c_void_p),
    ),
    "TF_AllocateTensor": (c_void_p, c_int, POINTER(c_int64), c_int, c_size_t),
    "TF_TensorData": (c_void_p, c_void_p),
    "TF_TensorType": (c_int, c_void_p),
    "TF_NumDims": (c_int, c_void_p),
    "TF_Dim": (c_int64, c_void_p, c_int),
    "TF_StringInit": (None, c_void_p),
    "TF_StringCopy": (None, c_void_p, c_char_p, c_size_t),
    "TF_StringGetDataPointer": (c_void_p, c_void_p),
    "TF_StringGetSize": (c_size_t, c_void_p),
}


class Library:
    """The C API; each function raises where its status is not OK."""

    def __init__(self, paths: list[str]):
        libraries = [ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL) for path in paths]
        for name, (result, *arguments) in SIGNATURES.items():
            function = getattr(libraries[-1], name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        self.status = self.TF_NewStatus()

    def checked(self, function, *arguments):
        result = function(*arguments, self.status)
        if self.TF_GetCode(self.status):
            raise RuntimeError(self.TF_Message(self.status).decode())
        return result

    def load(self, export: str):
        graph, tags = self.TF_NewGraph(), (c_char_p * 1)(b"serve")
        options = self.TF_NewSessionOptions()
        load = self.TF_LoadSessionFromSavedModel
        return graph, self.checked(load, options, None, export.encode(), tags, 1, graph, None)

    def output(self, graph, tensor: str) -> Output:
        name, _, index = tensor.partition(":")
        return Output(self.TF_GraphOperationByName(graph, name.encode()), int(index))

    def strings(self, texts: list[str]):
        tensor = self.TF_AllocateTensor(STRING, (c_int64 * 1)(len(texts)), 1, STRING_SIZE * len(texts))
        data = self.TF_TensorData(tensor) or 0
        for place, text in enumerate(texts):
            self.TF_StringInit(data + STRING_SIZE * place)
            self.TF_StringCopy(data + STRING_SIZE * place, text.encode(), len(text.encode()))
        return tensor

    def values(self, tensor) -> list:
        shape = [self.TF_Dim(tensor, axis) for axis in range(self.TF_NumDims(tensor))]
        size, data = math.prod(shape), self.TF_TensorData(tensor)
        numbers = {FLOAT: ctypes.c_float, INT32: ctypes.c_int32, BOOL: ctypes.c_bool}.get(self.TF_TensorType(tensor))
        if numbers is not None:
            return list((numbers * size).from_address(data)) if size else []
        places = [data + STRING_SIZE * place for place in range(size)]
        return [ctypes.string_at(self.TF_StringGetDataPointer(p), self.TF_StringGetSize(p)).decode() for p in places]

    def run(self, graph, session, inputs: dict[str, list[str]], outputs: dict[str, str]) -> dict[str, list]:
        fed = (Output * len(inputs))(*(self.output(graph, tensor) for tensor in inputs))
        texts = (c_void_p * len(inputs))(*map(self.strings, inputs.values()))
        asked = (Output * len(outputs))(*(self.output(graph, tensor) for tensor in outputs.values()))
        found = (c_void_p * len(outputs))()
        arguments = (fed, texts, len(inputs), asked, found, len(outputs), None, 0, None)
        self.checked(self.TF_SessionRun, session, None, *arguments)
        return {name: self.values(tensor) for name, tensor in zip(outputs, found, strict=True)}


def main() -> None:
    request = json.load(sys.stdin)
    library = Library(request["libraries"])
    for ops in request["ops"]:
        library.checked(library.TF_LoadLibrary, ops.encode())
    graph, session = library.load(request["export"])
    answers = [library.run(graph, session, **one) for one in request["requests"]]
    assert "tensorflow" not in sys.modules
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
