// Written by tools/fit_float_tables.py; do not edit.
#pragma once

#include "runtime/isa.hpp"

namespace ogive::OGIVE_ISA {
namespace {

constexpr float sixteenths_of_log2_e = 0x1.715476p+4f;
// The first has all its bits; n times it is exact where x is next to that.
constexpr float ln2_16 = 0x1.62e43p-5f, ln2_16_rest = -0x1.05c61p-33f;

// e^r = 1 + r + e0 + r^2 q(r), |r| <= ln2/32: q. Error 2^-29.68.
alignas(64) constexpr float exp_tail[] = {0x1.00029p-1f, 0x1.55569ep-3f};

// The floats whose bits are those of 2^(j/16) less j << 19.
alignas(64) constexpr float exp2_bits[] = {
    0x1p+0f,        0x1.fb5586p-1f, 0x1.f72b84p-1f, 0x1.f387a6p-1f, 0x1.f06fep-1f,  0x1.edea64p-1f,
    0x1.ebfdaep-1f, 0x1.eab07ep-1f, 0x1.ea09e6p-1f, 0x1.ea1148p-1f, 0x1.eace54p-1f, 0x1.ec4918p-1f,
    0x1.ee89fap-1f, 0x1.f199bep-1f, 0x1.f5818ep-1f, 0x1.fa4afap-1f};

// 2^(j/16) over its float, less 1, and e0.
alignas(64) constexpr float exp2_rest[] = {
    -0x1.3b2ab6p-30f, 0x1.83bd7ep-25f,  -0x1.c37178p-27f, 0x1.8c6faep-25f,
    0x1.0876acp-25f,  0x1.2d328ep-25f,  -0x1.140ea6p-25f, -0x1.283e02p-27f,
    0x1.1252b2p-26f,  -0x1.0fa49ap-25f, 0x1.18d71cp-28f,  0x1.54eb36p-28f,
    -0x1.10942ep-26f, -0x1.b82c62p-28f, -0x1.f3ec2ap-28f, 0x1.1277ep-28f};

// q without e0, where 1 is taken off e^r. Error 2^-37.44.
alignas(64) constexpr float exp_longer_tail[] = {0x1p-1f, 0x1.55572p-3f, 0x1.555624p-5f};

// exp2_rest without e0.
alignas(64) constexpr float exp2_whole_rest[] = {
    0x0p+0f,          0x1.8d96d4p-25f,  -0x1.9c0c22p-27f, 0x1.964904p-25f,
    0x1.125002p-25f,  0x1.370be4p-25f,  -0x1.0a355p-25f,  -0x1.00d8acp-27f,
    0x1.26055cp-26f,  -0x1.05cb44p-25f, 0x1.67a1cap-28f,  0x1.a3b5e4p-28f,
    -0x1.f9c304p-27f, -0x1.6961b4p-28f, -0x1.a5217cp-28f, 0x1.61428ep-28f};

// e^(a^2/2) Phi(-a), with one constant for ln2/16. Error 2^-29.11.
struct gelu_tail {
  static constexpr float scale = 0x1.3eb852p+0f, offset = 0x1.07ae14p+0f;
  alignas(64) static constexpr float centre[16] = {
      0x1.f5b754p-1f, 0x1.61a82ep+0f, 0x1.c87e7ep+0f, 0x1.179f36p+1f,
      0x1.64c352p+1f, 0x1.cb8adcp+1f, 0x1.1936bcp+2f, 0x1.4c9598p+2f,
      0x1.99bb3ap+2f, 0x1.003c88p+3f, 0x1.33aaa6p+3f, 0x1.66a9dcp+3f,
      0x0p+0f,        0x1.1bc5a4p-2f, 0x1.e95e5cp-2f, 0x1.5b8676p-1f};
  alignas(64) static constexpr float c[8][16] = {
      {0x1.0eb512p-2f, 0x1.bc688cp-3f, 0x1.765544p-3f, 0x1.41f734p-3f, 0x1.08bfc8p-3f,
       0x1.a9ec78p-4f, 0x1.630a68p-4f, 0x1.2fe798p-4f, 0x1.f2d7f2p-5f, 0x1.920d22p-5f,
       0x1.5059c2p-5f, 0x1.2150ccp-5f, 0x1p-1f, 0x1.9fe3f6p-2f, 0x1.6b2464p-2f, 0x1.4091dep-2f},
      {-0x1.1e7e6ep-3f, -0x1.963112p-4f, -0x1.2b0f9ep-4f, -0x1.c6bd68p-5f, -0x1.3c7d1p-5f,
       -0x1.a3b518p-6f, -0x1.281fd8p-6f, -0x1.b64c5ep-7f, -0x1.2a0cd4p-7f, -0x1.860792p-8f,
       -0x1.121da4p-8f, -0x1.96ad38p-9f, -0x1.988454p-2f, -0x1.2543cep-2f, -0x1.d5f178p-3f,
       -0x1.7dda8ep-3f},
      {0x1.04acd4p-4f, 0x1.47ac9cp-5f, 0x1.aec5e4p-6f, 0x1.26764cp-6f, 0x1.61c0bap-7f,
       0x1.89be5ep-8f, 0x1.dc0254p-9f, 0x1.332056p-9f, 0x1.5cf7cp-10f, 0x1.752b86p-11f,
       0x1.ba60b2p-12f, 0x1.1bb256p-12f, 0x1.000042p-2f, 0x1.4e9eep-3f, 0x1.f5b2dap-4f,
       0x1.7df3d2p-4f},
      {-0x1.a765f6p-6f, -0x1.df9c8ep-7f, -0x1.1d6664p-7f, -0x1.62f3e4p-8f, -0x1.754b7ep-9f,
       -0x1.61a11p-10f, -0x1.71e83ep-11f, -0x1.a321a8p-12f, -0x1.90c67ap-13f, -0x1.605178p-14f,
       -0x1.618784p-15f, -0x1.88efbp-16f, -0x1.106858p-3f, -0x1.49314cp-4f, -0x1.d2c0ccp-5f,
       -0x1.5051f8p-5f},
      {0x1.39ec92p-7f, 0x1.4404c4p-8f, 0x1.609fe8p-9f, 0x1.929a1ap-10f, 0x1.768864p-11f,
       0x1.3160fep-12f, 0x1.16a9f4p-13f, 0x1.16eec6p-14f, 0x1.c3e01cp-16f, 0x1.4859f4p-17f,
       0x1.17e484p-18f, 0x1.0e27b6p-19f, 0x1.01e3c8p-4f, 0x1.20fc5cp-5f, 0x1.865d68p-6f,
       0x1.0bd87cp-6f},
      {-0x1.af3956p-9f, -0x1.9a0e62p-10f, -0x1.996854p-11f, -0x1.af6ce6p-12f, -0x1.67302ep-13f,
       -0x1.fc93f6p-15f, -0x1.96efe4p-16f, -0x1.687b42p-17f, -0x1.f4b208p-19f, -0x1.2e8eeap-20f,
       -0x1.b88c46p-22f, -0x1.6ef6a2p-23f, -0x1.ee916cp-6f, -0x1.d813e4p-7f, -0x1.28cbaep-7f,
       -0x1.7038dp-8f},
      {0x1.14a8a8p-10f, 0x1.f30d3ap-12f, 0x1.c76a58p-13f, 0x1.982864p-14f, 0x1.50194cp-15f,
       0x1.9ebe8ap-17f, 0x1.27db44p-18f, 0x1.d96fc4p-20f, 0x1.163072p-21f, 0x1.187ed4p-23f,
       0x1.57da8cp-25f, 0x1.fb498p-27f, 0x1.8f1ff6p-6f, 0x1.614976p-8f, 0x1.51bfdcp-9f,
       0x1.ffe5ccp-10f},
      {-0x1.5fb122p-12f, -0x1.83f554p-14f, -0x1.44cf74p-14f, -0x1.446254p-15f, -0x1.316fdap-17f,
       -0x1.586888p-19f, -0x1.072aap-20f, -0x1.0a3cbep-21f, -0x1.2b10b6p-24f, -0x1.dd0edep-27f,
       -0x1.81553cp-29f, -0x1.125d1cp-29f, -0x1.98846p-6f, 0x1.a87e9p-7f, -0x1.11c28ep-8f,
       -0x1.44e032p-6f}};
};

// e^(a^2/2) times the slope of GELU at -a, likewise. Error 2^-28.27.
struct gelu_slope {
  static constexpr float scale = 0x1p+0f, offset = 0x1.1f8a98p+0f;
  alignas(64) static constexpr float centre[16] = {
      0x1.0e8254p+0f, 0x1.8e83eep+0f, 0x1.103498p+1f, 0x1.5037eep+1f,
      0x1.b0407p+1f,  0x1.1817b2p+2f, 0x1.5819d2p+2f, 0x1.9821a8p+2f,
      0x1.f82224p+2f, 0x1.3c1344p+3f, 0x1.6e051ep+3f, 0x1.6e051ep+3f,
      0x1.379458p-6f, 0x1.01d438p-2f, 0x1.12d62cp-1f, 0x1.80ead2p-1f};
  alignas(64) static constexpr float low[16] = {
      -0x1.16aadcp-30f, -0x1.94ec8cp-27f, -0x1.120b74p-29f, -0x1.c70076p-27f,
      0x1.3f6fe6p-25f,  -0x1.f43916p-26f, 0x1.6cbba2p-25f,  0x1.d1661cp-25f,
      -0x1.809ad2p-25f, 0x1.693fcep-24f,  -0x1.3464b8p-23f, -0x1.3464b8p-23f,
      0x1.ec8af8p-27f,  0x1.d1c6bcp-27f,  -0x1.453374p-28f, -0x1.dc87p-28f};
  alignas(64) static constexpr float c[7][16] = {
      {-0x1.572c2ep-3f, -0x1.ae58c8p-2f, -0x1.60351ap-1f, -0x1.d30428p-1f, -0x1.3ccb8cp+0f,
       -0x1.a8b11p+0f, -0x1.095abap+1f, -0x1.3dd172p+1f, -0x1.8bdb78p+1f, -0x1.f343cp+1f,
       -0x1.21d37cp+2f, -0x1.21d37cp+2f, 0x1.f08dcap-2f, 0x1.4091f8p-2f, 0x1.04e136p-3f, -0x0p+0f},
      {-0x1.0f1adp-1f, -0x1.f0fd36p-2f, -0x1.d38c96p-2f, -0x1.c3dd5ep-2f, -0x1.b59298p-2f,
       -0x1.ab27d6p-2f, -0x1.a5636cp-2f, -0x1.a1e64p-2f, -0x1.9ece3p-2f, -0x1.9c94d6p-2f,
       -0x1.9b91f6p-2f, -0x1.9b91f6p-2f, -0x1.93b8b2p-1f, -0x1.6335cap-1f, -0x1.3aa6d4p-1f,
       -0x1.25126cp-1f},
      {0x1.db415ep-5f, 0x1.0f77acp-5f, 0x1.36683ep-6f, 0x1.928db2p-7f, 0x1.c7e8eap-8f,
       0x1.e0e72p-9f, 0x1.1875acp-9f, 0x1.60c114p-10f, 0x1.86edf4p-11f, 0x1.994b8cp-12f,
       0x1.0b6d66p-12f, 0x1.0b6d66p-12f, 0x1.f0bc7cp-3f, 0x1.5b69fcp-3f, 0x1.ce6c6cp-4f,
       0x1.5b297ep-4f},
      {-0x1.7a3b3ap-6f, -0x1.7c3ebp-7f, -0x1.7b3344p-8f, -0x1.b7a6dp-9f, -0x1.aa9c68p-10f,
       -0x1.76cfe8p-11f, -0x1.746344p-12f, -0x1.967754p-13f, -0x1.7680dp-14f, -0x1.3efe58p-15f,
       -0x1.6b5478p-16f, -0x1.6b5478p-16f, -0x1.06cd4ap-3f, -0x1.58387ep-4f, -0x1.a747e8p-5f,
       -0x1.2bad04p-5f},
      {0x1.139c34p-7f, 0x1.ee3752p-9f, 0x1.b32f3ap-10f, 0x1.c75a64p-11f, 0x1.7eb874p-12f,
       0x1.1b24fcp-13f, 0x1.e2dcap-15f, 0x1.cbc92p-16f, 0x1.61f81ap-17f, 0x1.ecc192p-19f,
       0x1.ea48dp-20f, 0x1.ea48dp-20f, 0x1.ebbc2ep-5f, 0x1.301754p-5f, 0x1.5cc38ap-6f,
       0x1.d50bd8p-7f},
      {-0x1.75b152p-9f, -0x1.2d9242p-10f, -0x1.dbe0b4p-12f, -0x1.c441b4p-13f, -0x1.5022acp-14f,
       -0x1.a4b494p-16f, -0x1.34f008p-17f, -0x1.016712p-18f, -0x1.51444cp-20f, -0x1.7e9f2p-22f,
       -0x1.4a1b2cp-23f, -0x1.4a1b2cp-23f, -0x1.9fd3aap-6f, -0x1.eb0464p-7f, -0x1.07f75ap-7f,
       -0x1.534172p-8f},
      {0x1.a53da2p-11f, 0x1.359524p-12f, 0x1.f0b5ecp-14f, 0x1.aec086p-15f, 0x1.1ea2eap-16f,
       0x1.30c26cp-18f, 0x1.82d3c2p-20f, 0x1.1c2ab4p-21f, 0x1.3d863p-23f, 0x1.26c69ep-25f,
       0x1.ba897cp-27f, 0x1.ba897cp-27f, 0x1.2a4ec6p-7f, 0x1.68d43ep-8f, 0x1.8f6b9ep-9f,
       0x1.c28bdap-10f}};
};

// e^a times the slope of SiLU at -a, likewise; a <= 22 is asked for. Error 2^-26.64.
struct silu_slope {
  static constexpr float scale = 0x1.51eb86p-1f, offset = 0x1.07fd9ap+0f;
  alignas(64) static constexpr float centre[16] = {
      0x1.a654f4p+0f, 0x1.3fbe54p+1f, 0x1.ae4df2p+1f, 0x1.07a4cap+2f,
      0x1.505e9ap+2f, 0x1.b1513ep+2f, 0x1.092a68p+3f, 0x1.39a584p+3f,
      0x1.825b8p+3f,  0x1.e35d96p+3f, 0x1.221f34p+4f, 0x1.12f5a2p+5f,
      0x1.9757dcp-4f, 0x1.0ab784p-1f, 0x1.e7c5eap-1f, 0x1.474974p+0f};
  alignas(64) static constexpr float low[16] = {
      0x1.82a9ep-28f,   -0x1.8f88e2p-25f, -0x1.0f83e2p-25f, 0x1.35867cp-24f,
      -0x1.ef1416p-23f, -0x1.81ed9cp-23f, 0x1.3ececcp-23f,  0x1.055358p-22f,
      -0x1.3b0bfcp-24f, 0x1.89a356p-25f,  -0x1.392beep-21f, -0x1.5f7df6p-21f,
      -0x1.97acfap-29f, 0x1.3a2714p-30f,  -0x1.124f3ap-28f, -0x1.5cd412p-27f};
  alignas(64) static constexpr float c[8][16] = {
      {-0x1.49c13p-2f, -0x1.356f8ap+0f, -0x1.163c7cp+1f, -0x1.809a56p+1f, -0x1.0d3816p+2f,
       -0x1.7065f8p+2f, -0x1.d2149p+2f, -0x1.199d14p+3f, -0x1.625a6ap+3f, -0x1.c35d84p+3f,
       -0x1.121f32p+4f, -0x1.0af5ap+5f, 0x1.fd62ecp-2f, 0x1.b0782ep-2f, 0x1.cdd93cp-3f, -0x0p+0f},
      {-0x1.e2a1dp-1f, -0x1.1b93eap+0f, -0x1.1cb7ep+0f, -0x1.1482b6p+0f, -0x1.09d98ap+0f,
       -0x1.031554p+0f, -0x1.00dfe4p+0f, -0x1.003c3cp+0f, -0x1.0007e8p+0f, -0x1.00007cp+0f,
       -0x1.000006p+0f, -0x1.fffffap-1f, -0x1.aae0b2p-5f, -0x1.401dc2p-2f, -0x1.3135ccp-1f,
       -0x1.907afcp-1f},
      {-0x1.685d92p-3f, -0x1.19f094p-5f, 0x1.1586a2p-6f, 0x1.6ace1ep-6f, 0x1.c27ea2p-7f,
       0x1.3e391ap-8f, 0x1.7d6da4p-10f, 0x1.a7c46ep-12f, 0x1.ca6d4cp-15f, 0x1.d2450ep-19f,
       0x1.c59b76p-23f, 0x1.32aa72p-29f, -0x1.181212p-2f, -0x1.541522p-2f, -0x1.3f2382p-2f,
       -0x1.05b01ep-2f},
      {0x1.24c8d6p-4f, 0x1.274b8p-5f, 0x1.edc888p-8f, -0x1.2da4d4p-10f, -0x1.60b364p-9f,
       -0x1.410856p-10f, -0x1.a3ba42p-12f, -0x1.e76978p-14f, -0x1.11a9ep-16f, -0x1.2cfd64p-20f,
       -0x1.3c229p-25f, 0x1.7005cap-34f, -0x1.2e83eep-4f, -0x1.fb0fa8p-7f, 0x1.649838p-5f,
       0x1.1588b8p-4f},
      {-0x1.1b2354p-8f, -0x1.793d6p-7f, -0x1.41d768p-8f, -0x1.5ab054p-10f, 0x1.72da4ep-13f,
       0x1.af06a6p-13f, 0x1.4a3ea6p-14f, 0x1.999e26p-16f, 0x1.e2851p-19f, 0x1.04bb7p-22f,
       0x1.0536a8p-26f, 0x1.5033aap-40f, 0x1.b52b4p-6f, 0x1.3b8a6p-5f, 0x1.b387dep-6f,
       0x1.5834bp-7f},
      {-0x1.846778p-8f, 0x1.23e22ap-10f, 0x1.642932p-10f, 0x1.2e5be8p-11f, 0x1.266726p-14f,
       -0x1.535e46p-16f, -0x1.7f7c66p-17f, -0x1.0948acp-18f, -0x1.4f2518p-21f, -0x1.33077ep-29f,
       -0x1.9a6098p-26f, -0x1.526ce2p-42f, 0x1.65ec22p-7f, -0x1.91543cp-12f, -0x1.2ee256p-7f,
       -0x1.3b808ep-7f},
      {0x1.1176e2p-9f, 0x1.0f0da2p-11f, -0x1.7151fcp-13f, -0x1.1a892ap-13f, -0x1.093484p-15f,
       -0x1.0b5c82p-21f, 0x1.36d3d8p-20f, 0x1.0fc7eep-21f, 0x1.8f5e5ap-24f, 0x1.df421ep-28f,
       0x1.d410bap-32f, 0x1.3fcdd4p-47f, -0x1.a1a2fp-9f, -0x1.38c3bap-8f, -0x1.ad17f4p-10f,
       0x1.f4f502p-11f},
      {-0x1.67cda4p-13f, -0x1.c84a2cp-13f, -0x1.328846p-16f, 0x1.2d063cp-16f, 0x1.df2bdcp-18f,
       0x1.61b0dep-21f, -0x1.ac19bap-25f, -0x1.a29df8p-25f, -0x1.72f80ap-27f, -0x1.61ecf2p-27f,
       0x1.42f81ep-28f, -0x1.6a9162p-54f, -0x1.58347p-10f, 0x1.dad63ep-12f, 0x1.399bap-10f,
       0x1.dbf176p-12f}};
};

// e^(2k) times the slope of x (1 + tanh k)/2 at -a. Error 2^-28.4.
struct gelu_tanh_slope {
  static constexpr float scale = 0x1.28f5c2p+0f, offset = 0x1.008c9p+0f;
  alignas(64) static constexpr float centre[16] = {
      0x1.d2eab6p-1f, 0x1.81b98cp+0f, 0x1.f01bcep+0f, 0x1.2f2fb6p+1f,
      0x1.81f382p+1f, 0x1.f04af8p+1f, 0x1.2f57cap+2f, 0x1.6682fcp+2f,
      0x1.b942f8p+2f, 0x1.13cc92p+3f, 0x1.2fae8cp+3f, 0x1.2fae8cp+3f,
      0x1.068e08p-4f, 0x1.492b38p-2f, 0x1.2256b4p-1f, 0x1.8142ap-1f};
  alignas(64) static constexpr float low[16] = {
      0x1.062378p-27f, -0x1.f69b9p-25f,  0x1.a8638p-25f,  0x1.751bcp-25f,
      0x1.13c844p-25f, 0x1.12fd5cp-22f,  0x1.6827eep-21f, -0x1.360c58p-20f,
      0x1.400ddp-21f,  0x1.38b13cp-20f,  0x1.7e7502p-19f, 0x1.7e7502p-19f,
      0x1.e0143p-27f,  -0x1.0a9552p-30f, 0x1.3d416cp-28f, -0x1.1f3192p-26f};
  alignas(64) static constexpr float slope_low[16] = {
      -0x1.5ecadep-36f, -0x1.fedac8p-31f, -0x1.b13994p-27f, 0x1.b41eaep-33f,
      0x1.9adefcp-26f,  -0x1.bef09ap-28f, 0x1.e689a4p-30f,  -0x1.e30dacp-31f,
      -0x1.142998p-28f, -0x1.05d6f4p-29f, -0x1.73cb8ap-32f, -0x1.73cb8ap-32f,
      -0x1.e8eadp-40f,  -0x1.a760bp-36f,  0x1.31aefep-36f,  -0x1.dd5a48p-29f};
  alignas(64) static constexpr float c[8][16] = {
      {-0x1.105be8p-2f, -0x1.cd47cep+0f, -0x1.b7baf6p+1f, -0x1.6121cap+2f, -0x1.35027p+3f,
       -0x1.1a9e32p+4f, -0x1.d5b544p+4f, -0x1.6c89fep+5f, -0x1.40a6d6p+6f, -0x1.2b9a7p+7f,
       -0x1.8a341cp+7f, -0x1.8a341cp+7f, 0x1.fd388ep-2f, 0x1.b058e8p-2f, 0x1.dc4b7p-3f, -0x0p+0f},
      {-0x1.dcc018p+0f, -0x1.a4d3p+1f, -0x1.12d9c2p+2f, -0x1.59c8dcp+2f, -0x1.dfffbcp+2f,
       -0x1.6828d8p+3f, -0x1.005d4ep+4f, -0x1.5bf5c6p+4f, -0x1.00fd72p+5f, -0x1.8a6532p+5f,
       -0x1.db75aep+5f, -0x1.db75aep+5f, -0x1.6114cap-4f, -0x1.09e872p-1f, -0x1.09f592p+0f,
       -0x1.79651cp+0f},
      {-0x1.397264p+0f, -0x1.29502ap+0f, -0x1.332be6p+0f, -0x1.65b69cp+0f, -0x1.dc89a8p+0f,
       -0x1.3d88f2p+1f, -0x1.8593d4p+1f, -0x1.cc77aap+1f, -0x1.1b6012p+2f, -0x1.623b92p+2f,
       -0x1.860b7ep+2f, -0x1.860b7ep+2f, -0x1.6a73fap-1f, -0x1.ee244ap-1f, -0x1.22b1p+0f,
       -0x1.342ea8p+0f},
      {-0x1.7cf2eap-7f, 0x1.aa174cp-6f, -0x1.7de6a6p-4f, -0x1.a10e8cp-3f, -0x1.035ad4p-2f,
       -0x1.cb10aap-3f, -0x1.b747e8p-3f, -0x1.b66906p-3f, -0x1.b6678p-3f, -0x1.b6676ap-3f,
       -0x1.b6680ap-3f, -0x1.b6680ap-3f, -0x1.77294p-2f, -0x1.27a66ap-2f, -0x1.5beb4p-3f,
       -0x1.3cfb24p-4f},
      {0x1.672b6ap-4f, -0x1.919258p-5f, -0x1.381c16p-4f, -0x1.7f728cp-5f, 0x1.346f7ap-9f,
       0x1.b9a0fcp-8f, 0x1.05a34ap-11f, 0x1.4c01dp-18f, 0x1.adc9bap-21f, -0x1.028f1ap-24f,
       -0x1.0b346cp-10f, -0x1.0b346cp-10f, 0x1.4cd69cp-5f, 0x1.af81aap-4f, 0x1.0824bep-3f,
       0x1.dc30f6p-4f},
      {-0x1.6515e8p-5f, -0x1.00daaep-5f, 0x1.19ba94p-8f, 0x1.33a122p-6f, 0x1.13ce4ep-7f,
       -0x1.3de776p-9f, -0x1.b4df8cp-12f, -0x1.c168dcp-18f, 0x1.355306p-21f, -0x1.d839fep-25f,
       0x1.820c68p-5f, 0x1.820c68p-5f, 0x1.e8575ap-5f, 0x1.2f9c9ap-5f, 0x1.2b215cp-12f,
       -0x1.b7ae86p-6f},
      {-0x1.a3a27p-7f, 0x1.d2685ep-7f, 0x1.5a8efep-7f, 0x1.0c0626p-10f, -0x1.04587cp-8f,
       -0x1.9adebap-15f, 0x1.07e1c8p-12f, 0x1.1c1e7cp-17f, -0x1.82c822p-21f, 0x1.d164a2p-25f,
       0x1.f951aep+2f, 0x1.f951aep+2f, -0x1.9d5432p-8f, -0x1.5d2216p-6f, -0x1.a6adb2p-6f,
       -0x1.566756p-6f},
      {0x1.1c50c4p-7f, 0x1.ca6624p-10f, -0x1.8cf04ep-9f, -0x1.54ad4p-9f, 0x1.41e402p-13f,
       0x1.c69e04p-12f, -0x1.7a6508p-14f, -0x1.834e84p-18f, -0x1.172324p-21f, 0x1.a1044ap-25f,
       -0x1.a05256p+8f, -0x1.a05256p+8f, -0x1.5af18ap-7f, -0x1.b223ccp-8f, 0x1.2e2178p-9f,
       0x1.bca888p-8f}};
};

// The slope of Mish at a, and e^a times that at -a. Error 2^-27.08.
struct mish_slope {
  static constexpr float scale = 0x1.28f5c2p-1f, offset = 0x1.2ef2a4p+0f;
  alignas(64) static constexpr float centre[32] = {
      0x1.d6c58ep+0f, 0x1.59b4c4p+1f, 0x1.c81202p+1f, 0x1.1b2e8ep+2f, 0x1.6dfed4p+2f,
      0x1.dc4a28p+2f, 0x1.2553ep+3f,  0x1.5c8646p+3f, 0x1.af474ap+3f, 0x1.0ecdfcp+4f,
      0x1.45fe2ep+4f, 0x1.9c5ea8p+5f, 0x1.1a4288p-6f, 0x1.5247b2p-2f, 0x1.85db3ap-1f,
      0x1.313ef8p+0f, 0x1.9d6e0cp+0f, 0x1.59b80ap+1f, 0x1.c81b08p+1f, 0x1.1b30b8p+2f,
      0x1.6df15cp+2f, 0x1.dc4aecp+2f, 0x1.254d7p+3f,  0x1.5c848ep+3f, 0x1.af402p+3f,
      0x1.0ec5c4p+4f, 0x1.46017ep+4f, 0x1.9c5c22p+5f, 0x1.1a3ee8p-6f, 0x1.5246e8p-2f,
      0x1.85dcb6p-1f, 0x1.31432cp+0f};
  alignas(64) static constexpr float low[32] = {
      0x1.4207a8p-25f,  0x1.ac5866p-25f,  -0x1.0e543ap-25f, -0x1.29d328p-25f, 0x1.be9d48p-25f,
      -0x1.08014ap-26f, 0x1.6358acp-26f,  0x1.ef0232p-27f,  0x1.bf5438p-34f,  0x1.254cdep-43f,
      0x1.6eb052p-53f,  -0x1.c0f81ap-63f, -0x1.3f88c6p-26f, -0x1.9873cp-27f,  0x1.1b857ep-26f,
      -0x1.e9fb76p-25f, -0x1.a09d88p-30f, 0x1.42e45p-27f,   -0x1.f0e40cp-24f, -0x1.a9d088p-25f,
      0x1.3157fep-23f,  0x1.53f89p-23f,   0x1.2767e6p-23f,  -0x1.93edeep-24f, 0x1.8b52f6p-24f,
      -0x1.d77c3ep-23f, 0x1.e3876ap-26f,  -0x1.0df144p-33f, -0x1.2368c8p-27f, -0x1.1fde44p-26f,
      0x1.a91f5p-28f,   0x1.6ffdf6p-29f};
  alignas(64) static constexpr float slope_low[32] = {
      -0x1.5b705ep-30f, -0x1.be0f92p-30f, -0x1.7d806cp-34f, -0x1.8fedap-35f,  0x1.b151ccp-37f,
      0x1.3dc33cp-41f,  -0x1.94bd22p-46f, 0x1.33567ep-52f,  0x1.231662p-58f,  0x1.0d5de6p-67f,
      -0x1.b8a97cp-78f, -0x1.117194p-93f, 0x1.bea0bcp-35f,  0x1.d1d32ap-32f,  0x1.2abb14p-31f,
      -0x1.145a24p-34f, 0x1.0871e2p-26f,  0x1.16cfc8p-30f,  -0x1.08ff08p-36f, 0x1.105528p-34f,
      -0x1.71b7fap-30f, -0x1.efd54ap-33f, 0x1.6686c4p-42f,  -0x1.44d7ep-34f,  0x1.b469bp-34f,
      0x1.bbd068p-26f,  -0x1.cb3388p-26f, 0x1.a66626p-34f,  0x1.dec4eep-39f,  0x1.d43e76p-34f,
      0x1.cf1174p-31f,  0x1.4de6c8p-26f};
  alignas(64) static constexpr float c[8][32] = {
      {0x1.13ff86p+0f,  0x1.082954p+0f,  0x1.024ddp+0f,   0x1.008e2ap+0f,  0x1.000e9ap+0f,
       0x1.0000ap+0f,   0x1.000006p+0f,  0x1p+0f,         0x1p+0f,         0x1p+0f,
       0x1p+0f,         0x1p+0f,         0x1.38d662p-1f,  0x1.99773ep-1f,  0x1.fa96e4p-1f,
       0x1.135cdcp+0f,  -0x1.9b22a8p-2f, -0x1.8dc7fap+0f, -0x1.3d003ap+1f, -0x1.b05d7p+1f,
       -0x1.2cd862p+2f, -0x1.9c0844p+2f, -0x1.054604p+3f, -0x1.3c82f8p+3f, -0x1.8f3ffap+3f,
       -0x1.fd8b86p+3f, -0x1.36017ep+4f, -0x1.945c22p+5f, 0x1.32c9bcp-1f,  0x1.15ac3ap-1f,
       0x1.54eedep-2f,  0x0p+0f},
      {-0x1.9c09bp-5f,   -0x1.580104p-5f,  -0x1.d25cdcp-7f,  -0x1.e5649ap-9f,  -0x1.a4307ep-12f,
       -0x1.282f9ap-16f, -0x1.7eb5d2p-21f, -0x1.d72db8p-26f, -0x1.aedecep-33f, -0x1.1cf0c8p-42f,
       -0x1.663454p-52f, 0x1.b2099ep-65f,  0x1.46bfe4p-1f,   0x1.1a00c8p-1f,   0x1.457d14p-2f,
       0x1.8622ecp-4f,   -0x1.01976ep+0f,  -0x1.1434ap+0f,   -0x1.0eec18p+0f,  -0x1.08f654p+0f,
       -0x1.038c7ep+0f,  -0x1.00e43ap+0f,  -0x1.003488p+0f,  -0x1.000b76p+0f,  -0x1.00011ap+0f,
       -0x1.00000cp+0f,  -0x1p+0f,         -0x1p+0f,         -0x1.b5cb8cp-5f,  -0x1.4034cap-2f,
       -0x1.4aefe4p-1f,  -0x1.c25cf4p-1f},
      {-0x1.22b7ep-5f,  0x1.4efa2p-6f,   0x1.52f43p-7f,   0x1.8f95d4p-9f,  0x1.744cp-12f,
       0x1.10d3a2p-16f, 0x1.67429ep-21f, 0x1.bf72a2p-26f, 0x1.a693a8p-33f, 0x1.1a7e6cp-42f,
       0x1.659df4p-52f, 0x1.9c3206p-68f, -0x1.d6e6c4p-5f, -0x1.b6333p-3f,  -0x1.2c295p-2f,
       -0x1.a40eb6p-3f, -0x1.9f1f06p-4f, 0x1.33ab22p-8f,  0x1.e58116p-7f,  0x1.78d21ap-7f,
       0x1.5a831cp-8f,  0x1.7ba26cp-10f, 0x1.6d6d94p-12f, 0x1.47b2b2p-14f, 0x1.027e6ap-17f,
       0x1.5a3458p-22f, 0x1.b2fa08p-27f, 0x1.1f3ad6p-38f, -0x1.91a58p-2f,  -0x1.ae7c6cp-2f,
       -0x1.588a14p-2f, -0x1.a3dbc2p-3f},
      {0x1.d570fep-5f,   -0x1.37f4dep-13f, -0x1.15b1c6p-8f,  -0x1.9e4a8ap-10f, -0x1.af2d9ap-13f,
       -0x1.4c57a6p-17f, -0x1.bf8d92p-22f, -0x1.1a5f74p-26f, -0x1.0bdd48p-33f, -0x1.6962ep-43f,
       -0x1.cc3a0cp-53f, -0x1.4c492cp-71f, -0x1.77b784p-3f,  -0x1.1474dcp-3f,  0x1.fcd11p-7f,
       0x1.9aa22ap-4f,   0x1.0bdf02p-4f,   0x1.579064p-7f,   -0x1.5f66f2p-14f, -0x1.ddbb1ap-10f,
       -0x1.3e4b86p-10f, -0x1.93c07ap-12f, -0x1.9e2414p-14f, -0x1.80dc4ap-16f, -0x1.39427p-19f,
       -0x1.ad9802p-24f, -0x1.11c20ep-28f, -0x1.1a17cap-40f, -0x1.44a992p-4f,  0x1.24493p-6f,
       0x1.8d02bap-4f,   0x1.8c1ebap-4f},
      {-0x1.c87194p-6f, -0x1.6c8282p-8f,  0x1.9991ap-11f,   0x1.2357d2p-11f,  0x1.6bd8a8p-14f,
       0x1.2b80bcp-18f, 0x1.9e064ep-23f,  0x1.090586p-27f,  0x1.c4026p-35f,   0x1.318c9ep-44f,
       0x1.85792ep-54f, -0x1.a512aap-76f, 0x1.1fe378p-9f,   0x1.24e3fcp-4f,   0x1.504e8cp-4f,
       0x1.b8dfe8p-7f,  -0x1.41e24ep-6f,  -0x1.7d0da4p-8f,  -0x1.44bf34p-10f, -0x1.bce9d8p-15f,
       0x1.5d1b7p-13f,  0x1.2d5da2p-14f,  0x1.550668p-16f,  0x1.4cbcf6p-18f,  0x1.18c096p-21f,
       0x1.8ba986p-26f, 0x1.0025c6p-30f,  -0x1.45bedcp-46f, 0x1.3b7f1cp-4f,   0x1.204722p-4f,
       0x1.40276p-6f,   -0x1.d0d82p-7f},
      {0x1.2244b4p-9f,   0x1.d7c9dcp-9f,   0x1.ac61b4p-13f,  -0x1.063618p-13f, -0x1.d85418p-16f,
       -0x1.acbbaap-20f, -0x1.328024p-24f, -0x1.8f38d6p-29f, -0x1.64665p-36f,  -0x1.e86fcep-46f,
       -0x1.39791cp-55f, 0x1.e922aep-80f,  0x1.859018p-5f,   0x1.12ef64p-5f,   -0x1.6fdfb6p-6f,
       -0x1.f74dfp-6f,   0x1.3a4894p-10f,  0x1.dc3df6p-10f,  0x1.106c8cp-11f,  0x1.e3db04p-14f,
       -0x1.82a52cp-18f, -0x1.3e55f2p-17f, -0x1.acb7e2p-19f, -0x1.c11568p-21f, -0x1.8f2e7p-24f,
       -0x1.23272cp-28f, -0x1.801902p-33f, 0x1.7aaaf6p-49f,  0x1.5cdbp-7f,     -0x1.1ec8dp-6f,
       -0x1.796b64p-6f,  -0x1.03c596p-7f},
      {0x1.2a135p-8f,    -0x1.249704p-10f, -0x1.ddd4b6p-13f, 0x1.d66838p-18f,  0x1.ea7b22p-18f,
       0x1.0f6a5cp-21f,  0x1.9a1dcap-26f,  0x1.1214bcp-30f,  0x1.6440c6p-37f,  0x1.f63dbap-47f,
       0x1.484eb2p-56f,  0x1.9d90cep-86f,  0x1.fa4e9ap-9f,   -0x1.2a63dcp-6f,  -0x1.0425f2p-6f,
       0x1.d7798ap-8f,   0x1.bad1cp-10f,   -0x1.85bd4cp-12f, -0x1.24af22p-13f, -0x1.42e322p-15f,
       -0x1.10815ep-18f, 0x1.8e5efap-21f,  0x1.a25e3cp-22f,  0x1.eeddd4p-24f,  0x1.f79c72p-27f,
       0x1.835e14p-31f,  0x1.06b6eap-35f,  0x1.5de9f4p-56f,  -0x1.34882cp-7f,  -0x1.56b748p-7f,
       0x1.1678cap-8f,   0x1.61a996p-8f},
      {-0x1.31eb68p-9f,  0x1.495b4ep-14f,  0x1.86a5bap-14f,  0x1.f58122p-18f,  -0x1.63a248p-20f,
       -0x1.0671b4p-23f, -0x1.a4ec18p-28f, -0x1.20bd8ap-32f, -0x1.716102p-39f, -0x1.0799c2p-48f,
       -0x1.5bdd2cp-58f, -0x1.90a54p-90f,  -0x1.edb8c6p-8f,  -0x1.fec6e6p-8f,  0x1.05a9acp-7f,
       0x1.1bcfa4p-8f,   -0x1.50cafep-11f, 0x1.f88e9p-16f,   0x1.db54f2p-16f,  0x1.214fbap-17f,
       0x1.5b646ap-20f,  0x1.dca6d6p-27f,  -0x1.27d86cp-25f, -0x1.b43498p-27f, -0x1.ec3968p-30f,
       -0x1.8ebd1ap-34f, -0x1.1627cp-38f,  -0x1.246ee6p-59f, -0x1.f9fbaep-6f,  0x1.79d7dcp-8f,
       0x1.4a37a8p-9f,   -0x1.162ec2p-10f}};
};

// log2(1 + t) = t q(t), |t| <= 0.0303: q. Absolute error 2^-24.15.
alignas(64) constexpr float log2_tail[] = {0x1.715476p+0f, -0x1.7178a8p-1f, 0x1.ecb406p-2f};

// One over 1 + (j + 1/2)/16, and minus the logarithm of that.
alignas(64) constexpr float log2_inverse[] = {
    0x1.f07c2p-1f,  0x1.d41d42p-1f, 0x1.bacf92p-1f, 0x1.a41a42p-1f, 0x1.8f9c18p-1f, 0x1.7d05f4p-1f,
    0x1.6c16c2p-1f, 0x1.5c9882p-1f, 0x1.4e5e0ap-1f, 0x1.414142p-1f, 0x1.3521dp-1f,  0x1.29e412p-1f,
    0x1.1f7048p-1f, 0x1.15b1e6p-1f, 0x1.0c9714p-1f, 0x1.041042p-1f};

alignas(64) constexpr float log2_high[] = {
    0x1.6bad2p-5f,  0x1.08c588p-3f, 0x1.acf5dep-3f, 0x1.24407ap-2f, 0x1.6e222p-2f,  0x1.b47ecp-2f,
    0x1.f7a854p-2f, 0x1.1bf314p-1f, 0x1.3abb4p-1f,  0x1.58482p-1f,  0x1.74b1fcp-1f, 0x1.900e62p-1f,
    0x1.aa708ep-1f, 0x1.c3e9cap-1f, 0x1.dc899ep-1f, 0x1.f45e06p-1f};

// Error 2^-23.59.
struct gelu_sides {
  static constexpr float least = -0x1.5c19dep-3f, least_rest = 0x1.69cb8p-28f,
                         inverse = -0x1.7888ccp+2f, scale = 0x1.934086p+2f, last = 0x1.3ae134p+1f,
                         log_scale = -0x1.07a3dep+0f, log_offset = 0x1.8b8f16p-1f;
  alignas(64) static constexpr float centre[32] = {
      0x1.4p+1f,      0x1.cp+1f,      0x1.4p+2f,      0x1.cp+2f,      0x1.4p+3f,
      0x1.cp+3f,      0x1.4p+4f,      0x1.cp+4f,      0x1.4p+5f,      0x1.cp+5f,
      0x1.4p+6f,      0x1.cp+6f,      0x0p+0f,        0x1.450994p-3f, 0x1.450994p-2f,
      0x1.a62b96p-2f, 0x1.450994p-1f, 0x1.964bf8p-1f, 0x1.e78e5ep-1f, 0x1.1c6862p+0f,
      0x1.450994p+0f, 0x1.6daac6p+0f, 0x1.964bf8p+0f, 0x1.beed2cp+0f, 0x1.e78e5ep+0f,
      0x1.0817c8p+1f, 0x1.1c6862p+1f, 0x1.30b8fap+1f, 0x0p+0f,        0x1.24583p-3f,
      0x1.59999ap+0f, 0x1.cp+0f};
  alignas(64) static constexpr float c[7][32] = {
      {0x1.c69e9p+0f,  0x1.14646ap+1f, 0x1.4e8f24p+1f, 0x1.8d80eap+1f, 0x1.db4bdp+1f,
       0x1.18d2e2p+2f, 0x1.4efe62p+2f, 0x1.8ba40ep+2f, 0x1.d813f8p+2f, 0x1.16ec14p+3f,
       0x1.4d04f8p+3f, 0x1.89bcp+3f,   0x0p+0f,        0x1.609b8ep-3f, 0x1.7fb11ep-2f,
       0x1p-1f,        0x1.8e04e8p-1f, 0x1.e11c8p-1f,  0x1.0e605ap+0f, 0x1.1e412cp+0f,
       0x1.2042e8p+0f, 0x1.17f25p+0f,  0x1.0c5188p+0f, 0x1.041adep+0f, 0x1.00d2f4p+0f,
       0x1.0017c8p+0f, 0x1.000164p+0f, 0x1.00000ap+0f, 0x0p+0f,        -0x1.a7635ep-4f,
       0x1.1de7fcp+0f, 0x1.653ep+0f},
      {0x1.bf93p-2f,    0x1.5dda92p-2f,   0x1.16df68p-2f,   0x1.cb48bap-3f,  0x1.7a914cp-3f,
       0x1.3db6f2p-3f,  0x1.08f7bp-3f,    0x1.bf7722p-4f,   0x1.766842p-4f,  0x1.3c954ep-4f,
       0x1.090894p-4f,  0x1.c03a32p-5f,   0x1.dba226p-1f,   0x1.356a42p+0f,  0x1.517862p+0f,
       0x1.50d7d8p+0f,  0x1.23ba94p+0f,   0x1.c80996p-1f,   0x1.22b04cp-1f,  0x1.b56be4p-3f,
       -0x1.9b6e38p-4f, -0x1.1d30aap-2f,  -0x1.0dd32ap-2f,  -0x1.1572dap-3f, -0x1.38aeccp-5f,
       -0x1.762ae2p-8f, -0x1.bfe492p-12f, -0x1.ec759ep-17f, -0x1.dba226p-1f, -0x1.ed5d0cp-2f,
       0x1.a4987ap-1f,  0x1.34c2eep-1f},
      {-0x1.1da21ep-4f,  -0x1.0eb95cp-5f,  -0x1.0c1ecap-6f,  -0x1.246bbep-7f,  -0x1.4080dcp-8f,
       -0x1.75348ep-9f,  -0x1.ac3936p-10f, -0x1.002496p-10f, -0x1.2ae6a8p-11f, -0x1.689956p-12f,
       -0x1.a6a1c2p-13f, -0x1.fec9bp-14f,  0x1.33271p+0f,    0x1.2f3468p-1f,   0x1.d11592p-4f,
       -0x1.159ebp-3f,   -0x1.465fcap-1f,  -0x1.d5cabep-1f,  -0x1.186db6p+0f,  -0x1.1945e4p+0f,
       -0x1.a72f72p-1f,  -0x1.082112p-2f,  0x1.39e59ap-2f,   0x1.a4bbb2p-2f,   0x1.842ae4p-3f,
       0x1.49329p-5f,    0x1.01dc9ep-8f,   0x1.47a51cp-13f,  0x1.332734p+0f,   0x1.fe7ac6p+0f,
       -0x1.b13482p-2f,  -0x1.6d4624p-3f},
      {0x1.69fce2p-6f,  0x1.ad13c2p-8f,  0x1.0bad1ep-9f,   0x1.8351d2p-11f, 0x1.183ee6p-12f,
       0x1.c10a66p-14f, 0x1.5f6b6p-15f,  0x1.2823c8p-16f,  0x1.dfb6bep-18f, 0x1.9c080ep-19f,
       0x1.5168c4p-20f, 0x1.234014p-21f, -0x1.7df6bap+0f,  -0x1.1c5ac6p+0f, -0x1.d5899ep-1f,
       -0x1.abdde6p-1f, -0x1.5481bep-1f, -0x1.ff3deap-2f,  -0x1.c892f2p-3f, 0x1.fb0efep-3f,
       0x1.d41e74p-1f,  0x1.5e7bd8p+0f,  0x1.98cd4p-1f,    -0x1.2b6fc2p-2f, -0x1.df4982p-2f,
       -0x1.4cc546p-3f, -0x1.734406p-6f, -0x1.5669dep-10f, 0x1.7df50ap+0f,  0x1.2fd576p+1f,
       0x1.977266p-2f,  0x1.9a285ap-4f},
      {-0x1.16c394p-7f,  -0x1.a27172p-10f, -0x1.4f2df4p-12f, -0x1.460854p-14f, -0x1.37dc18p-16f,
       -0x1.53ee24p-18f, -0x1.6f3cdap-20f, -0x1.b44c46p-22f, -0x1.e259a6p-24f, -0x1.2a0e44p-25f,
       -0x1.50b61cp-27f, -0x1.974afcp-29f, 0x1.c82ab8p-1f,   0x1.9b28p-2f,     0x1.e58a8cp-3f,
       0x1.875ed4p-3f,   0x1.a392bcp-3f,   0x1.5a7e9ap-2f,   0x1.170dd8p-1f,   0x1.d3d4fap-1f,
       0x1.15f7dp+0f,    0x1.76681cp-4f,   -0x1.be9354p+0f,  -0x1.2dccf8p+0f,  0x1.859268p-2f,
       0x1.906494p-2f,   0x1.a94a6ap-4f,   0x1.a67f3p-7f,    0x1.cc367ap-1f,   0x1.502d1ep+1f,
       -0x1.c9dce2p-2f,  -0x1.147ad8p-4f},
      {0x1.03e2c4p-8f,  0x1.d56546p-12f, 0x1.f04472p-15f, 0x1.38f56ap-17f, 0x1.9a9574p-20f,
       0x1.2e225ep-22f, 0x1.bf2edp-25f,  0x1.6994b4p-27f, 0x1.1ec3eep-29f, 0x1.e523fcp-32f,
       0x1.8ab6d4p-34f, 0x1.52b624p-36f, -0x1.066c5cp+0f, -0x1.5de15p-2f,  -0x1.ee99f6p-4f,
       -0x1.5d8f56p-6f, 0x1.5a001p-4f,   0x1.b7f8bcp-3f,  0x1.8fe9fep-2f,  0x1.c8fedcp-2f,
       -0x1.3d7862p-2f, -0x1.207fb2p+1f, -0x1.4c618p+0f,  0x1.246c8ap+1f,  0x1.d21bc2p-1f,
       -0x1.d12b5p-2f,  -0x1.c8d8dep-3f, -0x1.c60a1p-6f,  0x1.fb44a2p-1f,  0x1.4da1b2p+2f,
       0x1.32dee2p-1f,  0x1.b83d38p-5f},
      {-0x1.d9f8eep-10f, -0x1.1dd42cp-13f, -0x1.69c8dep-17f, -0x1.f57cf6p-21f, -0x1.081076p-23f,
       -0x1.7b703ep-26f, -0x1.d82cc8p-30f, -0x1.1424cp-33f,  -0x1.770ae2p-35f, -0x1.980e7ep-39f,
       -0x1.f467f6p-41f, -0x1.2933fep-42f, 0x1.008cdp+0f,    0x1.ad39fp-2f,    0x1.232f0cp-5f,
       0x1.1c20dp-5f,    0x1.9a8568p-1f,   -0x1.aefd96p-1f,  0x1.169efp+1f,    0x1.aaea8cp-1f,
       -0x1.18849ep+1f,  -0x1.5c73ap+1f,   0x1.59e426p+1f,   0x1.a2d5bap+1f,   -0x1.dcc064p+0f,
       -0x1.4a851ap-4f,  -0x1.4758acp+0f,  -0x1.e60dd2p-2f,  0x1.37b36ep+1f,   0x1.76009p+3f,
       -0x1.aac658p-1f,  -0x1.5e7382p-5f}};
};

// Error 2^-23.36.
struct silu_sides {
  static constexpr float least = -0x1.1d25dp-2f, least_rest = 0x1.bdf6fap-27f,
                         inverse = -0x1.cba9dep+1f, scale = 0x1.a620aep+1f, last = 0x1.2cccbap+2f,
                         log_scale = -0x1.061f68p+0f, log_offset = 0x1.8cd18ap-1f;
  alignas(64) static constexpr float centre[32] = {
      0x1.4p+1f,      0x1.cp+1f,      0x1.4p+2f,      0x1.cp+2f,      0x1.4p+3f,
      0x1.cp+3f,      0x1.4p+4f,      0x1.cp+4f,      0x1.4p+5f,      0x1.cp+5f,
      0x1.4p+6f,      0x1.cp+6f,      0x0p+0f,        0x1.3680d4p-2f, 0x1.0e2e5ap-1f,
      0x1.d1c13ep-1f, 0x1.3680d4p+0f, 0x1.842108p+0f, 0x1.d1c13ep+0f, 0x1.0fb0bap+1f,
      0x1.3680d4p+1f, 0x1.5d50eep+1f, 0x1.842108p+1f, 0x1.aaf122p+1f, 0x1.d1c13ep+1f,
      0x1.f89158p+1f, 0x1.0fb0bap+2f, 0x1.2318c6p+2f, 0x0p+0f,        0x1.a96ec4p-3f,
      0x1.59999ap+0f, 0x1.cp+0f};
  alignas(64) static constexpr float c[7][32] = {
      {0x1.6b5808p-1f, 0x1.8d0fc4p-1f, 0x1.a807f4p-1f, 0x1.bb863ep-1f, 0x1.cbc2bap-1f,
       0x1.d7eeccp-1f, 0x1.e21e2cp-1f, 0x1.e99488p-1f, 0x1.efa108p-1f, 0x1.f3ed76p-1f,
       0x1.f751fap-1f, 0x1.f9ad2ap-1f, 0x0p+0f,        0x1.0e2c0ap-2f, 0x1p-1f,
       0x1.b8403p-1f,  0x1.093d2ap+0f, 0x1.19379cp+0f, 0x1.1529dp+0f,  0x1.0b38f4p+0f,
       0x1.043b6ap+0f, 0x1.01355cp+0f, 0x1.004588p+0f, 0x1.000c8ep+0f, 0x1.0001d8p+0f,
       0x1.000038p+0f, 0x1.000006p+0f, 0x1p+0f,        0x0p+0f,        -0x1.7a674ep-4f,
       0x1.0d7f8p-1f,  0x1.3b8d18p-1f},
      {0x1.6f4e26p-4f,  0x1.8dab64p-5f,   0x1.a30c3ap-6f,   0x1.d451a2p-7f,   0x1.023ecap-7f,
       0x1.26dffp-8f,   0x1.40faap-9f,    0x1.63da52p-10f,  0x1.76d9p-11f,    0x1.942d4ep-12f,
       0x1.9f0bd8p-13f, 0x1.b6887cp-14f,  0x1.51edd8p-1f,   0x1.04be28p+0f,   0x1.0e2e5cp+0f,
       0x1.8a1b38p-1f,  0x1.8af922p-2f,   0x1.8215a2p-5f,   -0x1.e53f2ep-4f,  -0x1.e41aeep-4f,
       -0x1.f562b8p-5f, -0x1.5f65aep-6f,  -0x1.6fe96cp-8f,  -0x1.2cfa78p-10f, -0x1.88de18p-13f,
       -0x1.9d897p-16f, -0x1.615334p-19f, -0x1.ec4676p-23f, -0x1.51edd8p-1f,  -0x1.9baa0cp-3f,
       0x1.2ca8aep-2f,  0x1.646e7ep-3f},
      {-0x1.0d0088p-5f,  -0x1.9cdb2ap-7f,  -0x1.28423ep-8f,  -0x1.c4faeep-10f, -0x1.564acp-11f,
       -0x1.1b5cdap-12f, -0x1.bc53aep-14f, -0x1.6909d6p-15f, -0x1.10a0b2p-16f, -0x1.abc09ep-18f,
       -0x1.38cd36p-19f, -0x1.ddc094p-21f, 0x1.cba0cp-1f,    0x1.284244p-2f,   -0x1.d263f4p-4f,
       -0x1.264214p-1f,  -0x1.48f674p-1f,  -0x1.be3904p-2f,  -0x1.cf2182p-4f,  0x1.42786ep-4f,
       0x1.6a4d1p-4f,    0x1.5d357cp-5f,   0x1.bdc922p-7f,   0x1.a84384p-9f,   0x1.2f839cp-11f,
       0x1.8f3d5p-14f,   0x1.e31b8p-22f,   0x1.567beep-17f,  0x1.cba08cp-1f,   0x1.4edbeep+0f,
       -0x1.e2138p-3f,   -0x1.85aeeap-4f},
      {0x1.9a3cecp-7f,   0x1.c072bp-9f,    0x1.c75cfap-11f,  0x1.e450a6p-13f, 0x1.e42e5ap-15f,
       0x1.197726p-16f,  0x1.399a2ap-18f,  0x1.73d772p-20f,  0x1.907d1cp-22f, 0x1.c8a536p-24f,
       0x1.d98226p-26f,  0x1.05adbcp-27f,  -0x1.595b4ep-1f,  -0x1.495b82p-1f, -0x1.163494p-1f,
       -0x1.dfc94ap-3f,  0x1.6897ecp-4f,   0x1.58f9dep-2f,   0x1.474a18p-2f,  0x1.7f87ap-4f,
       -0x1.5feddcp-5f,  -0x1.72ff1ap-5f,  -0x1.3ec824p-6f,  -0x1.6c9162p-8f, -0x1.359bfp-10f,
       -0x1.96afd8p-13f, -0x1.a565ecp-16f, -0x1.5c871cp-19f, 0x1.59592cp-1f,  0x1.46f5a6p-1f,
       0x1.d20772p-3f,   0x1.d791cap-5f},
      {-0x1.45168ep-8f,  -0x1.e6bf7ep-11f, -0x1.61a55cp-13f, -0x1.139112p-15f, -0x1.6f253p-18f,
       -0x1.1e4abap-20f, -0x1.c434dap-23f, -0x1.8a79a6p-25f, -0x1.29e7cp-27f,  -0x1.02f0cep-29f,
       -0x1.6692bp-32f,  -0x1.3937e4p-34f, -0x1.67527p-6f,   0x1.34fee8p-4f,   0x1.2e8c2p-3f,
       0x1.ff76c6p-3f,   0x1.0b3f48p-2f,   0x1.dadd06p-4f,   -0x1.1d433ep-3f,  -0x1.725f48p-3f,
       -0x1.4d21f4p-5f,  0x1.4937p-6f,     0x1.0d1ebap-6f,   0x1.58cf2p-8f,    0x1.7f424p-9f,
       -0x1.c23dc8p-12f, 0x1.d22996p-11f,  -0x1.a31b2cp-11f, -0x1.6dfeaap-6f,  -0x1.8d0362p-5f,
       -0x1.057dbep-2f,  -0x1.3dd9fp-5f},
      {0x1.2ca06ap-9f,   0x1.166676p-12f,  0x1.2379ap-15f,   0x1.42e01ep-18f, 0x1.394182p-21f,
       0x1.40287cp-24f,  0x1.5d546p-27f,   0x1.a3f3eep-30f,  0x1.d81bacp-33f, 0x1.114d36p-35f,
       0x1.2635a6p-38f,  0x1.474616p-41f,  0x1.cfd11ap-5f,   0x1.0b14cap-4f,  0x1.d5469p-5f,
       0x1.397cd6p-5f,   -0x1.230de4p-5f,  -0x1.3f0d0ep-3f,  -0x1.07f90ep-3f, 0x1.0ca97cp-4f,
       0x1.400a92p-4f,   0x1.6d6b04p-7f,   -0x1.0529ep-7f,   -0x1.5104cep-8f, -0x1.b8055cp-10f,
       -0x1.8ac45cp-12f, -0x1.0776c8p-14f, -0x1.0ecec4p-17f, -0x1.f466ap-5f,  0x1.53e1f6p-4f,
       0x1.5e1952p-2f,   0x1.f5aa96p-6f},
      {-0x1.138968p-10f, -0x1.511e5p-14f,  -0x1.d3e10cp-18f, -0x1.228f88p-21f, -0x1.e7473cp-25f,
       -0x1.d3da34p-28f, -0x1.e20c7ap-32f, -0x1.6bddep-36f,  -0x1.4f6f3p-38f,  0x1.a08eep-42f,
       -0x1.e4c7dep-45f, 0x1.237c48p-47f,  0x1.069362p-6f,   -0x1.3b051p-7f,   0x1.7237f8p-8f,
       -0x1.14fcd2p-8f,  -0x1.7855cap-6f,  -0x1.a55f46p-5f,  0x1.cfcd0ap-4f,   0x1.f977c6p-5f,
       -0x1.4b7e1ep-4f,  -0x1.bdd5b8p-8f,  0x1.4cb616p-6f,   0x1.0a638p-5f,    -0x1.f79368p-6f,
       0x1.320386p-6f,   -0x1.56d956p-6f,  0x1.47d128p-6f,   0x1.3f9ed2p-5f,   0x1.385c8p+0f,
       -0x1.dcbd58p-2f,  -0x1.8155f6p-6f}};
};

// Error 2^-23.28.
struct mish_sides {
  static constexpr float least = -0x1.3c4172p-2f, least_rest = -0x1.33f3fp-27f,
                         inverse = -0x1.9e7312p+1f, scale = 0x1.2c9b26p+2f, last = 0x1.a6664ep+1f,
                         log_scale = -0x1.05ce8p+0f, log_offset = 0x1.8d14b2p-1f;
  alignas(64) static constexpr float centre[32] = {
      0x1.4p+1f,      0x1.cp+1f,      0x1.4p+2f,      0x1.cp+2f,      0x1.4p+3f,
      0x1.cp+3f,      0x1.4p+4f,      0x1.cp+4f,      0x1.4p+5f,      0x1.cp+5f,
      0x1.4p+6f,      0x1.cp+6f,      0x0p+0f,        0x1.b4069cp-3f, 0x1.b4069cp-2f,
      0x1.1c898ap-1f, 0x1.b4069cp-1f, 0x1.108422p+0f, 0x1.4704f6p+0f, 0x1.7d85c8p+0f,
      0x1.b4069cp+0f, 0x1.ea877p+0f,  0x1.108422p+1f, 0x1.2bc48cp+1f, 0x1.4704f6p+1f,
      0x1.62456p+1f,  0x1.7d85c8p+1f, 0x1.98c632p+1f, 0x0p+0f,        0x1.898b3p-3f,
      0x1.59999ap+0f, 0x1.cp+0f};
  alignas(64) static constexpr float c[7][32] = {
      {0x1.6b683ep-1f, 0x1.8c1628p-1f, 0x1.a6d74cp-1f, 0x1.ba9908p-1f, 0x1.cb3204p-1f,
       0x1.d79d3cp-1f, 0x1.e1f422p-1f, 0x1.e97efep-1f, 0x1.ef971p-1f,  0x1.f3e912p-1f,
       0x1.f7507ap-1f, 0x1.f9ace8p-1f, 0x0p+0f,        0x1.90a602p-3f, 0x1.c5e032p-2f,
       0x1.333334p-1f, 0x1.d08d24p-1f, 0x1.0a9bep+0f,  0x1.1686bcp+0f, 0x1.122e44p+0f,
       0x1.091b8ep+0f, 0x1.031d06p+0f, 0x1.00c742p+0f, 0x1.002672p+0f, 0x1.0005eap+0f,
       0x1.0000bcp+0f, 0x1.000014p+0f, 0x1.000002p+0f, 0x0p+0f,        -0x1.93f48ap-4f,
       0x1.1138cp-1f,  0x1.3d9a4p-1f},
      {0x1.61241cp-4f,   0x1.85a448p-5f,   0x1.a52eeap-6f,   0x1.ddd47ap-7f,  0x1.08005cp-7f,
       0x1.2c181p-8f,    0x1.4504a4p-9f,   0x1.6706p-10f,    0x1.791e06p-11f, 0x1.95d468p-12f,
       0x1.a01d24p-13f,  0x1.b734cap-14f,  0x1.761becp-1f,   0x1.135b96p+0f,  0x1.36978ap+0f,
       0x1.2f81a4p+0f,   0x1.a9b154p-1f,   0x1.ad6314p-2f,   0x1.34f28cp-5f,  -0x1.4453e2p-3f,
       -0x1.321b6ep-3f,  -0x1.2243bap-4f,  -0x1.6452dep-6f,  -0x1.3e4416p-8f, -0x1.b7b5ap-11f,
       -0x1.e426f8p-14f, -0x1.af3b44p-17f, -0x1.392c0ap-20f, -0x1.761becp-1f, -0x1.1ae2fcp-2f,
       0x1.239bc4p-2f,   0x1.55c2cep-3f},
      {-0x1.fb1432p-6f,  -0x1.84b194p-7f,  -0x1.1f1434p-8f,  -0x1.c7b72ep-10f, -0x1.5fbd2cp-11f,
       -0x1.22feeap-12f, -0x1.c54006p-14f, -0x1.6e373ep-15f, -0x1.134a64p-16f, -0x1.aeba4ep-18f,
       -0x1.3a3d6cp-19f, -0x1.dfd522p-21f, 0x1.05c764p+0f,   0x1.29135ep-1f,   0x1.da7fb2p-5f,
       -0x1.13d50ap-2f,  -0x1.bfce62p-1f,  -0x1.001e5p+0f,   -0x1.72e9a2p-1f,  -0x1.7e2c42p-3f,
       0x1.5029f8p-3f,   0x1.51369p-3f,    0x1.1b3068p-4f,   0x1.319a68p-6f,   0x1.e3de34p-9f,
       0x1.3d0234p-11f,  0x1.4911c4p-15f,  -0x1.34dee2p-17f, 0x1.05c7ecp+0f,   0x1.53e43ep+0f,
       -0x1.e1d81p-3f,   -0x1.7a0142p-4f},
      {0x1.88cd18p-7f,   0x1.a01a9cp-9f,  0x1.a854p-11f,    0x1.d67b88p-13f, 0x1.ed7f6p-15f,
       0x1.22e9dcp-16f,  0x1.421e96p-18f, 0x1.7b1a8ap-20f,  0x1.95e94ep-22f, 0x1.ccfa74p-24f,
       0x1.dc87c4p-26f,  0x1.06cc78p-27f, -0x1.36ff82p-1f,  -0x1.89e1f6p-1f, -0x1.b1551cp-1f,
       -0x1.a4d638p-1f,  -0x1.d8542p-2f,  0x1.af2288p-4f,   0x1.74cd5cp-1f,  0x1.a201c6p-1f,
       0x1.df513ap-3f,   -0x1.26781ap-3f, -0x1.f2078ep-4f,  -0x1.61ae2ep-5f, -0x1.4ba81ep-7f,
       -0x1.ceaceep-10f, -0x1.f6c4bp-13f, -0x1.b2affap-16f, 0x1.370112p-1f,  0x1.d54bccp-2f,
       0x1.e004e2p-3f,   0x1.d8c5eep-5f},
      {-0x1.411498p-8f,  -0x1.c9a8b8p-11f, -0x1.4382bep-13f, -0x1.fb2eeep-16f, -0x1.6bc82ap-18f,
       -0x1.291f72p-20f, -0x1.cd7e2ap-23f, -0x1.8cee2ap-25f, -0x1.2f5d66p-27f, -0x1.0144a4p-29f,
       -0x1.672758p-32f, -0x1.0ec1d2p-34f, -0x1.b9e6c4p-3f,  -0x1.3b8e4ep-3f,  -0x1.efcf1p-7f,
       0x1.d1d356p-4f,   0x1.0af51ap-1f,   0x1.8f7ba8p-1f,   0x1.1aaddcp-1f,   -0x1.945f08p-2f,
       -0x1.75dce8p-1f,  -0x1.111f64p-3f,  0x1.c2f108p-4f,   0x1.01b7b6p-4f,   0x1.327beep-6f,
       -0x1.6d64d8p-9f,  0x1.83922ep-8f,   0x1.7cb08cp-9f,   -0x1.a6bdb2p-3f,  -0x1.33034cp-3f,
       -0x1.11182ap-2f,  -0x1.456a3p-5f},
      {0x1.3192bp-9f,   0x1.0d8d2p-12f,   0x1.0bc23cp-15f,  0x1.250a4ep-18f, 0x1.2b1d9cp-21f,
       0x1.46ecaap-24f, 0x1.6b260cp-27f,  0x1.b0e7aap-30f,  0x1.e2519ep-33f, 0x1.1573f4p-35f,
       0x1.294ba6p-38f, 0x1.49ad3ap-41f,  0x1.beb658p-5f,   0x1.7e65fap-4f,  0x1.5d438cp-3f,
       0x1.c04b38p-3f,  0x1.369c3ep-2f,   0x1.b0026ep-4f,   -0x1.3b4998p-1f, -0x1.c1cd9p-1f,
       0x1.53a75cp-2f,  0x1.ebee8ap-2f,   0x1.f1faeap-6f,   -0x1.d62152p-5f, -0x1.a859f4p-6f,
       -0x1.aaffecp-8f, -0x1.2ff1e8p-10f, -0x1.486196p-13f, -0x1.a4de56p-5f, 0x1.776f5ep-3f,
       0x1.6ff0c8p-2f,  0x1.055e9ep-5f},
      {-0x1.1b985cp-10f, -0x1.4ee53ep-14f, -0x1.ac7edp-18f,  -0x1.8bad6p-21f, -0x1.d63914p-25f,
       -0x1.aad93cp-28f, -0x1.3322aep-31f, -0x1.cd9ebcp-35f, -0x1.52cc5p-38f, 0x1.02511p-44f,
       -0x1.0b3d5ap-44f, -0x1.021fdep-46f, -0x1.4c027ap-4f,  0x1.31b74ep-4f,  0x1.124c72p-3f,
       0x1.2605d6p-4f,   -0x1.3f6d94p-3f,  -0x1.aca98ep-2f,  -0x1.5c2ce6p-1f, 0x1.88383ap-3f,
       0x1.999e8ap-1f,   -0x1.3b9c7p-1f,   -0x1.a52968p-2f,  0x1.8915fp-4f,   0x1.6fed44p-5f,
       0x1.60f1c6p-2f,   -0x1.10ead2p-2f,  -0x1.24144ep-3f,  0x1.f37294p-3f,  0x1.73065p-2f,
       -0x1.f7bfb4p-2f,  -0x1.ad4efep-6f}};
};

// log(1 + t) = t + t^2 g(t), |t| <= 0.03223: g. Error 2^-31.24.
alignas(64) constexpr float log1p_tail[] = {-0x1.fffffcp-2f, 0x1.555552p-2f, -0x1.0039c8p-2f,
                                            0x1.99fbc2p-3f};

// 1/(1 + j/16) to 12 bits, and minus its logarithm as a pair.
alignas(64) constexpr float inverse[] = {0x1p+0f,     0x1.e1ep-1f, 0x1.c72p-1f, 0x1.af2p-1f,
                                         0x1.99ap-1f, 0x1.862p-1f, 0x1.746p-1f, 0x1.642p-1f,
                                         0x1.556p-1f, 0x1.47ap-1f, 0x1.3b2p-1f, 0x1.2f6p-1f,
                                         0x1.24ap-1f, 0x1.1a8p-1f, 0x1.112p-1f, 0x1.084p-1f};

alignas(64) constexpr float log_high[] = {
    0x0p+0f,        0x1.f0c30cp-5f, 0x1.e25078p-4f, 0x1.601b08p-3f, 0x1.c8df7cp-3f, 0x1.1661cap-2f,
    0x1.4610bcp-2f, 0x1.73c18p-2f,  0x1.9f124p-2f,  0x1.c92b7ep-2f, 0x1.f100f6p-2f, 0x1.0bf52ep-1f,
    0x1.1e6df6p-1f, 0x1.307574p-1f, 0x1.41bdp-1f,   0x1.52a6d2p-1f};

alignas(64) constexpr float log_low[] = {
    0x0p+0f,          0x1.116352p-33f,  -0x1.faa1f8p-29f, -0x1.230aeap-28f,
    0x1.7351eep-28f,  0x1.d97374p-27f,  0x1.4e2f0cp-29f,  0x1.b8199p-31f,
    -0x1.68124cp-27f, -0x1.289edep-27f, 0x1.85d674p-27f,  0x1.cd4e34p-27f,
    0x1.dbfe34p-27f,  -0x1.761e3ep-26f, -0x1.6f3ff4p-26f, 0x1.a6f18p-27f};

// tanh(x) = x + x z p(z), z = x^2, |x| <= 0.5: p. Error 2^-30.97.
alignas(64) constexpr float tanh_near[] = {-0x1.55555p-2f, 0x1.110eep-3f, -0x1.b97fbp-5f,
                                           0x1.5c9056p-6f, -0x1.b14752p-8f};

constexpr float tanh_least = 0x1p-1f, tanh_last = 0x1.3p+3f;

// Around the middle of interval j, relative error 2^-29.76.
alignas(64) constexpr float tanh_far[][16] = {
    {0x1.f4bfd6p-1f, 0x1.fbd50ap-1f, 0x1.fe767ap-1f, 0x1.ff6f18p-1f, 0x1.ffdfa8p-1f, 0x1.fffbap-1f,
     0x1.ffff68p-1f, 0x1.ffffecp-1f, 0x1.05087p-1f, 0x1.3157ep-1f, 0x1.5789p-1f, 0x1.77d838p-1f,
     0x1.9e5cb6p-1f, 0x1.c278a6p-1f, 0x1.d9c6fap-1f, 0x1.e8789ep-1f},
    {0x1.64108ap-5f, 0x1.09a7a8p-6f, 0x1.88ef6ep-8f, 0x1.21a7b4p-9f, 0x1.02c03cp-11f,
     0x1.183476p-14f, 0x1.2f61b4p-17f, 0x1.488808p-20f, 0x1.7aeae6p-1f, 0x1.49e6cp-1f,
     0x1.197fcep-1f, 0x1.d834d2p-2f, 0x1.615002p-2f, 0x1.cea744p-3f, 0x1.265e34p-3f,
     0x1.6fcfa6p-4f},
    {-0x1.5c3d8cp-5f, -0x1.077e0cp-6f, -0x1.87c168p-8f, -0x1.2155b6p-9f, -0x1.02af4p-11f,
     -0x1.18316p-14f, -0x1.2f609cp-17f, -0x1.4ad06cp-20f, -0x1.825dfcp-2f, -0x1.897d24p-2f,
     -0x1.79c0ep-2f, -0x1.5aa21cp-2f, -0x1.1defacp-2f, -0x1.970e08p-3f, -0x1.10646ep-3f,
     -0x1.5ee892p-4f},
    {0x1.bbce04p-6f, 0x1.5994cep-7f, 0x1.03964ep-8f, 0x1.80e742p-10f, 0x1.586064p-12f,
     0x1.7529bp-15f, 0x1.941038p-18f, 0x1.ba4e72p-21f, -0x1.bcf15ap-5f, 0x1.d6bcdep-7f,
     0x1.072286p-4f, 0x1.843dc2p-4f, 0x1.c68f5ep-4f, 0x1.97d92cp-4f, 0x1.33de5ap-4f,
     0x1.a85d42p-5f},
    {-0x1.93cce6p-7f, -0x1.4e3bc6p-8f, -0x1.0076bap-9f, -0x1.7f3576p-11f, -0x1.5824fcp-13f,
     -0x1.753a5ep-16f, -0x1.942e1cp-19f, -0x1.996882p-22f, 0x1.3a60eap-3f, 0x1.e952ep-4f,
     0x1.470b84p-4f, 0x1.62817cp-5f, 0x1.ac4522p-9f, -0x1.5dd5ccp-6f, -0x1.9d273cp-6f,
     -0x1.55d56cp-6f},
    {0x1.04b056p-8f, 0x1.f5d4ccp-10f, 0x1.93f0fp-11f, 0x1.32d7e6p-12f, 0x1.1e7cd8p-14f,
     0x1.3761eap-17f, 0x1.514bfp-20f, 0x1.d2ea1ep-24f, -0x1.76db16p-5f, -0x1.d955eep-5f,
     -0x1.f2b7dcp-5f, -0x1.bfbbbp-5f, -0x1.071e74p-5f, -0x1.395ac6p-7f, 0x1.768ecap-10f,
     0x1.2be216p-8f},
    {-0x1.7885d2p-11f, -0x1.1df2cep-11f, -0x1.fed7e4p-13f, -0x1.90e312p-14f, -0x1.7a180ap-16f,
     -0x1.9c7e02p-19f, -0x1.bf0bb4p-22f, -0x1.dc4724p-27f, -0x1.692bbcp-5f, -0x1.b6d7ecp-9f,
     0x1.303a5ap-7f, 0x1.e9a30cp-7f, 0x1.2eb338p-6f, 0x1.67604ap-7f, 0x1.0b8036p-8f,
     0x1.4ea282p-11f}};

// What rounding tanh_far[0] leaves.
alignas(64) constexpr float tanh_far_low[] = {
    0x1.85659p-26f,   -0x1.460e54p-27f, -0x1.458edep-26f, -0x1.62a7a8p-27f,
    -0x1.bc878cp-26f, -0x1.a05f1cp-26f, 0x1.3fba54p-27f,  -0x1.0977ecp-26f,
    -0x1.a124b4p-26f, -0x1.608a72p-29f, -0x1.de5a8p-26f,  0x1.c680d2p-26f,
    -0x1.16e78ep-27f, -0x1.ab6974p-26f, 0x1.fcbf8ep-26f,  0x1.9d7ff6p-26f};

// erf(x) = x (9/8 + p(z)), z = x^2, |x| <= 0.25: p. Error 2^-30.46.
alignas(64) constexpr float erf_near[] = {0x1.baea04p-9f, -0x1.812732p-2f, 0x1.ce14ep-4f,
                                          -0x1.ad9d6ep-6f};

constexpr float erf_least = 0x1p-2f, erf_last = 0x1p+2f;

// Around the middle of interval j, relative error 2^-30.09.
alignas(64) constexpr float erf_far[][16] = {
    {0x1.ff4048p-1f, 0x1.fff2dp-1f, 0x1.ffff7p-1f, 0x1.fffffcp-1f, 0x1.3c9aa8p-2f, 0x1.7e1594p-2f,
     0x1.bccfecp-2f, 0x1.f86faap-2f, 0x1.25b8a8p-1f, 0x1.569244p-1f, 0x1.7fb9cp-1f, 0x1.a1551ap-1f,
     0x1.c6dad2p-1f, 0x1.e5768cp-1f, 0x1.f4f694p-1f, 0x1.fbe61ep-1f},
    {0x1.d413e8p-8f, 0x1.336316p-11f, 0x1.e9c9c2p-16f, 0x1.d97594p-21f, 0x1.0ae55p+0f,
     0x1.00abdp+0f, 0x1.e9d5a8p-1f, 0x1.cfc41ep-1f, 0x1.a5074ep-1f, 0x1.681ff2p-1f, 0x1.2a8dcep-1f,
     0x1.dfca26p-2f, 0x1.45e99cp-2f, 0x1.5ce596p-3f, 0x1.499d46p-4f, 0x1.12ceb2p-5f},
    {-0x1.074b2p-6f, -0x1.a6a57p-10f, -0x1.8de92cp-14f, -0x1.bbbbbcp-19f, -0x1.2c41fp-2f,
     -0x1.60ec2cp-2f, -0x1.8dfda2p-2f, -0x1.b2c7dep-2f, -0x1.d9a838p-2f, -0x1.ef2beep-2f,
     -0x1.e52672p-2f, -0x1.c1cd86p-2f, -0x1.6ea6dp-2f, -0x1.dfbbaep-3f, -0x1.0bcfcap-3f,
     -0x1.01a1c8p-4f},
    {0x1.63f996p-6f, 0x1.69860cp-9f, 0x1.996792p-13f, 0x1.09793ap-17f, -0x1.2ba258p-2f,
     -0x1.058066p-2f, -0x1.b55b14p-3f, -0x1.5a92f4p-3f, -0x1.9c3e92p-4f, -0x1.a3ea2ap-7f,
     0x1.fe33b4p-5f, 0x1.e4d5bcp-4f, 0x1.4cb2d6p-3f, 0x1.4374cp-3f, 0x1.d6652ep-4f, 0x1.143e6p-4f},
    {-0x1.38bdep-6f, -0x1.aafe92p-9f, -0x1.2c1202p-12f, -0x1.ce8fbep-17f, 0x1.1b76c6p-3f,
     0x1.436edep-3f, 0x1.63119cp-3f, 0x1.73422ap-3f, 0x1.75bfcep-3f, 0x1.5329cp-3f, 0x1.0fae8ep-3f,
     0x1.74909ap-4f, 0x1.ca5c04p-6f, -0x1.f3b62ap-6f, -0x1.974c3p-5f, -0x1.5a322ep-5f},
    {0x1.5ab858p-7f, 0x1.72638cp-9f, 0x1.5cc5d2p-12f, 0x1.52fcfp-16f, 0x1.f8a576p-4f,
     0x1.4dc858p-3f, -0x1.c8b96ep-6f, 0x1.8ca558p-10f, -0x1.752eaep-7f, -0x1.5f7f38p-5f,
     -0x1.0c7a26p-4f, -0x1.257c24p-4f, -0x1.f44928p-5f, -0x1.f5b6ccp-6f, -0x1.31cdbep-9f,
     0x1.72f678p-7f},
    {-0x1.6c58ep-9f, -0x1.b538b4p-10f, -0x1.1f0ea2p-12f, -0x1.5b2962p-16f, 0x1.323348p-2f,
     0x1.1af238p-1f, -0x1.6f743cp-2f, -0x1.c30ap-4f, -0x1.816e58p-5f, -0x1.2bf21p-5f,
     -0x1.79e592p-6f, -0x1.73f312p-8f, 0x1.f5abf4p-7f, 0x1.696202p-6f, 0x1.d819a6p-7f,
     0x1.0fc876p-8f}};

// What rounding erf_far[0] leaves.
alignas(64) constexpr float erf_far_low[] = {
    -0x1.41ae08p-26f, -0x1.3e94e4p-27f, -0x1.820a7ap-27f, 0x1.78d10ep-28f,
    0x1.7097dap-27f,  0x1.3674f8p-28f,  0x1.242adap-29f,  0x1.2851f4p-27f,
    0x1.16dbdap-26f,  -0x1.6a61b8p-28f, -0x1.449f68p-27f, 0x1.6ab02ep-29f,
    0x1.05581cp-26f,  0x1.da70d4p-28f,  -0x1.261268p-27f, 0x1.de9654p-26f};

} // namespace
} // namespace ogive::OGIVE_ISA
