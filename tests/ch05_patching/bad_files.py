"""A good file of interventions, and what may be wrong in one: where, what, and the refusal."""


def whole():
    """The content of a good file."""
    site = dict(hook="attn.hook_z", layer=1, head=0, position=[-1], neuron=None, direction=None)
    value = dict(dtype="float32", shape=[1, 2], numbers=[0.5, 1.0])
    run = dict(run="other", position=None, average=False)
    first = dict(site=site, action="replace", value=value, source=None, during="all")
    second = dict(site=dict(site), action="replace", value=None, source=run, during="all")
    return {"format": "interventions", "version": 1, "interventions": [first, second]}


GONE = object()
SITE, VALUE = ("interventions", 0, "site"), ("interventions", 0, "value")
SOURCE = ("interventions", 1, "source")
REFUSED = [
    ((), [], "the file: expected dict, but list"),
    ((), 3, "the file: expected dict, but int 3 came"),
    (("format",), "models", "expected format 'interventions', version 1; came"),
    (("format",), 5, "format: expected str, but int 5"),
    (("version",), 2, "came ('interventions', 2)"),
    (("version",), True, "version: expected int, but bool True came"),
    (("version",), 1.0, "version: expected int, but float"),
    (("version",), GONE, "the file: unknown fields [], missing fields ['version']"),
    (("code",), "import os", "the file: unknown fields ['code'], missing fields []"),
    (("interventions",), {}, "interventions: expected list, but dict"),
    (("interventions", 1), None, "interventions[1]: expected dict, but NoneType None"),
    (("interventions", 0, "during"), "later", "interventions[0]: during is one of all, prompt"),
    (("interventions", 0, "during"), ["all"], "interventions[0].during: expected str, but list"),
    (("interventions", 0, "action"), "exec", "interventions[0]: an action is one of zero, replace"),
    (
        ("interventions", 0, "action"),
        "zero",
        "interventions[0]: zero at blocks.1.attn.hook_z takes 0",
    ),
    (("interventions", 0, "value"), None, "takes 1 operands (a value, or a source), but 0 came"),
    (("interventions", 1, "value"), whole()["interventions"][0]["value"], "but 2 came"),
    (("interventions", 0, "value"), 0.5, "interventions[0].value: expected dict, but float 0.5"),
    ((*SITE, "hook"), GONE, "interventions[0].site: unknown fields [], missing fields ['hook']"),
    ((*SITE, "hok"), "attn.hook_z", "interventions[0].site: unknown fields ['hok']"),
    ((*SITE, "hook"), None, "interventions[0].site.hook: expected str, but NoneType"),
    ((*SITE, "hook"), "a" * 201, "site.hook: at most 200 letters, but 201 came"),
    ((*SITE, "layer"), True, "interventions[0].site.layer: expected int, but bool True came"),
    ((*SITE, "layer"), 1.0, "site.layer: expected int, but float 1.0 came"),
    ((*SITE, "layer"), [1], "site.layer: expected a number, but [1] came"),
    ((*SITE, "layer"), -1, "interventions[0].site: layers are numbered from 0, but -1 came"),
    ((*SITE, "layer"), 2**31, "site.layer: 2147483648 is out of bounds"),
    ((*SITE, "layer"), 10**30, "a whole number of 31 digits came"),
    ((*SITE, "head"), "0", "site.head: expected int, but str '0' came"),
    ((*SITE, "head"), [False], "site.head: expected int, but bool False came"),
    ((*SITE, "head"), [[0]], "site.head: expected a number or a row of numbers, but [[0]] came"),
    ((*SITE, "head"), [1, 1], "interventions[0].site: heads are different numbers"),
    ((*SITE, "head"), [], "interventions[0].site: heads are different numbers"),
    ((*SITE, "position"), [], "interventions[0].site: a site without positions"),
    ((*SITE, "position"), [1, [2]], "site.position: expected int, but list [2] came"),
    ((*SITE, "position"), [[1], 2], "site.position: expected list, but int 2 came"),
    ((*SITE, "position"), [[1], [2, 3]], "interventions[0].site: examples need equally many"),
    ((*SITE, "position"), [[[1]]], "expected a number or a row of numbers or rows of numbers, but"),
    ((*SITE, "position"), {"0": 1}, "site.position: expected int, but dict"),
    ((*SITE, "direction"), [1.0, 0.0], "site.direction: expected rows of numbers, but [1.0, 0.0]"),
    ((*SITE, "direction"), [[1.0, 1.0]], "interventions[0].site: directions must be orthonormal"),
    ((*SITE, "direction"), [[1.0]] * 99, "99 directions in 1 dimensions came: too many"),
    ((*SITE, "direction"), [[1.0, 0.0], [1.0]], "interventions[0].site: directions come as rows"),
    ((*VALUE, "dtype"), "float16", "value.dtype: float32 or float64, but 'float16' came"),
    ((*VALUE, "dtype"), "object", "value.dtype: float32 or float64, but 'object' came"),
    ((*VALUE, "shape"), [1, 3], "interventions[0].value: shape [1, 3] does not fit 2 numbers"),
    ((*VALUE, "shape"), [-1, -2], "interventions[0].value: shape [-1, -2] does not fit"),
    ((*VALUE, "shape"), [0], "shape [0] does not fit 2 numbers"),
    ((*VALUE, "shape"), 2, "value.shape: expected a row of numbers, but 2 came"),
    ((*VALUE, "shape"), [2.0], "value.shape: expected int, but float 2.0 came"),
    ((*VALUE, "shape"), [1] * 400 + [2], "does not fit 2 numbers"),
    ((*VALUE, "shape"), [2**30, 2**30], "does not fit 2 numbers"),
    ((*VALUE, "numbers"), [1.0, True], "value.numbers: expected float, but bool True came"),
    ((*VALUE, "numbers"), [1.0, "2.0"], "value.numbers: expected float, but str '2.0' came"),
    ((*VALUE, "numbers"), [[1.0, 2.0]], "value.numbers: expected a row of numbers, but"),
    ((*VALUE, "numbers"), [1.0, 1e300], "value.numbers: one is too large for float32"),
    ((*VALUE, "numbers"), [1.0, float("nan")], "numbers must be finite, but NaN came"),
    ((*VALUE, "numbers"), [1.0, float("-inf")], "numbers must be finite, but -Infinity came"),
    ((*VALUE, "data"), "gASV", "interventions[0].value: unknown fields ['data']"),
    ((*SOURCE, "run"), 3, "interventions[1].source.run: expected str, but int 3 came"),
    ((*SOURCE, "average"), 1, "interventions[1].source.average: expected bool, but int 1 came"),
    ((*SOURCE, "position"), 0.5, "source.position: expected int, but float 0.5 came"),
]
