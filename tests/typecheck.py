"""The type checker that tests put on every function of attnlib."""

import beartype

typecheck = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))
"""beartype, with an int passing for a float."""
