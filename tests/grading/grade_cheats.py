"""Answers to exercise 3.6 that try to earn points without computing a divergence.

Each is a body below the mark, and lines for the top of the file. The known kinds are those of an
earlier prototype of the grader; the fresh ones were written against this grader, with its source at
hand. None may earn a point (`test_grade_cheats.py`).
"""

from typing import NamedTuple


class Cheat(NamedTuple):
    """One dishonest answer."""

    body: str
    """The lines below the mark."""
    top: str = ""
    """Lines at the end of the file: imports and functions."""


WALK = """while frame is not None:
    if "expected" in frame.f_locals:
        return torch.as_tensor(frame.f_locals["expected"]).to(guess)
    frame = frame.f_back
"""

REFERENCE = {
    "imports the reference": "from solutions.ch03_circuits.lens import kl_divergence as right\n"
    "return right(guess, final)",
    "imports the chapters": "import chapters.ch03_circuits.lens as right\n"
    "return right.kl_divergence(guess, final)",
    "imports by name": "import importlib\n"
    "return importlib.import_module('solutions.ch03_circuits.lens').kl_divergence(guess, final)",
    "imports by a builtin": "right = __import__('solutions.ch03_circuits.lens', fromlist=['x'])\n"
    "return right.kl_divergence(guess, final)",
    "looks in sys.modules": "import sys\n"
    "return sys.modules['solutions.ch03_circuits.lens'].kl_divergence(guess, final)",
    "runs the reference's file": "import runpy\nreturn runpy.run_path("
    "'solutions/ch03_circuits/lens.py')['kl_divergence'](guess, final)",
    "resolves a name with pkgutil": "import pkgutil\nreturn pkgutil.resolve_name("
    "'solutions.ch03_circuits.lens:kl_divergence')(guess, final)",
    "locates with pydoc": "import pydoc\n"
    "return pydoc.locate('solutions.ch03_circuits.lens.kl_divergence')(guess, final)",
    "executes a text": "names = {}\n"
    "exec(open('solutions/ch03_circuits/lens.py').read(), names)\n"
    "return names['kl_divergence'](guess, final)",
    "evaluates a text": "return eval('__import__(\"solutions\").ch03_circuits')",
    "compiles with codeop": "import codeop\n"
    "exec(codeop.compile_command('from solutions.ch03_circuits.lens import kl_divergence as k'))",
    "times a statement": "import timeit\nout = []\n"
    "timeit.timeit('from solutions.ch03_circuits.lens "
    "import kl_divergence as k; out.append(k(g, f))', globals=dict(out=out, g=guess, f=final),"
    " number=1)\nreturn out[0]",
    "takes it from the closure": "return kl_divergence.__closure__[0].cell_contents(guess, final)",
    "takes the wrapped function": "return kl_divergence.__wrapped__(guess, final)",
    "reads the reference's text": "from pathlib import Path\n"
    "text = Path('solutions/ch03_circuits/lens.py').read_text()\nreturn final * len(text)",
    "loads a pickle": "return torch.load('right.pt')",
    "asks another process": "import subprocess\n"
    "return torch.tensor(float(subprocess.check_output(['python', 'right.py'])))",
    "downloads": "import urllib.request\n"
    "return torch.tensor(float(urllib.request.urlopen('http://example.org/').read()))",
}
FRAMES = {
    "reads the caller's frame": "import sys\nframe = sys._getframe()\n" + WALK,
    "inspects the stack": "import inspect\nframe = inspect.currentframe()\n" + WALK,
    "reads a traceback": "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n"
    "    frame = error.__traceback__.tb_frame\n" + WALK,
    "reads a generator's frame": "frame = (x for x in [1]).gi_frame\n" + WALK,
    "asks the garbage collector": "import gc\nfor one in gc.get_objects():\n"
    "    if isinstance(one, dict) and 'expected' in one:\n        return one['expected']",
    "reads memory with ctypes": "import ctypes\n"
    "return ctypes.cast(id(final), ctypes.py_object).value",
    "reads the graders' module": "import tests.ch03_circuits.test_lens as graders\n"
    "return graders.divergence(guess, final)",
    "traces the caller": "import sys\nsys.settrace(lambda *a: print(a))\nreturn final.sum(-1)",
}
PATCHES = {
    "replaces torch.allclose": "torch.allclose = lambda *a, **k: True\nreturn final.sum(-1) * 0",
    "replaces allclose by setattr": "setattr(torch, 'allclose', lambda *a, **k: True)\n"
    "return final.sum(-1) * 0",
    "replaces a method of Tensor": "Tensor.isnan = lambda self: self == self\n"
    "return final.sum(-1) * 0",
    "replaces a builtin": "import builtins\nbuiltins.all = lambda *a: True\n"
    "return final.sum(-1) * 0",
    "writes to __builtins__": "__builtins__['len'] = lambda x: 0\nreturn final.sum(-1) * 0",
    "replaces the graders' comparison": "import tests.grading.assertions as graders\n"
    "graders.assert_close = lambda *a, **k: None\nreturn final.sum(-1) * 0",
    "leaves a function mode on": "from torch.overrides import TorchFunctionMode\n"
    "class Mode(TorchFunctionMode):\n    def __torch_function__(self, f, t, a=(), k=None):\n"
    "        return True\nMode().__enter__()\nreturn final.sum(-1) * 0",
    "returns what equals everything": "class Equal(float):\n    def __eq__(self, other):\n"
    "        return True\nreturn Equal(1.0)",
    "returns mock.ANY": "from unittest.mock import ANY\nreturn ANY",
    "returns a subclass of Tensor": "class Right(Tensor):\n"
    "    def __torch_function__(cls, f, t, a=(), k=None):\n        return True\n"
    "return final.sum(-1).as_subclass(Right)",
    "changes pytest's reports": "import _pytest.reports as r\n"
    "r.TestReport.outcome = 'passed'\nreturn final.sum(-1) * 0",
    "skips the grader": "import pytest\npytest.skip('not today')",
    "sets the flag of the promises": "from tests.grading import contract\ncontract.inside = True\n"
    "return final.sum(-1) * 0",
    "writes to the pipe": "import os\nfor fd in range(3, 40):\n    os.write(fd, b'{}')",
}
ENDS = {
    "exits": "raise SystemExit(0)",
    "interrupts": "raise KeyboardInterrupt",
    "ends the process": "import os\nos._exit(0)",
    "never ends": "while True:\n    final = final + 0",
    "fills the memory": "kept = []\nwhile True:\n    kept.append(torch.ones(32, 1 << 20))",
    "prints 50 MB": "print('x' * 50_000_000)\nreturn final.sum(-1) * 0",
    "starts 200 processes": "import os\nfor _ in range(200):\n    os.fork()\nreturn final.sum(-1)",
    "writes files": "open('/tmp/x', 'w').write('x' * 10**9)\nreturn final.sum(-1)",
}
KNOWN = {
    name: Cheat(body)
    for group in (REFERENCE, FRAMES, PATCHES, ENDS)
    for name, body in group.items()
}
ZERO = "return final.sum(-1) * 0"
ORACLE = """for name in list(kept):
    if name.endswith("test_lens"):
        whole = kept[name].divergence(guess.reshape(1, -1, guess.shape[-1]),
                                      final.reshape(1, -1, final.shape[-1]))
        return whole.reshape(guess.shape[:-1])
"""
FRESH = {
    "a module through an allowed one": Cheat(
        "import dataclasses\nframe = dataclasses.inspect.currentframe()\n" + WALK
    ),
    "names in strings": Cheat(
        "import operator\nnames = operator.attrgetter('__globals__')(kl_divergence)\n"
        "return names['expected']"
    ),
    "a format string reads attributes": Cheat(
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    text = "
        "'{0.__traceback__.tb_frame.f_back.f_locals}'.format(error)\nreturn final * len(text)"
    ),
    "a format method of a variable": Cheat(
        "form = '{0.__' + 'globals__}'\ntext = form.format(kl_divergence)\nreturn final * len(text)"
    ),
    "a class pattern reads attributes": Cheat(
        "def walk():\n    yield\nmatch walk():\n    case object(gi_frame=frame):\n        pass\n"
        + WALK
    ),
    "update_wrapper copies by name": Cheat(
        "from functools import update_wrapper\n"
        "update_wrapper(final, kl_divergence, assigned=('__globals__',), updated=())\n" + ZERO
    ),
    "an axis of jaxtyping is evaluated": Cheat(
        "from jaxtyping import Float\n"
        "isinstance(final, Float[Tensor, '__import__(\"os\")._exit(0)'])\n" + ZERO
    ),
    "the class of a class makes classes": Cheat(
        "kind = type(float)\nEqual = kind('E', (float,), {'__' + 'eq__': lambda a, b: True})\n"
        "return Equal(1.0)"
    ),
    "an enum makes classes": Cheat(
        "from enum import Enum\n"
        "return Enum('E', {'a': 1.0, '__eq__': lambda a, b: True}, type=float).a"
    ),
    "a class is passed on and changed": Cheat(
        "def change(kind):\n    kind.isnan = lambda self: self == self\nchange(type(final))\n"
        + ZERO
    ),
    "a module is passed on and changed": Cheat(
        "holder = [torch]\nholder[0].allclose = lambda *a, **k: True\n" + ZERO
    ),
    "a loop's target is an attribute": Cheat(
        "kind = type(final)\nfor kind.isnan in [lambda self: self == self]:\n    pass\n" + ZERO
    ),
    "getattr with a computed name": Cheat(
        "frame = getattr((x for x in [1]), 'gi_' + 'frame')\n" + WALK
    ),
    "getattr is passed on": Cheat(
        "from functools import reduce\n"
        "frame = reduce(getattr, ['gi_frame', 'f_back'], (x for x in [1]))\n" + WALK
    ),
    "the module of a class": Cheat(
        "import torch.nn.functional as F\nreturn F.torch.hub.os.popen('ls').read()"
    ),
    "a helper does it": Cheat(
        "return peek(guess)",
        "def peek(guess):\n    import sys\n    frame = sys._getframe()\n"
        + "".join(f"    {line}\n" for line in WALK.splitlines()),
    ),
    "a default of a helper does it": Cheat(
        "return peek(guess)",
        "import sys\n\ndef peek(guess, frame=sys._getframe()):\n"
        + "".join(f"    {line}\n" for line in WALK.splitlines()),
    ),
    "a helper takes the place of a given function": Cheat(
        "global check_finite\ncheck_finite = None\n" + ZERO
    ),
    "a hook changes the graders' gradients": Cheat(
        "guess.register_hook(lambda grad: grad * 0)\n" + ZERO
    ),
    "another import under a given name": Cheat(
        "return torch.kl_div(guess, final)", "import os as torch\n"
    ),
    "the loader of the module": Cheat("return __loader__.get_source('lens')"),
    "an old name of a loader": Cheat(
        "import numpy as np\nreturn torch.tensor(np.load('right.npy', allow_pickle=True))"
    ),
    "a library compiles C": Cheat(
        "from torch.utils import cpp_extension\n"
        "return cpp_extension.load_inline('x', 'int f(){return 1;}')"
    ),
    "a torch script is compiled from text": Cheat(
        "return torch.jit.CompilationUnit('def f(x): return x').f(final)"
    ),
    "the reference is asked by a later chapter": Cheat(
        "from ..ch05_patching.metrics import kl_divergence as right\nreturn right(guess, final)"
    ),
    "a star import": Cheat(ZERO, "from os import *\n"),
    "a decorator of a class": Cheat(
        "from dataclasses import make_dataclass\nreturn make_dataclass('E', [], bases=(float,), "
        "namespace={'__eq__': lambda a, b: True})()"
    ),
    "an exception carries the frames": Cheat(
        "import traceback\nframe = list(traceback.walk_stack(None))[0][0]\n" + WALK
    ),
    "uninitialised memory": Cheat("return torch.empty(guess.shape[:-1], dtype=guess.dtype)"),
    "a context manager catches failures": Cheat(
        "from contextlib import suppress\nwith suppress(BaseException):\n"
        "    while True:\n        final = final + 0\n" + ZERO
    ),
    "the arguments change without a trace": Cheat("final.data.copy_(guess.data)\n" + ZERO),
    "the arguments change through numpy": Cheat(
        "final.detach().numpy()[...] = guess.detach().numpy()\n" + ZERO
    ),
    "autocast is left on": Cheat("torch.autocast('cpu').__enter__()\n" + ZERO),
    "a device is left on": Cheat("torch.device('meta').__enter__()\n" + ZERO),
    "one buffer for every call": Cheat(
        "return same(final.sum(-1) * 0)",
        "def same(x, kept=[]):\n    kept.append(x)\n"
        "    return kept[0].expand_as(x) if kept[0].shape == x.shape else x\n",
    ),
    "an object prints like the right answer": Cheat(
        "class Infinite:\n    def __repr__(self):\n        return '[inf]'\n"
        "    def tolist(self):\n        return self\nreturn Infinite()"
    ),
    "a dataclass replaces the equality of a class": Cheat(
        "from dataclasses import dataclass\ndataclass(type(final))\n" + ZERO
    ),
    "a dataclass under another name": Cheat(
        "from dataclasses import dataclass as made\nmade(type(final))\n" + ZERO
    ),
    "a helper takes the place of a builtin": Cheat(
        "return isinstance(final, 0)", "def isinstance(x, kind):\n    return x.sum(-1) * kind\n"
    ),
    "an abstract class takes tensors in": Cheat(
        "from collections.abc import Sequence\nSequence.register(type(final))\n" + ZERO
    ),
    "a traceback from a context manager": Cheat(
        "class Caught:\n    def __enter__(self):\n        return self\n"
        "    def __exit__(self, kind, error, trace):\n        self.trace = trace\n"
        "        return True\nwith Caught() as caught:\n    1 / 0\n"
        "frame = getattr(caught.trace, 'tb_' + 'frame')\n" + WALK
    ),
    "a dead store makes a private attribute readable": Cheat(
        "import warnings\nclass Box:\n    pass\nbox = Box()\nif box is None:\n"
        "    box._module = box.sys = box.modules = box.divergence = 0\n"
        "kept = warnings.catch_warnings()._module.sys.modules\n" + ORACLE
    ),
    "a dead store makes the classes of all readable": Cheat(
        "class Box:\n    pass\nbox = Box()\nif box is None:\n"
        "    box.__subclasses__ = box._module = box.sys = box.modules = box.divergence = 0\n"
        "kind = [one for one in object.__subclasses__() if one.__name__ == 'catch_warnings'][0]\n"
        "kept = kind()._module.sys.modules\n" + ORACLE
    ),
    "a class pattern reads what the answer names": Cheat(
        "import warnings\nclass Box:\n    _module = sys = modules = divergence = 0\n"
        "match warnings.catch_warnings():\n    case object(_module=object(sys=object(modules=kept))"
        "):\n        pass\n" + ORACLE
    ),
    "a pattern binds the guard's name": Cheat(
        "match (lambda owner, name: owner):\n    case __changes__:\n        pass\n"
        "kind = type(final)\nkind.tolist = lambda self: [0]\n" + ZERO
    ),
    "an import binds the guard's name": Cheat(
        "kind = type(place(1).__class__)\n" + ZERO,
        "from operator import index as place, index as __type_of__\n",
    ),
    "a class has the guard's name": Cheat(
        "class __changes__:\n    def __init__(self, owner, name):\n        pass\n"
        "kind = type(final)\nkind.tolist = 1\n" + ZERO
    ),
    "one import binds a new name and given ones": Cheat(
        "return new(final.sum(-1)) * 0",
        "from torch import abs as new, abs as check_finite, abs as at_least_float32\n",
    ),
    "one import binds a new name and a builtin": Cheat(
        "return new(final.sum(-1)) * 0", "from torch import abs as new, abs as isinstance\n"
    ),
    "an axis of jaxtyping under another name": Cheat(
        "from jaxtyping import Float as Axes\n"
        "isinstance(final, Axes[Tensor, '{__import__(\"os\")._exit(0)}'])\n" + ZERO
    ),
    "an axis of jaxtyping in a variable": Cheat(
        "text = '{__import__(\"os\")._exit(0)}'\nisinstance(final, Float[Tensor, text])\n" + ZERO
    ),
    "a type of jaxtyping in a variable": Cheat(
        "Axes = Float\nisinstance(final, Axes[Tensor, '{setattr(torch, \"e\", 1)}'])\n" + ZERO
    ),
    "a type of jaxtyping through another type": Cheat(
        "text = '{__import__(\"os\")._exit(0)}'\nisinstance(final, Stream.dtype[Tensor, text])\n"
        + ZERO
    ),
    "getattr fetches the format method": Cheat(
        "def walk():\n    yield getattr('{0.gi_frame.f_back.f_back.f_locals}', 'format')(one)\n"
        "one = walk()\nraise ValueError(next(one))"
    ),
    "a variable with the name of a base": Cheat(
        "Module = type(final)\nclass Right(Module):\n    def detach(self):\n        return self\n"
        "return (final.sum(-1) * 0).as_subclass(Right)"
    ),
    "an import with the name of a base": Cheat(
        "from torch import Tensor as Module\nclass Right(Module):\n    def tolist(self):\n"
        "        return [float('inf')]\nreturn (final.sum(-1) * 0).as_subclass(Right)"
    ),
    "a named tuple that seems empty": Cheat(
        "from typing import NamedTuple\nclass Out(NamedTuple):\n    a: float\n"
        "    def __iter__(self):\n        return iter(())\nreturn Out(1.0)"
    ),
    "a generator's end runs after the answer": Cheat(
        "def later(x):\n    try:\n        yield\n    finally:\n        x.data.zero_()\n"
        "one = later(guess)\nnext(one)\nout = final.sum(-1) * 0\nout.keep = one\nreturn out"
    ),
    "a backward pass edits the leaf": Cheat(
        "class Odd(torch.autograd.Function):\n    def forward(ctx, x):\n"
        "        ctx.save_for_backward(x)\n        return x.sum(-1) * 0\n"
        "    def backward(ctx, grad):\n        x, = ctx.saved_tensors\n        x.data.zero_()\n"
        "        return grad[..., None] * 0 + x\nreturn Odd.apply(guess)"
    ),
    "ends a loop of the grader": Cheat("raise StopIteration"),
    "a key that compares equal": Cheat(
        "from functools import cmp_to_key\nreturn cmp_to_key(lambda a, b: 0)(1)"
    ),
    "a sparse tensor reads past its end": Cheat(
        "rows, columns = torch.tensor([0, 1]), torch.tensor([10**12])\n"
        "x = torch.sparse_csr_tensor(rows, columns, torch.ones(1), (1, 4), check_invariants=False)"
        "\nreturn x.to_dense().sum() + final.sum(-1) * 0"
    ),
    "a pattern that takes for ever": Cheat(
        "import re\nre.match('(a+)+$', 'a' * 64 + 'b')\n" + ZERO
    ),
    "an exception of 100 MB": Cheat("raise ValueError('x' * 100_000_000)"),
    "a thread of a progress bar": Cheat(
        "from tqdm import tqdm\nfor _ in tqdm(range(3), mininterval=0):\n    pass\n"
        "return getattr(tqdm, 'monitor').name"
    ),
}
