"""Watch an answer while it runs: what its syntax tree cannot show.

`guarded` rewrites the statements of an answer before they are compiled:

    x.name = value     ->  __changes__(x, "name").name = value
    type(x)            ->  __type_of__(x)
    getattr, setattr   ->  __get__, __set__
    x.mine             ->  __own__(x, "mine"), for an attribute that only the answer names

The functions refuse classes, functions and modules. `watch` adds an audit hook of Python, which
sees every attempt to read a frame, to open a file or to start a process, and refuses those of an
answer, however it reached them. It cannot be removed.
"""

import ast
import builtins
import sys
import types
from typing import Any

from .names import DUNDERS, denied, is_listed, names_of

REFUSED = (
    "gc.get_objects",
    "gc.get_referrers",
    "gc.get_referents",
    "sys._current_frames",
    "sys._current_exceptions",
    "sys.settrace",
    "sys.setprofile",
    "sys.addaudithook",
    "ctypes",
    "subprocess.Popen",
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.kill",
    "os.remove",
    "os.rename",
    "os.truncate",
    "os.link",
    "os.symlink",
    "os.chmod",
    "pty",
    "signal",
    "pickle.find_class",
    "code.__new__",
    "function.__new__",
)
"""Events, by the start of their names, that no answer may cause, directly or not."""
DIRECT = (
    "sys._getframe",
    "sys._getframemodulename",
    "object.__getattr__",
    "object.__setattr__",
    "object.__delattr__",
    "exec",
    "compile",
    "open",
    "os.listdir",
    "os.scandir",
    "marshal.loads",
    "builtins.input",
)
"""Events that Python's own modules may cause on behalf of an answer."""
THROUGH = ("inspect", "traceback", "logging", "linecache", "importlib", "pdb", "code", "runpy")
"""Modules that no answer may reach frames or files through."""
ROOMS = ("chapters.", "tests.")
"""Where the classes of the course are defined, and those of an answer."""
LENT = ("torch", "types", "builtins", "jaxtyping")
"""Modules of classes to whose objects an answer may give attributes, and read them again."""


class NotAllowed(BaseException):
    """An answer tried what it may not; BaseException, so that `except Exception` lets it pass."""


class Guard:
    """Refuses what an answer tries, and remembers the first such thing."""

    def __init__(self) -> None:
        self.tried = ""
        self.codes: set[types.CodeType] = set()

    def functions(self) -> dict[str, Any]:
        """Return the functions that the rewritten statements call."""
        return {
            "__changes__": self.changes,
            "__type_of__": self.type_of,
            "__get__": self.get,
            "__set__": self.set,
            "__own__": self.own,
            "__super__": builtins.super,
        }

    def refuse(self, words: str) -> NotAllowed:
        """Note what was tried, and return the error to raise."""
        self.tried = self.tried or words
        return NotAllowed(words)

    def changes(self, owner: Any, name: str) -> Any:
        """Return an object whose attribute an answer is about to change, if it may."""
        kinds = (type, types.ModuleType, types.FunctionType, types.MethodType)
        if isinstance(owner, kinds):
            raise self.refuse(f"it changed {name} of {getattr(owner, '__name__', 'a function')}")
        if callable(getattr(type(owner), name, None)):
            raise self.refuse(f"it replaced the method {name} of a {type(owner).__name__}")
        return owner

    def type_of(self, value: Any) -> type:
        """Return the class of a value; the class of a class makes classes."""
        if isinstance(value, type):
            raise self.refuse("it asked for the type of a class")
        return type(value)

    def get(self, owner: Any, name: str, *default: Any) -> Any:
        """Read an attribute by name, as getattr does."""
        self._check(owner, name)
        return getattr(owner, name, *default)

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute by name, as setattr does."""
        self._check(owner, name)
        setattr(self.changes(owner, name), name, value)

    def own(self, owner: Any, name: str) -> Any:
        """Read an attribute that the answer named: of an object to which it may have given it."""
        if isinstance(owner, types.ModuleType):
            allowed = _is_of_module(owner.__name__, name)
        elif isinstance(owner, type):
            allowed = owner.__module__.startswith(ROOMS)
        else:
            kind = type(owner).__module__
            given = kind.startswith(LENT) and name in getattr(owner, "__dict__", ())
            allowed = kind.startswith(ROOMS) or given or isinstance(owner, super)
        if not allowed:
            raise self.refuse(f"it used the attribute {name!r:.40}")
        return getattr(owner, name)

    def _check(self, owner: Any, name: str) -> None:
        private = type(name) is not str or name.startswith("_") and name not in DUNDERS
        private = private or name == "format"  # it reads attributes that its text names
        if private or name in denied() or isinstance(owner, types.ModuleType):
            raise self.refuse(f"it used the attribute {name!r:.40}")

    def watch(self) -> None:
        """Refuse frames, files and processes to the answer for the rest of this process."""
        codes, refuse, looking = self.codes, self.refuse, False

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal looking
            if looking:  # looking at the frames is an event, too
                return
            if event == "exec" and _calls_in_axes(sys._getframe(1), arguments[0]):
                raise refuse("it wrote a call into the axes of a type")
            direct = event in DIRECT
            if not direct and not event.startswith(REFUSED):
                return
            looking = True
            try:
                frame = sys._getframe(1)
                caused = _is_direct(frame, codes) if direct else _is_under(frame, codes)
            finally:
                looking = False
            if caused:
                raise refuse(f"it used {event}, which no answer needs")

        sys.addaudithook(hook)


def _is_of_module(module: str, name: str) -> bool:
    if module.startswith(ROOMS) or is_listed(f"{module}.{name}"):
        return True
    return is_listed(module) and module != "scipy" and name in names_of(module)


def _calls_in_axes(frame: types.FrameType, code: types.CodeType) -> bool:
    """Whether jaxtyping is about to evaluate more than arithmetic with the sizes of axes."""
    if not frame.f_globals.get("__name__", "").startswith("jaxtyping"):
        return False
    names = {name for one in code_objects(code) for name in one.co_names}
    return any(name.startswith("__") or hasattr(builtins, name) for name in names)


def _is_direct(frame: types.FrameType | None, codes: set[types.CodeType]) -> bool:
    """Whether an answer caused an event itself, or through a module that leads to frames."""
    if frame is None:
        return False
    while frame is not None and frame.f_globals.get("__name__", "").startswith(THROUGH):
        frame = frame.f_back
    return frame is not None and frame.f_code in codes


def _is_under(frame: types.FrameType | None, codes: set[types.CodeType]) -> bool:
    while frame is not None:
        if frame.f_code in codes:
            return True
        frame = frame.f_back
    return False


def guarded(
    node: ast.stmt, named: frozenset[str] = frozenset(), owner: str = "", first: str = ""
) -> ast.stmt:
    """Rewrite a statement of an answer, in place.

    named: the attributes that only the answer itself names.
    owner, first: the class and the first parameter of a method whose `super()` has to name them.
    """
    rewritten: ast.stmt = _Rewrite(named, owner, first).visit(node)
    return ast.fix_missing_locations(rewritten)


class _Rewrite(ast.NodeTransformer):
    def __init__(self, named: frozenset[str], owner: str, first: str):
        self.named, self.owner, self.first = named, owner, first

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Check the owner of an attribute that is set or deleted, or that the answer named."""
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load) and node.attr in self.named:
            check = ast.Name("__own__", ast.Load())
            call = ast.Call(check, [node.value, ast.Constant(node.attr)], [])
            return ast.copy_location(call, node)
        if not isinstance(node.ctx, ast.Load):
            check = ast.Name("__changes__", ast.Load())
            node.value = ast.Call(check, [node.value, ast.Constant(node.attr)], [])
            ast.copy_location(node.value, node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """Replace type, getattr and setattr; give super its arguments."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name):
            if node.func.id == "super" and not node.args and self.owner:
                node.args = [ast.Name(self.owner, ast.Load()), ast.Name(self.first, ast.Load())]
                node.func = ast.Name("__super__", ast.Load())
            elif node.func.id == "type":
                node.func = ast.Name("__type_of__", ast.Load())
        return node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Replace getattr and setattr, called or passed on."""
        names: dict[str, str] = {"getattr": "__get__", "setattr": "__set__"}
        if isinstance(node.ctx, ast.Load):
            node.id = names.get(node.id, node.id)
        return node


def code_objects(code: types.CodeType) -> set[types.CodeType]:
    """Collect a code object and all that are defined in it."""
    found = {code}
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            found |= code_objects(part)
    return found
