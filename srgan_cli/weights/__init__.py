"""Weights files: what they hold, where they come from, and what can be made of them.

file           read and write .safetensors with a card; card: what a file says about its network
spandrel       networks of other projects, and reading .pth files without running code
registry       find weights by name, path or address; list what is available
hub            the cache of downloaded weights; huggingface, download: how a file is found and transferred
interpolation  adversarial weights mixed with their fidelity counterpart
onnx           export
backbones      VGG, SqueezeNet and others, for losses and metrics
"""
