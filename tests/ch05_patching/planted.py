"""Models whose parts are set by hand, so that what a patch must do is known."""

import torch


@torch.no_grad()
def negative_head(impl):
    """Head 0 writes twice the bit of the text, head 1 takes it away once, for the logit of token 1.

    A text is [bit, 2]; its last position attends to both tokens alike. 200 tokens, float64.
    """
    config = impl("ch02_transformer.config").TransformerConfig(
        n_layers=1, d_model=2, n_heads=2, d_head=1, d_mlp=1, d_vocab=200, n_ctx=2
    )
    only = impl("ch02_transformer.attention_only").ATTENTION_ONLY
    model = impl("ch02_transformer.model").HookedTransformer(config, only).double()
    for weight in model.parameters():
        weight.zero_()
    model.embed.W_E[1, 0] = 1
    attn = model.blocks[0].attn
    attn.W_V[:, 0, 0] = 2
    attn.W_O[0, 0, 1], attn.W_O[1, 0, 1] = 2, -1
    model.unembed.W_U[1, 1] = 1
    return model


@torch.no_grad()
def one_head_against_the_other(impl):
    """Logits [1, 200] of the corrupted run, the clean run, and corrupted with head 1's z clean."""
    model = negative_head(impl)
    corrupted, clean = torch.tensor([[0, 2]]), torch.tensor([[1, 2]])
    _, cache = model.run_with_cache(clean)

    def restore(z, point):
        z[:, :, 1] = cache[point.name][:, :, 1]

    patched = model.run_with_hooks(corrupted, hooks={"blocks.0.attn.hook_z": restore})
    return model(corrupted)[:, -1], model(clean)[:, -1], patched[:, -1]
