"""The ops that exports are made of; a graph with any other op is refused before it is loaded.

A SavedModel is a program: TensorFlow has ops that read and write files, open connections and run Python, and loading a
graph already runs its initializers. The ops below compute on their inputs alone. They are those of all encoders,
decoders, tokenizers and quantizations of tfmtl, and close relatives of them that a release of Keras may use instead.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.framework import node_def_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from tfmtl.core.errors import RunError, listed

_ARITHMETIC = """
    Abs Add AddN AddV2 ArgMax ArgMin BatchMatMul BatchMatMulV2 BatchMatMulV3 BiasAdd Cast Ceil ClipByValue Cos Cumsum
    DivNoNan Einsum Elu Erf Erfc Exp Expm1 Floor FloorDiv FloorMod IsFinite IsInf IsNan LeakyRelu Log Log1p LogSoftmax
    MatMul Max Maximum Mean Min Minimum Mul MulNoNan Neg Pow Prod RealDiv Reciprocal Relu Relu6 Round Rsqrt Selu Sigmoid
    Sign Sin Softmax Softplus Softsign Sqrt Square SquaredDifference Sub Sum Tanh
"""
_COMPARISON = """
    All Any Equal Greater GreaterEqual Less LessEqual LogicalAnd LogicalNot LogicalOr LowerBound NotEqual Select
    SelectV2 TopKV2 UpperBound Where
"""
_SHAPES = """
    Bitcast BroadcastArgs BroadcastTo ConcatOffset ConcatV2 Const DenseBincount DynamicPartition DynamicStitch
    EnsureShape ExpandDims Fill GatherNd GatherV2 Identity IdentityN InvertPermutation MatrixBandPart OneHot OnesLike
    Pack Pad PadV2 ParallelDynamicStitch Placeholder PlaceholderWithDefault PreventGradient Range Rank Reshape
    ResourceGather ResourceGatherNd ReverseV2 Roll ScatterNd SegmentMax SegmentSum Shape ShapeN Size Slice Split SplitV
    Squeeze StopGradient StridedSlice TensorScatterAdd TensorScatterMax TensorScatterUpdate Tile Transpose Unique
    UniqueV2 Unpack UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentSum XlaDynamicUpdateSlice ZerosLike
"""
_CONTROL_FLOW = """
    Assert Case EmptyTensorList If NoOp PartitionedCall StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile
    TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem TensorListLength
    TensorListPopBack TensorListPushBack TensorListReserve TensorListResize TensorListSetItem TensorListStack While
"""
_RAGGED = "RaggedGather RaggedRange RaggedTensorFromVariant RaggedTensorToTensor RaggedTensorToVariant"
_TEXT = """
    AsString CaseFoldUTF8 FastWordpieceTokenizeWithOffsets Fingerprint NormalizeUTF8 ReduceJoin RegexFullMatch
    RegexReplace RegexSplitWithOffsets SentencepieceDetokenizeOp SentencepieceOp SentencepieceTokenizeOp
    SentencepieceTokenizeWithOffsetsOp SentencepieceVocabSizeOp StaticRegexFullMatch StaticRegexReplace StringJoin
    StringLength StringLower StringSplit StringSplitV2 StringStrip StringToNumber StringUpper Substr
    TFText>FastSentencepieceDetokenize TFText>FastSentencepieceTokenize TFText>FastWordpieceDetokenize
    TFText>WhitespaceTokenizeWithOffsetsV2 UnicodeDecode UnicodeDecodeWithOffsets UnicodeEncode UnicodeScript
    UnicodeTranscode UnsortedSegmentJoin WhitespaceTokenizeWithOffsets WordpieceTokenizeWithOffsets
"""
_STATE = """
    AssignVariableOp DestroyResourceOp HashTableV2 InitializeTableV2 LookupTableExportV2 LookupTableFindV2
    LookupTableImportV2 LookupTableInsertV2 LookupTableSizeV2 MutableHashTableV2 ReadVariableOp VarHandleOp
    VarIsInitializedOp VariableShape
"""

ALLOWED = frozenset(" ".join([_ARITHMETIC, _COMPARISON, _SHAPES, _CONTROL_FLOW, _RAGGED, _TEXT, _STATE]).split())
"""The ops of which the signatures of an export, and what initializes it, are made."""

_SAVER = frozenset({"DisableCopyOnRead", "MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"})
"""The ops by which TensorFlow restores variables and saves them again; nothing but the saver may use them."""

_GRAPH_FILE = "saved_model.pb"
_MOST_BYTES = 512 * 1024**2
"""The maximum size of a graph; weights are in other files."""

_OTHER_GRAPH_FILES = ("saved_model.cpb", "saved_model.pbtxt")
"""Files that TensorFlow would load in the place of the one that is checked; no export of tfmtl has them."""


def read_graph(version: Path) -> meta_graph_pb2.MetaGraphDef:
    """Returns the graph of a version, which is not loaded.

    Args:
        version: the directory of one version.

    Raises:
        RunError: if there is no graph like that of an export, or it is damaged.
    """
    for name in _OTHER_GRAPH_FILES:
        if (version / name).exists():
            raise RunError(f"{version}: not an export of tfmtl: there is a {name} in it")
    path = version / _GRAPH_FILE
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise RunError(f"{version}: damaged: {path.name} has {size} bytes")
        saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except DecodeError:
        raise RunError(f"{version}: damaged: {path.name} is not a SavedModel") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from None
    # TensorFlow reads other graphs as those of its first version, and runs what they say at once.
    if len(saved.meta_graphs) != 1 or not saved.meta_graphs[0].object_graph_def.nodes:
        raise RunError(f"{version}: damaged: {path.name} does not hold the one graph of an export")
    return saved.meta_graphs[0]


def check_ops(version: Path, allowed: Collection[str] = ()) -> None:
    """Checks that a version is made of the ops of exports, before it is loaded.

    Args:
        version: the directory of one version.
        allowed: further ops that it may have.

    Raises:
        RunError: if it has other ones, or files outside its directory.
    """
    graph = read_graph(version)
    foreign = sorted(foreign_ops(graph) - set(allowed))
    if foreign:
        raise RunError(
            f"{version}: not made by tfmtl: its graph has ops that no export is made of ({listed(foreign)}), which may "
            f"read, write or run anything; if you trust whoever made it, allow each by name: --allow-op {foreign[0]}"
        )
    for asset in graph.asset_file_def:
        if Path(asset.filename).name != asset.filename:
            raise RunError(f"{version}: not made by tfmtl: it reads a file outside its directory, {asset.filename!r}")


def foreign_ops(graph: meta_graph_pb2.MetaGraphDef) -> set[str]:
    """Returns the ops of a graph that no export is made of."""
    functions = {function.signature.name: function.node_def for function in graph.graph_def.library.function}
    savers = {graph.saver_def.save_tensor_name.partition(":")[0], graph.saver_def.restore_op_name}
    of_saver, others = [], []
    for node in graph.graph_def.node:
        (of_saver if node.name in savers else others).append(node)
    # What objects call, such as an initializer, runs too, whether a node of the graph calls it or not.
    own = _reached([*_called(others), *_of_objects(graph)], functions)
    saver_only = _reached(_called(of_saver), functions) - own
    found = {
        node.op for node in chain(graph.graph_def.node, *(functions[name] for name in functions.keys() - saver_only))
    }
    found_in_saver = {node.op for name in saver_only for node in functions[name]}
    return (found - ALLOWED - functions.keys()) | (found_in_saver - ALLOWED - _SAVER - functions.keys())


def _of_objects(graph: meta_graph_pb2.MetaGraphDef) -> Iterator[str]:
    """Yields the functions that the objects of a graph are made of."""
    yield from graph.object_graph_def.concrete_functions
    for node in graph.object_graph_def.nodes:
        yield from node.function.concrete_functions
        yield node.bare_concrete_function.concrete_function_name


def _called(nodes: Iterable[node_def_pb2.NodeDef]) -> Iterator[str]:
    """Yields the functions that nodes call."""
    for node in nodes:
        yield node.op
        for value in node.attr.values():
            yield value.func.name
            yield from (function.name for function in value.list.func)


def _reached(names: Iterable[str], functions: Mapping[str, Iterable[node_def_pb2.NodeDef]]) -> set[str]:
    """Returns the functions that are called by any of these, and themselves."""
    reached: set[str] = set()
    waiting = [name for name in names if name in functions]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [called for called in _called(functions[name]) if called in functions]
    return reached
