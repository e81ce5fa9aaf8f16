"""A good file of interventions, and what may be wrong in one: where, what, and the error."""


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
    ((), [], "file: expected fields format, version, interventions, got []"),
    ((), 3, "file: expected fields format, version, interventions, got 3"),
    (("format",), "models", "file.format: expected interventions, got 'models'"),
    (("format",), 5, "file.format: expected interventions, got 5"),
    (("version",), 2, "file.version: expected 1, got 2"),
    (("version",), True, "file.version: expected 1, got True"),
    (("version",), 1.0, "file.version: expected 1, got 1.0"),
    (
        ("version",),
        GONE,
        "file: expected fields format, version, interventions, got 'format', 'intervent",
    ),
    (
        ("code",),
        "import os",
        "file: expected fields format, version, interventions, got 'format', 'version',",
    ),
    (("interventions",), {}, "file.interventions: expected a list, got {}"),
    (
        ("interventions", 1),
        None,
        "file.interventions[1]: expected fields site, action, value, source, during, got",
    ),
    (
        ("interventions", 0, "during"),
        "later",
        "[0].during: expected all or prompt or generated, got 'later'",
    ),
    (
        ("interventions", 0, "during"),
        ["all"],
        "[0].during: expected all or prompt or generated, got ['all']",
    ),
    (
        ("interventions", 0, "action"),
        "exec",
        "[0].action: expected zero or replace or add or scale, got 'exec'",
    ),
    (
        ("interventions", 0, "action"),
        "zero",
        "file.interventions[0]: zero at blocks.1.attn.hook_z: expected 0 operands (valu",
    ),
    (
        ("interventions", 0, "value"),
        None,
        "file.interventions[0]: replace at blocks.1.attn.hook_z: expected 1 operands (v",
    ),
    (
        ("interventions", 1, "value"),
        whole()["interventions"][0]["value"],
        "file.interventions[1]: replace at blocks.1.attn.hook_z: expected 1 operands (v",
    ),
    (("interventions", 0, "value"), 0.5, "value: expected fields dtype, shape, numbers, got 0.5"),
    ((*SITE, "hook"), GONE, "site: "),
    ((*SITE, "hok"), "attn.hook_z", "site: "),
    ((*SITE, "hook"), None, "site.hook: expected a string of at most 200 letters, got None"),
    ((*SITE, "hook"), "a" * 201, "site.hook: expected a string of at most 200 letters, got 'aaa"),
    ((*SITE, "layer"), True, "site.layer: expected an integer below 2^31, got True"),
    ((*SITE, "layer"), 1.0, "site.layer: expected an integer below 2^31, got 1.0"),
    ((*SITE, "layer"), [1], "site.layer: expected an integer below 2^31, got [1]"),
    ((*SITE, "layer"), -1, "site: "),
    ((*SITE, "layer"), 2**31, "site.layer: expected an integer below 2^31, got 2147483648"),
    (
        (*SITE, "layer"),
        10**30,
        "site.layer: expected an integer below 2^31, got 1000000000000000000000000",
    ),
    ((*SITE, "head"), "0", "site.head: expected an integer below 2^31, got '0'"),
    ((*SITE, "head"), [False], "site.head[0]: expected an integer below 2^31, got False"),
    ((*SITE, "head"), [[0]], "site.head[0]: expected an integer below 2^31, got [0]"),
    ((*SITE, "head"), [1, 1], "site: "),
    ((*SITE, "head"), [], "site: "),
    ((*SITE, "position"), [], "site: "),
    ((*SITE, "position"), [1, [2]], "site.position[1]: expected an integer below 2^31, got [2]"),
    ((*SITE, "position"), [[1], 2], "site.position[0]: expected an integer below 2^31, got [1]"),
    ((*SITE, "position"), [[1], [2, 3]], "site: "),
    (
        (*SITE, "position"),
        [[[1]]],
        "site.position[0][0]: expected an integer below 2^31, got [1]",
    ),
    ((*SITE, "position"), {"0": 1}, "site.position: expected an integer below 2^31, got {'0': 1}"),
    (
        (*SITE, "direction"),
        [1.0, 0.0],
        "site.direction[0]: expected a list, got 1.0",
    ),
    ((*SITE, "direction"), [[1.0, 1.0]], "site: "),
    ((*SITE, "direction"), [[1.0]] * 99, "site: "),
    ((*SITE, "direction"), [[1.0, 0.0], [1.0]], "site: "),
    ((*VALUE, "dtype"), "float16", "value.dtype: expected float32 or float64, got 'float16'"),
    ((*VALUE, "dtype"), "object", "value.dtype: expected float32 or float64, got 'object'"),
    (
        (*VALUE, "shape"),
        [1, 3],
        "value: expected a shape of 2 entries on at most 4 axes, got [1, 3]",
    ),
    (
        (*VALUE, "shape"),
        [-1, -2],
        "value: expected a shape of 2 entries on at most 4 axes, got [-1, -2]",
    ),
    ((*VALUE, "shape"), [0], "value: expected a shape of 2 entries on at most 4 axes, got [0]"),
    ((*VALUE, "shape"), 2, "value.shape: expected a list, got 2"),
    ((*VALUE, "shape"), [2.0], "value.shape[0]: expected an integer below 2^31, got 2.0"),
    (
        (*VALUE, "shape"),
        [1] * 400 + [2],
        "value: expected a shape of 2 entries on at most 4 axes, got [1, 1, 1, 1, 1, 1, 1, 1, 1,",
    ),
    (
        (*VALUE, "shape"),
        [2**30, 2**30],
        "value: expected a shape of 2 entries on at most 4 axes, got [1073741824, 1073741824]",
    ),
    ((*VALUE, "numbers"), [1.0, True], "value.numbers[1]: expected a finite float, got True"),
    ((*VALUE, "numbers"), [1.0, "2.0"], "value.numbers[1]: expected a finite float, got '2.0'"),
    (
        (*VALUE, "numbers"),
        [[1.0, 2.0]],
        "value.numbers[0]: expected a finite float, got [1.0, 2.0]",
    ),
    (
        (*VALUE, "numbers"),
        [1.0, 1e300],
        "value: expected numbers within float32, got one that is too large",
    ),
    (
        (*VALUE, "numbers"),
        [1.0, float("nan")],
        "value.numbers[1]: expected a finite float, got nan",
    ),
    (
        (*VALUE, "numbers"),
        [1.0, float("-inf")],
        "value.numbers[1]: expected a finite float, got -inf",
    ),
    (
        (*VALUE, "data"),
        "gASV",
        "value: expected fields dtype, shape, numbers, got 'dtype', 'shape', 'numbers',",
    ),
    ((*SOURCE, "run"), 3, "source.run: expected a string of at most 200 letters, got 3"),
    ((*SOURCE, "average"), 1, "source.average: expected true or false, got 1"),
    ((*SOURCE, "position"), 0.5, "source.position: expected an integer below 2^31, got 0.5"),
]
