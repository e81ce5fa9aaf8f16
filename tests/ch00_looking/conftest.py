"""One fixture for each module of the chapter, from the tree that is graded."""

from tests.grading import module_fixture

tensors = module_fixture("ch00_looking.tensors")
reader = module_fixture("ch00_looking.sentiment_model")
reviews = module_fixture("ch00_looking.sentiment_data")
behaviour = module_fixture("ch00_looking.behaviour")
saliency = module_fixture("ch00_looking.saliency")
probe = module_fixture("ch00_looking.probe")
evidence = module_fixture("ch00_looking.evidence")
cause = module_fixture("ch00_looking.interventions")
