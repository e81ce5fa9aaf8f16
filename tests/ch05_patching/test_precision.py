"""16-bit models (given code): everything that reads, patches or edits a model takes them."""

import pytest
import torch

from tests.ch05_patching.patching_reference import CLEAN, CORRUPTED
from tests.grading import tiny_models

pytestmark = pytest.mark.project
ANSWER, WRONG = torch.tensor([3, 0, 6]), torch.tensor([5, 6, 1])
TEXT = torch.tensor([[3, 1, 4, 2, 9, 3, 1, 4, 2, 9]])


class Tools:
    """The chapters of the tree that is graded, and what the calls below have in common."""

    def __init__(self, impl, model):
        self.impl, self.model = impl, model
        self.Intervention = impl("ch05_patching.interventions").Intervention
        self.Site = impl("ch02_transformer.sites").Site
        self.metrics = impl("ch05_patching.metrics")
        self.metric = self.metrics.logit_diff_from_resid(model, ANSWER, WRONG)

    def __getattr__(self, name):
        chapter, _, module = name.partition("__")
        folders = {"c0": "ch00_looking", "c2": "ch02_transformer", "c3": "ch03_circuits"}
        folders |= {"c4": "ch04_induction", "c5": "ch05_patching", "c7": "ch07_ioi"}
        return self.impl(f"{folders[chapter]}.{module}")

    def sites(self):
        return [self.Site("attn.hook_z", 1, head=2, position=-1), self.Site("hook_mlp_out", 0)]

    def cached(self, name, tokens=CLEAN):
        return self.model.run_with_cache(tokens, names=name)[1][name]

    def sweep(self):
        sites = self.sites()
        runs = {"other": self.c5__activation.cache_sites(self.model, CORRUPTED, sites)}
        patches = [[self.Intervention.patch(site, "other")] for site in sites]
        return self.c5__activation.patch_sweep(self.model, CLEAN, patches, self.metric, runs)

    def paths(self):
        senders = [[self.Site("attn.hook_z", 0, head=1)]]
        receivers = [self.Site("attn.hook_q", 1, head=2)]
        arguments = (self.model, CLEAN, CORRUPTED, senders, receivers, self.metric)
        return self.c5__path.path_patch(*arguments)

    def trace(self):
        subject = torch.zeros_like(CLEAN, dtype=torch.bool)
        subject[:, 1] = True
        generator = torch.Generator().manual_seed(0)
        noisy = self.c5__tracing.corrupt_subject(self.model, CLEAN, subject, 2, generator)
        return self.c5__tracing.causal_trace(self.model, CLEAN, ANSWER, noisy).restored

    def probe(self):
        acts = self.cached("blocks.1.hook_resid_post").flatten(0, 1)
        labels = torch.arange(len(acts)) % 2
        return self.c0__probe.held_out_accuracy(self.c0__probe.LinearProbe(10), acts, labels)

    def rome(self):
        location = self.c5__rome.EditLocation(0, -1)
        search = self.c5__rome.ValueSearch(steps=2)
        value = self.c5__rome.optimize_value(self.model, CLEAN, 3, CORRUPTED, location, search)
        keys = self.c5__rome.keys_at(self.model, CLEAN, 0)
        C = self.c5__rome.second_moment(keys.flatten(0, 1), ridge=0.1)
        W = self.model.blocks[0].mlp.W_out.detach()
        return self.c5__rome.rome_edit(W, C, keys[0, -1], value)

    def tuned_lens(self):
        lens = self.c3__lens.TunedLens(2, 10)
        steps = self.c3__lens.train_tuned_lens(self.model, iter([CLEAN] * 2), lens, 2)
        return list(steps)[-1]

    def means(self):
        z = self.cached("blocks.0.attn.hook_z")
        return self.c7__circuit.template_means(z, torch.tensor([0, 0, 0]))


CALLS = {
    "svd": lambda t: t.c3__circuits.ov_circuit(t.model, 0).svd()[1],
    "eigenvalues": lambda t: t.c3__circuits.ov_circuit(t.model, 0).eigenvalues(),
    "copying": lambda t: t.c3__circuits.copying_score(
        t.c3__circuits.full_ov(t.model, 0).eigenvalues()
    ),
    "full QK": lambda t: t.c3__circuits.full_qk(t.model, 0, 2).norm(),
    "composition": lambda t: t.c3__composition.all_composition_scores(t.model, 0, 1).k,
    "attribution": lambda t: (
        t.c3__decompose.direct_logit_attribution(t.model, CLEAN, CLEAN, CORRUPTED).contributions
    ),
    "head contributions": lambda t: t.c3__decompose.head_logit_contributions(
        t.cached("blocks.0.attn.hook_z"),
        t.model.blocks[0].attn.W_O,
        t.c3__decompose.logit_direction(t.model, CLEAN),
    ),
    "neuron contributions": lambda t: t.c3__decompose.neuron_logit_contributions(
        t.cached("blocks.0.mlp.hook_post"),
        t.model.blocks[0].mlp.W_out,
        t.c3__decompose.logit_direction(t.model, CLEAN),
    ),
    "lens": lambda t: t.c3__lens.kl_divergence(
        t.c3__lens.logit_lens(t.model, t.c3__lens.residual_stream(t.model, CLEAN))[0],
        t.model(CLEAN),
    ),
    "tuned lens": Tools.tuned_lens,
    "head scores": lambda t: t.c4__scores.head_scores(t.model, TEXT, 5).prefix,
    "losses": lambda t: t.c4__scores.token_losses(t.model(TEXT), TEXT),
    "loss": lambda t: t.c2__train.next_token_loss(t.model(TEXT), TEXT),
    "ablation": lambda t: t.c4__ablate.pattern_preserving_ablation(
        t.model, CLEAN, [(0, 1)]
    ).float(),
    "sweep": Tools.sweep,
    "paths": Tools.paths,
    "tracing": Tools.trace,
    "logit difference": lambda t: t.metrics.logit_diff(t.model(CLEAN)[:, -1], ANSWER, WRONG),
    "probability": lambda t: t.metrics.probability(t.model(CLEAN)[:, -1], ANSWER),
    "KL": lambda t: t.metrics.kl_divergence(t.model(CLEAN)[:, -1], t.model(CORRUPTED)[:, -1]),
    "probe": Tools.probe,
    "ROME": Tools.rome,
    "means": Tools.means,
    "in top k": lambda t: t.c7__heads.in_top_k(t.model(CLEAN)[:, -1], ANSWER).float(),
    "generation": lambda t: t.c2__sample.generate(
        t.model, CLEAN, 3, t.c2__sample.SampleConfig(0.7, top_k=5, top_p=0.9)
    ).float(),
}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("call", CALLS)
def test_a_16_bit_model_is_taken_everywhere(impl, call, dtype):
    model = tiny_models.build(impl, "llama").to(dtype)
    with torch.enable_grad():
        actual = CALLS[call](Tools(impl, model))
    if isinstance(actual, float):
        return
    assert actual.dtype in (torch.float32, torch.complex64), "expected float32"
    wide = model.float()
    expected = CALLS[call](Tools(impl, wide))
    if call in ("generation", "in top k", "eigenvalues"):
        return  # one rounding can exchange two of them
    scale = expected.abs().max().clamp(min=0.1)
    gap = (actual - expected).abs().max() / scale
    assert gap < 0.2, f"{call} in {dtype} is {gap:.2g} from the same weights in float32"


def test_16_bit_sums_of_contributions_are_the_logit(impl):
    model = tiny_models.build(impl, "gpt2").bfloat16()
    decompose = impl("ch03_circuits.decompose")
    found = decompose.direct_logit_attribution(model, CLEAN, CLEAN)
    logit = model(CLEAN).float().gather(-1, CLEAN[..., None])[..., 0]
    assert (found.contributions.sum(dim=0) - logit).abs().max() < 0.1
