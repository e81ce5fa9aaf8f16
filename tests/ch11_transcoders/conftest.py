"""One fixture for each module of the chapter, from the tree that is graded."""

from tests.grading import module_fixture

transcoder = module_fixture("ch11_transcoders.transcoder")
skip = module_fixture("ch11_transcoders.skip")
virtual_weights = module_fixture("ch11_transcoders.virtual_weights")
attribution = module_fixture("ch11_transcoders.attribution")
crosslayer = module_fixture("ch11_transcoders.crosslayer")
cost = module_fixture("ch11_transcoders.cost")
replacement = module_fixture("ch11_transcoders.replacement")
fast_pass = module_fixture("ch11_transcoders.fast_pass")
from_scratch = module_fixture("ch11_transcoders.from_scratch")
formats = module_fixture("ch11_transcoders.formats")
eight_bits = module_fixture("ch11_transcoders.eight_bits")
jumprelu = module_fixture("ch11_transcoders.jumprelu")
two_hop = module_fixture("ch11_transcoders.two_hop")
own_two_hop = module_fixture("ch11_transcoders.own_two_hop")
config = module_fixture("ch02_transformer.config")
model = module_fixture("ch02_transformer.model")
layers = module_fixture("ch02_transformer.layers")
norms = module_fixture("ch02_transformer.norms")
train = module_fixture("ch08_saes.train")
