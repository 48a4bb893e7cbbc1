"""WrappedGenerator: base class of generators that run another generator."""

from srgan_cli.networks import Generator


class WrappedGenerator(Generator):
    """A generator that runs another one and is cut into tiles like it."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(scale=generator.scale, noise=generator.noise, bands=generator.bands)
        self.generator = generator
        self.grid, self.exact_tiles = generator.grid, generator.exact_tiles
        self.half_formats, self.memory_format = generator.half_formats, generator.memory_format
        self.native_bytes = generator.native_bytes

    @property
    def receptive_radius(self) -> int:
        """Receptive radius of the wrapped generator."""
        return self.generator.receptive_radius

    @property
    def blend(self) -> int:  # type: ignore[override]
        """Blending width of the wrapped generator."""
        return self.generator.blend
