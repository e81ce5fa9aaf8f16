"""One fixture for each module of the chapter, from the tree that is graded."""

from tests.grading import module_fixture

tensors = module_fixture("ch00_looking.tensors")
sentiment_model = module_fixture("ch00_looking.sentiment_model")
sentiment_data = module_fixture("ch00_looking.sentiment_data")
behaviour = module_fixture("ch00_looking.behaviour")
saliency = module_fixture("ch00_looking.saliency")
probe = module_fixture("ch00_looking.probe")
evidence = module_fixture("ch00_looking.evidence")
interventions = module_fixture("ch00_looking.interventions")
own_reviews = module_fixture("ch00_looking.own_reviews")
from_scratch = module_fixture("ch00_looking.from_scratch")
