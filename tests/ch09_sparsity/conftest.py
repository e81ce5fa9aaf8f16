"""One fixture for each module of the chapter, from the tree that is graded."""

from tests.grading import module_fixture

topk = module_fixture("ch09_sparsity.topk")
active_entries = module_fixture("ch09_sparsity.active_entries")
batch_topk = module_fixture("ch09_sparsity.batch_topk")
gated = module_fixture("ch09_sparsity.gated")
jumprelu = module_fixture("ch09_sparsity.jumprelu")
matryoshka = module_fixture("ch09_sparsity.matryoshka")
absorption = module_fixture("ch09_sparsity.absorption")
scaling = module_fixture("ch09_sparsity.scaling")
formats = module_fixture("ch09_sparsity.formats")
from_scratch = module_fixture("ch09_sparsity.from_scratch")
own_dictionary = module_fixture("ch09_sparsity.own_dictionary")
sae = module_fixture("ch08_saes.sae")
vanilla = module_fixture("ch08_saes.vanilla")
train = module_fixture("ch08_saes.train")
