# The public names for type checkers, which do not see what is imported on first use.
from nist.benchmarks.calibrate import calibrate as calibrate
from nist.sparse.audit import audit as audit
from nist.sparse.convert import densify as densify
from nist.sparse.convert import reform as reform
from nist.sparse.convolution import NISTConv2d as NISTConv2d
from nist.sparse.dynamic import SET as SET
from nist.sparse.dynamic import RigL as RigL
from nist.sparse.inference import for_inference as for_inference
from nist.sparse.initial_masks import initial_masks as initial_masks
from nist.sparse.linear import NISTLinear as NISTLinear
from nist.sparse.mask import neuroseed_mask as neuroseed_mask
from nist.sparse.prune import PruneOnce as PruneOnce
from nist.sparse.prune import prune as prune
from nist.sparse.shrink import shrink as shrink
from nist.sparse.sparsify import sparsify as sparsify
from nist.sparse.suggest import suggest as suggest
from nist.sparse.summary import summary as summary
