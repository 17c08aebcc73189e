"""The models of the sweep: small ones of each family, with random weights, and a batch of inputs for each."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import timm
import torch
import torchvision
from torch import nn

Inputs = dict[str, torch.Tensor]
Made = tuple[nn.Module, Inputs]


class Subject(NamedTuple):
    """A model by its library's name and its own; ``build`` makes it and its inputs, by the names they have."""

    name: str
    build: Callable[[], Made]


# Width and height of the images, what else the model is made with, and the names of models.
Pictured = tuple[int, dict[str, Any], str]
STAGES = {"depths": (1, 1, 1, 1)}
TIMM: list[Pictured] = [
    (
        64,
        {},
        "efficientnet_b0 mobilenetv3_small_050 mobilenetv4_conv_small_035 mobilenetv4_hybrid_medium ghostnet_050 "
        "starnet_s050 fasternet_t0 mobileone_s0 repvit_m0_9 repvgg_a0 rexnet_100 mixnet_s lcnetv2_small hgnetv2_b0 "
        "resnet18 resnet50_clip resnetv2_18 res2net50_14w_8s resnest14d skresnet18 regnety_002 nf_regnet_b0 test_nfnet "
        "densenet121 vovnet39a cspresnet50 legacy_xception hrnet_w18_small dla46_c dpn48b tresnet_m lambda_resnet26t "
        "gcresnet33ts mobilevit_xxs mobilevitv2_050 efficientvit_b0 efficientvit_m0 shvit_s1 efficientvim_m1 iformer_t "
        "cpubone_nano lowformer_b0 csatv2 nextvit_small convmixer_768_32 fastvit_t8 poolformer_s12 poolformerv2_s12 "
        "convformer_s18 caformer_s18 focalnet_tiny_srf swiftformer_xs rdnet_tiny",
    ),
    (64, {"mlp_ratio": 0.02}, "vgg11"),
    (96, {}, "inception_v3"),
    (128, {}, "hieradet_small"),
    (224, {}, "efficientformer_l1 tiny_vit_5m_224"),
    (256, {}, "halonet26t"),
    (
        64,
        STAGES,
        "convnext_tiny convnextv2_atto pvt_v2_b0 davit_tiny edgenext_xx_small mambaout_femto inception_next_atto",
    ),
    (
        64,
        {"img_size": 64},
        "mixer_s16_224 gmlp_ti16_224 gmixer_12_224 resmlp_12_224 levit_128s levit_conv_128s efficientformerv2_s0 "
        "test_maxvit coatnet_pico_rw_224 visformer_tiny pit_ti_224 coat_lite_tiny gcvit_xxtiny mvitv2_tiny "
        "hiera_tiny_224 nest_tiny botnet26t_256 volo_d1_224 vitamin_small_224",
    ),
    (
        64,
        {"img_size": 64} | STAGES,
        "swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 swinv2_cr_tiny_224 twins_pcpvt_small",
    ),
    (64, {"img_size": 64, "layers": (1, 1, 1, 1)}, "sequencer2d_s"),
    (
        64,
        {"img_size": 64, "depth": 2},
        "vit_tiny_patch16_224 vit_relpos_small_patch16_224 vit_small_patch16_rope_224 vit_small_patch16_dinov3 "
        "vit_base_patch16_xp_224 vit_pe_core_tiny_patch16_384 vit_base_patch32_clip_224 vit_base_patch16_siglip_224 "
        "flexivit_small deit_tiny_patch16_224 deit_tiny_distilled_patch16_224 deit3_small_patch16_224 "
        "beit_base_patch16_224 beit3_base_patch16_224 cait_xxs24_224 convit_tiny xcit_nano_12_p16_224 "
        "tnt_s_patch16_224",
    ),
    (56, {"img_size": 56, "depth": 2}, "eva02_tiny_patch14_224 vit_base_patch14_dinov2"),
    (
        64,
        {"img_size": 64, "depth": 2, "embed_dim": 192, "num_heads": 3},
        "aimv2_large_patch14_224 qwen3_vit_88m samvit_base_patch16",
    ),
    (64, {"depth": 2}, "naflexvit_base_patch16_gap"),
    (240, {"img_size": 240, "depth": ((1, 1, 0),) * 3}, "crossvit_9_240"),
]
TORCHVISION: list[Pictured] = [
    (
        64,
        {},
        "alexnet resnet18 resnext50_32x4d wide_resnet50_2 densenet121 googlenet efficientnet_b0 "
        "efficientnet_v2_s mnasnet0_5 mobilenet_v2 mobilenet_v3_small regnet_x_400mf regnet_y_400mf "
        "shufflenet_v2_x0_5 squeezenet1_1 convnext_tiny swin_t swin_v2_t",
    ),
    (96, {"aux_logits": False}, "inception_v3"),
    (64, {"image_size": 64}, "vit_b_32"),
    (224, {}, "maxvit_t"),
]

TOKENS = {"vocab_size": 96, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
WIDTHS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
TEXT = TOKENS | WIDTHS | {"max_position_embeddings": 64}
GROUPED = TEXT | {"num_key_value_heads": 2, "head_dim": 8}
ROUTED = {"num_experts_per_tok": 2, "moe_intermediate_size": 24}
EXPERTS = GROUPED | ROUTED | {"num_local_experts": 4, "num_experts": 4, "shared_expert_intermediate_size": 24}
DELTA = {"linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8}
LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8}
GATES = {"n_routed_experts": 4, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1}
T5 = TOKENS | {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4}
SIDES = {"layers": 2, "attention_heads": 4, "ffn_dim": 48}
BOTH = {f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in SIDES.items()}
BART = TOKENS | BOTH | {"d_model": 32, "max_position_embeddings": 64, "decoder_start_token_id": 1}
PICTURE = WIDTHS | {"image_size": 32, "patch_size": 8}
WINDOWS = {"image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": (1, 1), "num_heads": (2, 4), "window_size": 4}
TOWERS = {"text_config": TEXT, "vision_config": PICTURE, "projection_dim": 16}
CONVOLUTIONS = {"conv_dim": (16, 16), "conv_kernel": (10, 4), "conv_stride": (5, 4), "num_feat_extract_layers": 2}
UNSKIPPED = {"layerdrop": 0.0, "apply_spec_augment": False}
SOUND = TOKENS | WIDTHS | CONVOLUTIONS | UNSKIPPED | {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
MEL = {"max_length": 64, "num_mel_bins": 16, "patch_size": 8, "frequency_stride": 8, "time_stride": 8}


def _ids(length: int = 12) -> torch.Tensor:
    return torch.randint(3, 96, (2, length))


def _text() -> Inputs:
    return {"input_ids": _ids()}


def _pair() -> Inputs:
    return {"input_ids": _ids(), "decoder_input_ids": _ids(6)}


def _image(pixels: int = 32) -> Inputs:
    return {"pixel_values": torch.randn(2, 3, pixels, pixels)}


def _wave() -> Inputs:
    return {"input_values": torch.randn(2, 800)}


def _spectrogram() -> Inputs:
    return {"input_values": torch.randn(2, 64, 16)}


def _speech() -> Inputs:
    return {"input_features": torch.randn(2, 8, 32), "decoder_input_ids": _ids(6)}


# The end of the automatic class's name, the inputs, what the configuration is told, and the names of models.
TRANSFORMERS: list[tuple[str, Callable[[], Inputs], dict[str, Any], str]] = [
    (
        "ForCausalLM",
        _text,
        TEXT,
        "gpt2 gpt_neox opt bloom phi gpt_bigcode mpt mamba falcon_mamba rwkv falcon biogpt openai-gpt ctrl xlm xglm "
        "persimmon",
    ),
    ("ForCausalLM", _text, TEXT | {"attention_types": [[["global", "local"], 1]]}, "gpt_neo"),
    ("ForCausalLM", _text, TEXT | {"rotary_dim": 4}, "gptj codegen"),
    ("ForCausalLM", _text, TEXT | {"head_dim": 8, "num_heads": 8, "n_groups": 1, "state_size": 8}, "mamba2"),
    ("ForCausalLM", _text, GROUPED | {"num_hidden_layers": 3}, "recurrent_gemma"),
    (
        "ForCausalLM",
        _text,
        GROUPED,
        "llama mistral qwen2 qwen3 gemma gemma2 gemma3_text cohere olmo2 phi3 starcoder2 stablelm glm4 smollm3 granite "
        "bitnet exaone4 diffllama doge helium nemotron",
    ),
    (
        "ForCausalLM",
        _text,
        EXPERTS,
        "mixtral qwen2_moe qwen3_moe gpt_oss olmoe phimoe granitemoe jetmoe minimax llama4_text",
    ),
    ("ForCausalLM", _text, EXPERTS | DELTA | {"num_hidden_layers": 4}, "qwen3_next"),
    ("ForCausalLM", _text, EXPERTS | {"attn_layer_period": 2, "attn_layer_offset": 1, "mamba_d_state": 8}, "jamba"),
    ("ForCausalLM", _text, TEXT | {"num_key_value_heads": 4} | LATENT | GATES | ROUTED, "deepseek_v2 deepseek_v3"),
    ("ForMaskedLM", _text, TEXT, "roberta distilbert electra"),
    (
        "ForSequenceClassification",
        _text,
        TEXT,
        "bert albert deberta deberta-v2 modernbert mpnet fnet roformer ibert canine esm",
    ),
    ("ForSequenceClassification", _text, TEXT | {"embedding_size": 32}, "squeezebert"),
    ("ForSequenceClassification", _text, TEXT | {"attention_window": 4}, "longformer"),
    ("ForSequenceClassification", _text, TOKENS | {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48}, "xlnet"),
    (
        "ForSequenceClassification",
        _text,
        TOKENS | {"d_model": 32, "block_sizes": [1, 1], "n_head": 4, "d_head": 8, "d_inner": 48},
        "funnel",
    ),
    ("ForSeq2SeqLM", _pair, T5, "t5 mt5 umt5 longt5 switch_transformers"),
    ("ForSeq2SeqLM", _pair, BART, "bart pegasus mbart marian m2m_100"),
    ("ForImageClassification", _image, PICTURE, "vit beit dinov2 data2vec-vision ijepa vit_msn"),
    ("ForImageClassification", _image, PICTURE | {"architectures": ["DeiTForImageClassification"]}, "deit"),
    ("ForImageClassification", _image, WINDOWS, "swin swinv2"),
    (
        "ForImageClassification",
        partial(_image, 64),
        {"depths": (1, 1, 1, 1), "image_size": 64},
        "pvt pvt_v2 segformer convnext poolformer mobilevit resnet regnet",
    ),
    ("", lambda: _text() | _image(), TOWERS, "clip siglip"),
    ("ForCTC", _wave, SOUND, "wav2vec2 hubert wavlm wav2vec2-conformer sew"),
    ("ForAudioClassification", _spectrogram, WIDTHS | MEL, "audio-spectrogram-transformer"),
    (
        "ForSpeechSeq2Seq",
        _speech,
        BART | {"num_mel_bins": 8, "max_source_positions": 16, "max_target_positions": 16},
        "whisper",
    ),
]


def _pictured(make: Callable[..., nn.Module], name: str, pixels: int, options: dict[str, Any]) -> Made:
    return make(name, num_classes=10, **options), {"x": torch.randn(2, 3, pixels, pixels)}


def _configured(kind: str, automatic: str, inputs: Callable[[], Inputs], options: dict[str, Any]) -> Made:
    import transformers  # takes seconds, and is not always there

    config = transformers.AutoConfig.for_model(kind, use_cache=False, **options)
    return getattr(transformers, f"AutoModel{automatic}").from_config(config), inputs()


def subjects() -> Iterator[Subject]:
    """All of them."""
    libraries = {"timm": (timm.create_model, TIMM), "torchvision": (torchvision.models.get_model, TORCHVISION)}
    for library, (make, rows) in libraries.items():
        for pixels, options, names in rows:
            yield from (
                Subject(f"{library}/{name}", partial(_pictured, make, name, pixels, options)) for name in names.split()
            )
    for automatic, inputs, options, kinds in TRANSFORMERS:
        yield from (
            Subject(f"transformers/{kind}", partial(_configured, kind, automatic, inputs, options))
            for kind in kinds.split()
        )
