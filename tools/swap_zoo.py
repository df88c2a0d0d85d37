"""Models of other libraries, built small from their configurations, for tools/swap_models.py.

Each is a name and a function that gives the model and what its forward takes; with labels among
it where the model has a loss of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

Inputs = dict[str, Any]
Build = Callable[[], tuple[nn.Module, Inputs]]

SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 48, "vocab_size": 64, "max_position_embeddings": 32, "d_ff": 48,
    "head_dim": 8, "d_kv": 8, "image_size": 32, "patch_size": 8, "embedding_size": 16,
    "num_experts": 2, "num_local_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 16,
    "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "num_layers": 2, "state_size": 4,
    "n_positions": 32, "max_source_positions": 16, "max_target_positions": 32,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1,
    "sliding_window": None, "n_inner": None,
}  # fmt: skip
"""What configurations are set to, as far as they have it."""

OWN: dict[str, Inputs] = {
    "bloom": {"num_hidden_layers": 2}, "deberta-v2": {"relative_attention": True},
    "distilbert": {"hidden_dim": 48}, "resnet": {"hidden_sizes": [8, 16], "depths": [1, 1]},
    "convnext": {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2},
    "swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 2,
             "patch_size": 4},
    "gemma2": {"query_pre_attn_scalar": 8, "sliding_window": 16},
    "gptj": {"rotary_dim": 4}, "qwen2_moe": {"sliding_window": 16}, "mamba": {"time_step_rank": 4},
    "whisper": {"num_mel_bins": 8, "d_model": 32}, "bart": {"d_model": 32},
    "t5": {"d_model": 32, "decoder_start_token_id": 1},
    "wav2vec2": {"conv_dim": [8, 8], "conv_kernel": [3, 3], "conv_stride": [2, 2],
                 "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 4,
                 "num_conv_pos_embedding_groups": 2, "mask_time_prob": 0.0},
    "modernbert": {"global_attn_every_n_layers": 1}, "opt": {"ffn_dim": 48,
                                                             "word_embed_proj_dim": 32},
    "pegasus": {"d_model": 32}, "mbart": {"d_model": 32},
    "segformer": {"hidden_sizes": [8, 16], "depths": [1, 1], "num_encoder_blocks": 2,
                  "sr_ratios": [2, 1], "strides": [2, 2], "patch_sizes": [3, 3],
                  "num_attention_heads": [1, 2], "mlp_ratios": [2, 2]},
    "mobilenet_v2": {}, "poolformer": {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1]},
}  # fmt: skip

TRANSFORMERS = {
    "AutoModelForCausalLM": (
        "gpt2", "gpt_neo", "gpt_neox", "gptj", "opt", "bloom", "falcon", "llama", "mistral",
        "mixtral", "qwen2", "qwen3", "qwen2_moe", "gemma", "gemma2", "phi", "phi3", "olmo2",
        "cohere", "granite", "stablelm", "starcoder2", "mamba",
    ),
    "AutoModelForMaskedLM": (
        "bert", "roberta", "distilbert", "electra", "albert", "deberta-v2", "modernbert",
    ),
    "AutoModelForSeq2SeqLM": ("t5", "t5 gated", "bart", "mbart", "pegasus"),
    "AutoModelForImageClassification": (
        "vit", "dinov2", "swin", "convnext", "resnet", "segformer", "mobilenet_v2", "poolformer",
    ),
    "AutoModel": ("whisper", "wav2vec2"),
}  # fmt: skip


def computed(config: Any, name: str) -> bool:
    """Whether a configuration derives it from others."""
    return isinstance(getattr(type(config), name, None), property)


def transformers_model(task: str, word: str) -> tuple[nn.Module, Inputs]:
    import transformers

    kind = word.split()[0]
    settings = {**SMALL, **OWN.get(kind, {})}
    config = transformers.AutoConfig.for_model(kind)
    for name, value in settings.items():
        if name in OWN.get(kind, {}) or (hasattr(config, name) and not computed(config, name)):
            setattr(config, name, value)
    types = None if computed(config, "layer_types") else getattr(config, "layer_types", None)
    if types and hasattr(config, "num_hidden_layers"):
        config.layer_types = types[: config.num_hidden_layers]
    if word == "t5 gated":
        config.feed_forward_proj, config.dense_act_fn = "gated-gelu", "gelu_new"
        config.is_gated_act = True
    config._attn_implementation = config._experts_implementation = "eager"
    model: nn.Module = getattr(transformers, task).from_config(config)
    ids = torch.randint(3, 60, (2, 12))
    if kind == "whisper":
        return model, {"input_features": torch.randn(2, 8, 32), "decoder_input_ids": ids}
    if kind == "wav2vec2":
        return model, {"input_values": torch.randn(2, 200)}
    if "Image" in task:
        return model, {"pixel_values": torch.randn(2, 3, 32, 32), "labels": torch.tensor([0, 1])}
    return model, {"input_ids": ids, "labels": ids}


GATED: dict[str, Inputs] = {
    "eva02_tiny_patch14_224": {"depth": 2}, "vit_small_plus_patch16_dinov3": {"depth": 2},
    "aimv2_large_patch14_224": {"depth": 2}, "vit_giant_patch14_reg4_dinov2": {"depth": 2},
    "deepseek_vit_412m": {"depth": 2},
}  # fmt: skip
"""Architectures of timm with gated MLPs, which are large, and what makes them small."""


def timm_model(name: str) -> tuple[nn.Module, Inputs]:
    """In the smallest of a few sizes that it takes."""
    import timm

    small = GATED.get(name, {})
    for size in (64, 96, 128, 192, 224, None):
        for options in ({}, {"img_size": size}):
            try:
                model = timm.create_model(name, num_classes=7, **small, **options)
                channels, *own = model.default_cfg["input_size"]
                x = torch.randn(2, channels, *((size, size) if size else own))
                model.train()(x)
            except Exception:  # it takes no such images
                continue
            return model, {"x": x}
    raise ValueError("no size that was tried fits")


def torchvision_model(name: str) -> tuple[nn.Module, Inputs]:
    import torchvision

    model = torchvision.models.get_model(name, num_classes=7)
    fixed = {"vit_b_16": 224, "maxvit_t": 224, "inception_v3": 299}
    return model, {"x": torch.randn(2, 3, *(fixed.get(name, 64),) * 2)}


def diffusers_model(name: str, options: Inputs, inputs: Callable[[], Inputs]) -> Any:
    import diffusers

    return getattr(diffusers, name)(**options), inputs()


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape)


DIFFUSERS: dict[str, tuple[Inputs, Callable[[], Inputs]]] = {
    "UNet2DModel": (
        {"sample_size": 16, "block_out_channels": (8, 16), "norm_num_groups": 4,
         "layers_per_block": 1, "attention_head_dim": 4,
         "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
         "up_block_types": ("AttnUpBlock2D", "UpBlock2D")},
        lambda: {"sample": noise(2, 3, 16, 16), "timestep": torch.tensor([1, 5])},
    ),
    "UNet2DConditionModel": (
        {"sample_size": 16, "block_out_channels": (8, 16), "norm_num_groups": 4,
         "layers_per_block": 1, "attention_head_dim": 4, "cross_attention_dim": 8,
         "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
         "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D")},
        lambda: {"sample": noise(2, 4, 16, 16), "timestep": torch.tensor([1, 5]),
                 "encoder_hidden_states": noise(2, 3, 8)},
    ),
    "AutoencoderKL": (
        {"block_out_channels": (8, 16), "norm_num_groups": 4,
         "down_block_types": ("DownEncoderBlock2D",) * 2,
         "up_block_types": ("UpDecoderBlock2D",) * 2},
        lambda: {"sample": noise(2, 3, 16, 16)},
    ),
    "DiTTransformer2DModel": (
        {"num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 2, "sample_size": 8,
         "norm_num_groups": 4},
        lambda: {"hidden_states": noise(2, 4, 8, 8), "timestep": torch.tensor([1, 5]),
                 "class_labels": torch.tensor([1, 2])},
    ),
    "SD3Transformer2DModel": (
        {"sample_size": 8, "num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 8,
         "caption_projection_dim": 16, "joint_attention_dim": 8, "pooled_projection_dim": 8,
         "in_channels": 4, "out_channels": 4, "pos_embed_max_size": 8},
        lambda: {"hidden_states": noise(2, 4, 8, 8), "timestep": torch.tensor([1, 5]),
                 "encoder_hidden_states": noise(2, 3, 8), "pooled_projections": noise(2, 8)},
    ),
    "FluxTransformer2DModel": (
        {"in_channels": 4, "num_layers": 1, "num_single_layers": 1, "attention_head_dim": 16,
         "num_attention_heads": 2, "joint_attention_dim": 8, "pooled_projection_dim": 8,
         "axes_dims_rope": (4, 6, 6)},
        lambda: {"hidden_states": noise(2, 16, 4), "timestep": torch.tensor([0.1, 0.5]),
                 "encoder_hidden_states": noise(2, 3, 8), "pooled_projections": noise(2, 8),
                 "img_ids": torch.zeros(16, 3), "txt_ids": torch.zeros(3, 3)},
    ),
}  # fmt: skip

TORCHVISION = (
    "alexnet", "vgg11_bn", "resnet18", "resnext50_32x4d", "squeezenet1_1", "densenet121",
    "inception_v3", "googlenet", "shufflenet_v2_x0_5", "mobilenet_v2", "mobilenet_v3_small",
    "mnasnet0_5", "efficientnet_b0", "efficientnet_v2_s", "regnet_y_400mf", "convnext_tiny",
    "swin_t", "swin_v2_t", "vit_b_16", "maxvit_t",
)  # fmt: skip


def smallest_of_timm(family: str) -> str:
    """The architecture of a family with the fewest parameters, counted without memory for them."""
    import timm

    sizes: dict[str, int] = {}
    names = timm.list_models(module=family)
    # Those that timm itself is tested on are small.
    for name in [n for n in names if n.startswith("test_")] or names:
        with torch.device("meta"):
            try:
                sizes[name] = sum(p.numel() for p in timm.create_model(name).parameters())
            except Exception:  # its constructor looks at numbers
                continue
    return min(sizes, key=sizes.__getitem__) if sizes else names[0]


def timm_names(every: bool) -> Iterator[str]:
    import timm

    if every:
        yield from timm.list_models()
    else:
        yield from dict.fromkeys([*map(smallest_of_timm, timm.list_modules()), *GATED])


def zoo(library: str, every: bool) -> Iterator[tuple[str, Build]]:
    """The models of a library; of timm one of each family, or every one."""
    if library == "timm":
        for name in timm_names(every):
            yield name, partial(timm_model, name)
    elif library == "torchvision":
        for name in TORCHVISION:
            yield name, partial(torchvision_model, name)
    elif library == "diffusers":
        for name, (options, inputs) in DIFFUSERS.items():
            yield name, partial(diffusers_model, name, options, inputs)
    else:
        for task, words in TRANSFORMERS.items():
            for word in words:
                yield (
                    f"{word} ({task.removeprefix('Auto')})",
                    partial(transformers_model, task, word),
                )
