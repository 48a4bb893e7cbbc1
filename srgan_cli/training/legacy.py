"""Settings of earlier versions, so that recipes, `config.json` and checkpoints of before still load."""

from collections.abc import Mapping
from typing import Any

RENAMED_SETTINGS = {
    "game": "gan_loss",
    "pixel_share": "pretrain_fraction",
    "l2_share": "l2_fraction",
    "unpaired_share": "degradation_learning_fraction",
    "degraded_share": "degradation_prob",
    "colour_share": "channel_shuffle_prob",
    "mixup_share": "mixup_prob",
    "cutblur_share": "cutblur_prob",
    "patch_choice": "candidate_patches",
    "matching_weight": "feature_matching_weight",
    "average": "ema_decay",
    "validation": "validation_pictures",
}
LEGACY_DEFAULTS = {"candidate_patches": 1, "equivariance": "off"}
"""Values of settings in runs that are older than the setting."""


def current_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with former keys replaced by the current ones.  Where both are given, the current one counts."""
    former = {RENAMED_SETTINGS[key]: value for key, value in settings.items() if key in RENAMED_SETTINGS}
    return former | {key: value for key, value in settings.items() if key not in RENAMED_SETTINGS}
