"""Enlarge pictures with a generative adversarial network.

The public names are those of `__init__.pyi`, each imported when it is first used: `import srgan_cli` loads no torch.
"""

import lazy_loader

__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
__all__ += ["__version__"]


def __dir__() -> list[str]:
    return [*__all__]
