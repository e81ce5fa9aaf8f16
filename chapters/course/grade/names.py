"""The names that a graded answer may use: builtins, modules with their names, attributes.

Everything that is not listed here is refused, so the lists are what keeps an answer away from the
graders: nothing in them leads to a frame, a file, a process or another module, or makes a class
whose objects are equal to everything.
"""

import functools
import importlib
import re
import types
from collections import Counter, OrderedDict, deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any

BUILTINS = set(
    "abs all any ascii bin bool bytes callable chr complex dict divmod enumerate filter float "
    "format frozenset oct "
    "getattr hasattr hash hex id int isinstance issubclass iter len list map max min next object "
    "ord pow print range repr reversed round set setattr slice sorted str sum super tuple type zip "
    "property staticmethod classmethod Ellipsis NotImplemented None True False "
    "ArithmeticError AssertionError AttributeError Exception IndexError KeyError LookupError "
    "NotImplementedError OverflowError RuntimeError RuntimeWarning StopIteration TypeError "
    "DeprecationWarning FileNotFoundError FloatingPointError FutureWarning ImportError NameError "
    "OSError RecursionError UserWarning ValueError Warning ZeroDivisionError BaseException".split()
)

EVERYTHING = "*"
MODULES = {
    "bisect": EVERYTHING,
    "cmath": EVERYTHING,
    "collections": "ChainMap Counter OrderedDict defaultdict deque namedtuple abc",
    "collections.abc": EVERYTHING,
    "contextlib": "AbstractContextManager ExitStack closing contextmanager nullcontext suppress",
    "copy": "copy deepcopy",
    "dataclasses": "asdict astuple dataclass field fields is_dataclass replace",
    "decimal": "Decimal",
    "einops": "einsum pack parse_shape rearrange reduce repeat unpack",
    "fractions": "Fraction",
    "functools": "cache cmp_to_key lru_cache partial reduce",
    "heapq": EVERYTHING,
    "itertools": EVERYTHING,
    "jaxtyping": "Array Bool Complex Float Float32 Float64 Int Int32 Int64 Integer Key Num Real "
    "Shaped UInt",
    "math": EVERYTHING,
    "operator": "abs add and_ concat contains countOf eq floordiv ge getitem gt index indexOf inv "
    "invert is_ is_not itemgetter le lshift lt matmul mod mul ne neg not_ or_ pos pow rshift sub "
    "truediv truth xor",
    "random": "Random betavariate choice choices expovariate gauss getrandbits normalvariate "
    "randint random randrange sample seed shuffle triangular uniform",
    "re": "compile escape findall finditer fullmatch match search split sub subn IGNORECASE "
    "MULTILINE Match Pattern",
    "scipy.linalg": EVERYTHING,
    "scipy.optimize": "bisect brentq curve_fit linear_sum_assignment lsq_linear minimize "
    "minimize_scalar nnls root root_scalar",
    "scipy.special": EVERYTHING,
    "statistics": EVERYTHING,
    "tqdm": "tqdm trange",
    "time": "monotonic perf_counter process_time time",
    "typing": "Any Callable ClassVar Final Generic Hashable Iterable Iterator Literal Mapping "
    "NamedTuple Optional Protocol Self Sequence Sized TypeAlias TypeVar Union cast overload",
    "warnings": "catch_warnings filterwarnings simplefilter warn",
    "numpy.linalg": EVERYTHING,
    "numpy.polynomial.legendre": "leggauss",
    "numpy.polynomial.hermite": "hermgauss",
    "numpy.fft": EVERYTHING,
    "numpy.random": "Generator default_rng",
    "torch.autograd": "Function Variable backward enable_grad functional grad inference_mode "
    "no_grad set_grad_enabled",
    "torch.autograd.functional": EVERYTHING,
    "torch.distributions": "Bernoulli Beta Binomial Categorical Dirichlet Distribution Exponential "
    "Gamma Geometric Laplace LogNormal Multinomial MultivariateNormal Normal OneHotCategorical "
    "Poisson StudentT Uniform kl_divergence",
    "torch.fft": EVERYTHING,
    "torch.func": "functional_call grad grad_and_value hessian jacfwd jacrev jvp linearize "
    "stack_module_state vjp vmap",
    "torch.linalg": EVERYTHING,
    "torch.nn.functional": EVERYTHING,
    "torch.nn.init": EVERYTHING,
    "torch.nn.utils": "clip_grad_norm_ clip_grad_value_ get_total_norm parameters_to_vector rnn "
    "vector_to_parameters",
    "torch.nn.utils.rnn": EVERYTHING,
    "torch.optim": EVERYTHING,
    "torch.optim.lr_scheduler": EVERYTHING,
    "torch.special": EVERYTHING,
}
TORCH = (
    "Tensor Generator Size autocast device dtype enable_grad finfo get_default_dtype get_rng_state "
    "iinfo inference_mode initial_seed is_grad_enabled is_inference_mode_enabled is_tensor layout "
    "lobpcg manual_seed memory_format no_grad seed set_default_dtype set_grad_enabled "
    "set_rng_state unravel_index vmap e inf nan newaxis pi nn autograd distributions fft func "
    "linalg optim special FloatTensor DoubleTensor LongTensor IntTensor BoolTensor "
    "contiguous_format preserve_format strided channels_last"
)
TORCH_OUT = {"from_file", "frombuffer", "import_ir_module", "set_vital", "read_vitals"}
NUMPY_OUT = set(
    "load save savez savez_compressed loadtxt savetxt genfromtxt fromfile fromregex memmap "
    "DataSource open_memmap frombuffer lib ctypeslib f2py testing core compat distutils rec char "
    "emath ma matrixlib polynomial strings exceptions dtypes typing show_config show_runtime info "
    "source lookfor seterr seterrcall seterrobj setbufsize set_printoptions set_string_function "
    "get_include test record recarray disp frompyfunc getbufsize nested_iters nditer".split()
)
DUNDERS = set(
    "__init__ __post_init__ __name__ __call__ __len__ __getitem__ __iter__ __next__ __enter__ "
    "__exit__ __slots__".split()
)
"""The names with two underscores that an answer may define or use."""
UNDERSCORES = {"_replace", "_asdict", "_fields", "_make"}
"""The methods of named tuples."""
BASES = {"object", "Module", "Function", "NamedTuple", "Generic", "Protocol", "Exception"}
"""What a class inside an answer may be derived from, by the last part of the name."""
DENIED = set(
    "ctypes tofile dump dumps setflags share_memory share_memory_ storage untyped_storage "
    "storage_type set_ module_load compile format_map mro fromfile register_hook "
    "register_post_accumulate_grad_hook register_forward_hook register_forward_pre_hook "
    "register_full_backward_hook register_full_backward_pre_hook register_backward_hook "
    "register_state_dict_post_hook register_state_dict_pre_hook register_load_state_dict_pre_hook "
    "register_load_state_dict_post_hook register_step_pre_hook register_step_post_hook "
    "get_extra_state set_extra_state fget fset fdel getter setter deleter with_traceback func "
    "load save open read_text write_text unlink system modules_by_name environ settrace "
    "grad_fn metadata get_submodule load_module add_note".split()
)
"""Attributes that no answer may use, whatever they belong to."""
INTROSPECTION = (
    types.FrameType,
    types.TracebackType,
    types.CodeType,
    types.FunctionType,
    types.MethodType,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    types.CellType,
    types.BuiltinFunctionType,
    types.ModuleType,
    types.GetSetDescriptorType,
)
FREE = {"send", "throw", "close", "clear", "replace"}
"""What generators, frames and code share with ordinary objects."""


@functools.cache
def denied() -> frozenset[str]:
    """Collect the attributes that no answer may use: DENIED, and those of frames and the like."""
    names = {name for kind in INTROSPECTION for name in dir(kind)}
    return frozenset(DENIED | (names - FREE - DUNDERS))


@functools.cache
def names_of(module: str) -> frozenset[str]:
    """Collect the names that an answer may take from a module.

    Raises: KeyError for a module that is not listed.
    """
    if module == "torch":
        return _names_of_torch()
    if module == "torch.nn":
        nn = importlib.import_module("torch.nn")
        classes = {n for n in dir(nn) if n[0].isupper() and isinstance(getattr(nn, n), type)}
        return frozenset(classes | {"functional", "init", "utils"})
    if module == "numpy":
        public = _public(importlib.import_module("numpy"))
        return frozenset((public - NUMPY_OUT) | {"linalg", "fft", "random"})
    listed = MODULES[module]
    if listed != EVERYTHING:
        return frozenset(listed.split())
    return frozenset(_public(importlib.import_module(module)))


def is_listed(module: str) -> bool:
    """Whether an answer may import a module."""
    return module in MODULES or module in ("torch", "torch.nn", "numpy", "scipy")


def _names_of_torch() -> frozenset[str]:
    torch = importlib.import_module("torch")
    functions = {name for name in dir(torch._C._VariableFunctions) if not name.startswith("_")}
    dtypes = {name for name, value in vars(torch).items() if isinstance(value, torch.dtype)}
    return frozenset((functions | dtypes | set(TORCH.split())) - TORCH_OUT)


def _public(module: types.ModuleType) -> set[str]:
    """Collect the public names of a module other than modules."""
    names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    found = set()
    for name in names:
        value = getattr(module, name, None)
        foreign = getattr(value, "__module__", "") in ("importlib", "os", "sys", "warnings")
        if name == "test" or isinstance(value, types.ModuleType):
            continue
        if not foreign and name not in denied():
            found.add(name)
    return found


@functools.cache
def attributes() -> frozenset[str]:
    """Collect the attributes of the values that answers compute with."""
    import numpy
    import torch

    kinds: list[Any] = [torch.Tensor, torch.nn.Module, torch.nn.ModuleList, torch.nn.Parameter]
    kinds += [torch.nn.ModuleDict, torch.Generator, torch.Size, torch.dtype, torch.device]
    kinds += [torch.finfo(torch.float32), torch.iinfo(torch.int64), torch.nn.Sequential]
    kinds += [torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]
    kinds += [torch.autograd.function.FunctionCtx, torch.distributions.Distribution]
    kinds += [numpy.ndarray, numpy.random.Generator, numpy.dtype]
    kinds += [str, bytes, list, tuple, dict, set, frozenset, int, float, complex, range, slice]
    kinds += [Counter, OrderedDict, deque, ExitStack, Exception, type(re.search("", ""))]
    kinds += [type(re.compile("")), type(map), types.SimpleNamespace]
    kinds += [one for one in vars(torch.nn).values() if isinstance(one, type)]
    returned = vars(torch.return_types).values()
    kinds += [value for value in returned if isinstance(value, type)]
    names = {name for kind in kinds for name in dir(kind) if not name.startswith("_")}
    names |= {"values", "indices", "U", "S", "Vh", "Q", "R", "eigenvalues", "eigenvectors", "value"}
    names |= {"saved_tensors", "needs_input_grad", "send", "throw", "close", "x", "fun", "args"}
    return frozenset(names - denied() - {"format"})


@functools.cache
def course_attributes(chapters: Path) -> frozenset[str]:
    """Collect the attributes that the course's own code defines or uses."""
    names: set[str] = set()
    for path in chapters.glob("ch*/**/*.py"):
        text = path.read_text("utf-8")
        names.update(re.findall(r"\.([A-Za-z]\w*)", text))
        names.update(re.findall(r"(?m)^ +(?:def )?([A-Za-z]\w*)(?=\(|:)", text))
    return frozenset(names - denied() - {"format"})
