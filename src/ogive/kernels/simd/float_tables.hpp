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

// e^a times the slope of SiLU at -a, likewise; a <= 22 is asked for. Error 2^-28.36.
struct silu_slope {
  static constexpr float scale = 0x1.51eb86p-1f, offset = 0x1.07fd9ap+0f;
  alignas(64) static constexpr float centre[16] = {
      0x1.a654f4p+0f, 0x1.3fbf68p+1f, 0x1.ae4b1p+1f,  0x1.07a628p+2f,
      0x1.5063eep+2f, 0x1.b15c82p+2f, 0x1.092a68p+3f, 0x1.39a924p+3f,
      0x1.82647p+3f,  0x1.e35d96p+3f, 0x1.221f34p+4f, 0x1.12f5a2p+5f,
      0x1.975d18p-4f, 0x1.0ab4dap-1f, 0x1.e7c42cp-1f, 0x1.474974p+0f};
  alignas(64) static constexpr float low[16] = {
      0x1.82a9ep-28f,   -0x1.f6f096p-27f, 0x1.0cf5bp-24f,   0x1.0b5cb2p-24f,
      0x1.1de438p-23f,  0x1.0a73a4p-23f,  0x1.3ececcp-23f,  -0x1.5e93dp-23f,
      -0x1.b80828p-23f, 0x1.89a356p-25f,  -0x1.392beep-21f, -0x1.5f7df6p-21f,
      0x1.60308p-28f,   0x1.e3a9cap-28f,  0x1.d8cdbep-28f,  -0x1.5cd412p-27f};
  alignas(64) static constexpr float c[8][16] = {
      {-0x1.49c13p-2f, -0x1.3571eep+0f, -0x1.163948p+1f, -0x1.809d4ap+1f, -0x1.0d3dap+2f,
       -0x1.70716p+2f, -0x1.d2149p+2f, -0x1.19a0b4p+3f, -0x1.62635ap+3f, -0x1.c35d84p+3f,
       -0x1.121f32p+4f, -0x1.0af5ap+5f, 0x1.fd62dap-2f, 0x1.b079d8p-2f, 0x1.cddd62p-3f, -0x0p+0f},
      {-0x1.e2a1dp-1f, -0x1.1b941p+0f, -0x1.1cb812p+0f, -0x1.148278p+0f, -0x1.09d8f4p+0f,
       -0x1.0314e4p+0f, -0x1.00dfe4p+0f, -0x1.003c36p+0f, -0x1.0007e6p+0f, -0x1.00007cp+0f,
       -0x1.000006p+0f, -0x1.fffffap-1f, -0x1.aae66cp-5f, -0x1.401a38p-2f, -0x1.3134b6p-1f,
       -0x1.907afcp-1f},
      {-0x1.685d92p-3f, -0x1.19e91ep-5f, 0x1.157e4cp-6f, 0x1.6acce8p-6f, 0x1.c2689cp-7f,
       0x1.3e0ebap-8f, 0x1.7d6da4p-10f, 0x1.a79b06p-12f, 0x1.c9fab4p-15f, 0x1.d2450ep-19f,
       0x1.c59b76p-23f, 0x1.32aa72p-29f, -0x1.18125ep-2f, -0x1.5414e2p-2f, -0x1.3f23f6p-2f,
       -0x1.05b01ep-2f},
      {0x1.24c8d6p-4f, 0x1.27485ap-5f, 0x1.ede586p-8f, -0x1.2dc214p-10f, -0x1.60ab98p-9f,
       -0x1.40e25ap-10f, -0x1.a3ba42p-12f, -0x1.e73b7p-14f, -0x1.1166cap-16f, -0x1.2cfd64p-20f,
       -0x1.3c229p-25f, 0x1.7005cap-34f, -0x1.2e8356p-4f, -0x1.fb2a0ep-7f, 0x1.64954p-5f,
       0x1.1588b8p-4f},
      {-0x1.1b2354p-8f, -0x1.793be2p-7f, -0x1.41e1e4p-8f, -0x1.5a9f64p-10f, 0x1.73183ap-13f,
       0x1.aee1bp-13f, 0x1.4a3ea6p-14f, 0x1.9978d4p-16f, 0x1.e21014p-19f, 0x1.04bb7p-22f,
       0x1.0536a8p-26f, 0x1.5033aap-40f, 0x1.b539aep-6f, 0x1.3b88c8p-5f, 0x1.b386d6p-6f,
       0x1.5834bp-7f},
      {-0x1.846778p-8f, 0x1.23e0c6p-10f, 0x1.642f04p-10f, 0x1.2e4a84p-11f, 0x1.261e0cp-14f,
       -0x1.537088p-16f, -0x1.7f7c66p-17f, -0x1.09201cp-18f, -0x1.4ecb22p-21f, -0x1.33077ep-29f,
       -0x1.9a6098p-26f, -0x1.526ce2p-42f, 0x1.659452p-7f, -0x1.8f71f4p-12f, -0x1.2eeb78p-7f,
       -0x1.3b808ep-7f},
      {0x1.1176e2p-9f, 0x1.0f1afep-11f, -0x1.710808p-13f, -0x1.1aa0dap-13f, -0x1.0914bep-15f,
       -0x1.0a18a4p-21f, 0x1.36d3d8p-20f, 0x1.0faa46p-21f, 0x1.8f0412p-24f, 0x1.df421ep-28f,
       0x1.d410bap-32f, 0x1.3fcdd4p-47f, -0x1.a9dap-9f, -0x1.37cbb4p-8f, -0x1.a656bap-10f,
       0x1.f4f502p-11f},
      {-0x1.67cda4p-13f, -0x1.c82edap-13f, -0x1.31c4a6p-16f, 0x1.309dfep-16f, 0x1.df8baap-18f,
       0x1.62adcep-21f, -0x1.ac19bap-25f, -0x1.aa8f08p-25f, -0x1.7353aap-27f, -0x1.61ecf2p-27f,
       0x1.42f81ep-28f, -0x1.6a9162p-54f, -0x1.19edbep-10f, 0x1.c340aep-12f, 0x1.4db58cp-10f,
       0x1.dbf176p-12f}};
};

// e^(2k) times the slope of x (1 + tanh k)/2 at -a. Error 2^-28.15.
struct gelu_tanh_slope {
  static constexpr float scale = 0x1.28f5c2p+0f, offset = 0x1.008c9p+0f;
  alignas(64) static constexpr float centre[16] = {
      0x1.d2eab6p-1f, 0x1.7247f6p+0f, 0x1.f01bc4p+0f, 0x1.2f2fb6p+1f,
      0x1.81f0eap+1f, 0x1.f04af8p+1f, 0x1.2f57cap+2f, 0x1.667c1ep+2f,
      0x1.b93e38p+2f, 0x1.13cc92p+3f, 0x1.2fae8cp+3f, 0x1.2fae8cp+3f,
      0x1.068e08p-4f, 0x1.491d1ep-2f, 0x1.225a82p-1f, 0x1.8142ap-1f};
  alignas(64) static constexpr float low[16] = {
      0x1.062378p-27f,  0x1.6df7dp-25f,  -0x1.ce432ep-27f, 0x1.751bcp-25f,
      -0x1.eb6e22p-22f, 0x1.12fd5cp-22f, 0x1.6827eep-21f,  0x1.3b2f16p-23f,
      -0x1.1279a4p-19f, 0x1.38b13cp-20f, 0x1.7e7502p-19f,  0x1.7e7502p-19f,
      0x1.e0143p-27f,   0x1.368fccp-27f, 0x1.d8f5b2p-28f,  -0x1.1f3192p-26f};
  alignas(64) static constexpr float c[8][16] = {
      {-0x1.105be8p-2f, -0x1.9b971p+0f, -0x1.b7baep+1f, -0x1.6121cap+2f, -0x1.34fd92p+3f,
       -0x1.1a9e32p+4f, -0x1.d5b544p+4f, -0x1.6c7754p+5f, -0x1.409d4cp+6f, -0x1.2b9a7p+7f,
       -0x1.8a341cp+7f, -0x1.8a341cp+7f, 0x1.fd388ep-2f, 0x1.b0603ap-2f, 0x1.dc3bap-3f, -0x0p+0f},
      {-0x1.dcc018p+0f, -0x1.92d8bep+1f, -0x1.12d9bcp+2f, -0x1.59c8dcp+2f, -0x1.dffae8p+2f,
       -0x1.6828d8p+3f, -0x1.005d4ep+4f, -0x1.5be96cp+4f, -0x1.00f83p+5f, -0x1.8a6532p+5f,
       -0x1.db75aep+5f, -0x1.db75aep+5f, -0x1.6114cap-4f, -0x1.09dad6p-1f, -0x1.09f9e4p+0f,
       -0x1.79651cp+0f},
      {-0x1.397264p+0f, -0x1.2ac614p+0f, -0x1.332be4p+0f, -0x1.65b69cp+0f, -0x1.dc85b6p+0f,
       -0x1.3d88f2p+1f, -0x1.8593d4p+1f, -0x1.cc6ed8p+1f, -0x1.1b5d04p+2f, -0x1.623b92p+2f,
       -0x1.860b7ep+2f, -0x1.860b7ep+2f, -0x1.6a73fap-1f, -0x1.ee1e3p-1f, -0x1.22b1f8p+0f,
       -0x1.342ea8p+0f},
      {-0x1.7cf2f6p-7f, 0x1.2c19b2p-5f, -0x1.7de84ap-4f, -0x1.a10e8ap-3f, -0x1.035accp-2f,
       -0x1.cb10c6p-3f, -0x1.b747ep-3f, -0x1.b66914p-3f, -0x1.b66762p-3f, -0x1.b6676cp-3f,
       -0x1.b67362p-3f, -0x1.b67362p-3f, -0x1.77294p-2f, -0x1.27ac54p-2f, -0x1.5be35ep-3f,
       -0x1.3cfda4p-4f},
      {0x1.672b78p-4f, -0x1.3dd39ap-5f, -0x1.381906p-4f, -0x1.7f728cp-5f, 0x1.33e27ap-9f,
       0x1.b9a0fap-8f, 0x1.05a348p-11f, 0x1.4af87p-18f, -0x1.c108a2p-23f, -0x1.02991ap-24f,
       -0x1.24345p-10f, -0x1.24345p-10f, 0x1.4cd69ap-5f, 0x1.af829ap-4f, 0x1.0822bap-3f,
       0x1.dc30f6p-4f},
      {-0x1.65164ap-5f, -0x1.2a277ep-5f, 0x1.1e1c72p-8f, 0x1.339fcp-6f, 0x1.1396b2p-7f,
       -0x1.3da732p-9f, -0x1.b5766p-12f, -0x1.86379p-18f, -0x1.fa1e38p-23f, -0x1.6d2606p-26f,
       0x1.c77d98p-2f, 0x1.c77d98p-2f, 0x1.e85734p-5f, 0x1.2f7528p-5f, 0x1.154c46p-12f,
       -0x1.b0f76ap-6f},
      {-0x1.a3a03ap-7f, 0x1.b9b4dp-7f, 0x1.592cc6p-7f, 0x1.0c062cp-10f, -0x1.042568p-8f,
       -0x1.9ad834p-15f, 0x1.07e1e6p-12f, 0x1.204574p-17f, 0x1.97f3cp-23f, 0x1.d18428p-25f,
       0x1.290016p+3f, 0x1.290016p+3f, -0x1.9d3c58p-8f, -0x1.674c6cp-6f, -0x1.a10dd2p-6f,
       -0x1.566754p-6f},
      {0x1.1c4fc6p-7f, 0x1.fc5368p-10f, -0x1.f1677p-9f, -0x1.546656p-9f, 0x1.75f258p-13f,
       0x1.c10892p-12f, -0x1.73bb6cp-14f, -0x1.17304ep-17f, 0x1.a1ff44p-23f, 0x1.b30986p-26f,
       -0x1.4a03f2p+11f, -0x1.4a03f2p+11f, -0x1.5b1ecep-7f, -0x1.51e272p-8f, 0x1.172a5p-8f,
       -0x1.b5d006p-7f}};
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

// log2(m) = (m - 1) q(m - 1), m from sqrt(1/2) to sqrt(2): q.
alignas(64) constexpr float log2_tail[] = {0x1.715476p+0f,  -0x1.715476p-1f, 0x1.ec7378p-2f,
                                           -0x1.71588cp-2f, 0x1.26d83ep-2f,  -0x1.ea0368p-3f,
                                           0x1.ba3b3cp-3f,  -0x1.a4466ap-3f, 0x1.f657b8p-4f};

struct gelu_sides {
  static constexpr float least = -0x1.5c19dep-3f, least_rest = 0x1.69cb8p-28f,
                         inverse = -0x1.7888ccp+2f, right_scale = 0x1.863e7p+2f,
                         last = 0x1.3ae134p+1f, left_scale = 0x1.3678cep+1f,
                         log_scale = -0x1.3467e6p+1f;
  alignas(64) static constexpr float centre[32] = {
      0x1.a3d70ap-3f, 0x1.25e354p-2f, 0x1.79db24p-2f, 0x1.a62b96p-2f, 0x1.25e354p-1f,
      0x1.79db24p-1f, 0x1.cdd2f2p-1f, 0x1.10e56p+0f,  0x1.4fdf3cp+0f, 0x1.a3d70ap+0f,
      0x1.f7cedap+0f, 0x1.25e354p+1f, 0x0p+0f,        0x1.f7cedap-5f, 0x1.a3d70ap-4f,
      0x1.25e354p-3f, 0x1.4p+1f,      0x1.cp+1f,      0x1.4p+2f,      0x1.cp+2f,
      0x1.4p+3f,      0x1.cp+3f,      0x1.4p+4f,      0x1.cp+4f,      0x1.4p+5f,
      0x1.cp+5f,      0x1.4p+6f,      0x1.cp+6f,      0x0p+0f,        0x1.3ca0bp-3f,
      0x1.4p+0f,      0x1.cp+0f};
  alignas(64) static constexpr float c[8][32] = {
      {0x1.d5915ep-3f, 0x1.56c37cp-2f, 0x1.c58074p-2f, 0x1p-1f,        0x1.696476p-1f,
       0x1.c66002p-1f, 0x1.065f16p+0f, 0x1.1b38e6p+0f, 0x1.1ed00ap+0f, 0x1.08ff02p+0f,
       0x1.005ed2p+0f, 0x1.00004ap+0f, 0x0p+0f,        0x1.f673f2p-5f, 0x1.b36e34p-4f,
       0x1.3b3f58p-3f, 0x1.72f36cp+0f, 0x1.abb07ap+0f, 0x1.f1cd66p+0f, 0x1.1fae04p+1f,
       0x1.502fcp+1f,  0x1.8671eep+1f, 0x1.caeea4p+1f, 0x1.0c03b6p+2f, 0x1.3cd9bap+2f,
       0x1.73e7c6p+2f, 0x1.b9a4bep+2f, 0x1.04172ep+3f, 0x0p+0f,        -0x1.bd9f6cp-4f,
       0x1.149f76p+0f, 0x1.3f0d1p+0f},
      {0x1.41a956p+0f,  0x1.4f0b0ap+0f,  0x1.52a096p+0f, 0x1.50d7dcp+0f,  0x1.35a5c8p+0f,
       0x1.f9c06ap-1f,  0x1.5a0facp-1f,  0x1.411a5p-2f,  -0x1.52466cp-3f, -0x1.cdb3e2p-3f,
       -0x1.3c6506p-6f, -0x1.9bc5bp-14f, 0x1.dba226p-1f, 0x1.0f750ep+0f,  0x1.219958p+0f,
       0x1.309acap+0f,  0x1.f5738cp-3f,  0x1.9e6606p-3f, 0x1.54a85cp-3f,  0x1.1cdfe6p-3f,
       0x1.da20b4p-4f,  0x1.9076f2p-4f,  0x1.4fef58p-4f, 0x1.1d2004p-4f,  0x1.df96b6p-5f,
       0x1.9745e2p-5f,  0x1.56495cp-5f,  0x1.224eccp-5f, -0x1.dba226p-1f, -0x1.bbe5cep-2f,
       0x1.78900ep-2f,  0x1.3482acp-2f},
      {0x1.c56b5ep-2f,   0x1.968facp-3f,   -0x1.950a2ep-6f,  -0x1.15ecf4p-3f, -0x1.05e562p-1f,
       -0x1.a84486p-1f,  -0x1.0dc1f2p+0f,  -0x1.1f12a8p+0f,  -0x1.65f264p-1f, 0x1.9be59ep-2f,
       0x1.c8937ep-4f,   0x1.0bb2f6p-10f,  0x1.3326fap+0f,   0x1.e29572p-1f,  0x1.93507ap-1f,
       0x1.496ce8p-1f,   -0x1.ccdec8p-6f,  -0x1.08836ep-6f,  -0x1.2662f2p-7f, -0x1.54a5dp-8f,
       -0x1.81163cp-9f,  -0x1.c69862p-10f, -0x1.07009p-10f,  -0x1.3ca97p-11f, -0x1.7460fcp-12f,
       -0x1.c4cca4p-13f, -0x1.0b7cb4p-13f, -0x1.457f7ap-14f, 0x1.33272ep+0f,  0x1.0a57dp+1f,
       -0x1.674184p-4f,  -0x1.9e7caep-5f},
      {-0x1.0afe6cp+0f, -0x1.e52facp-1f, -0x1.be00d6p-1f, -0x1.a4d464p-1f, -0x1.6da074p-1f,
       -0x1.21c5d2p-1f, -0x1.4f587cp-2f, 0x1.730c38p-4f,  0x1.16d1d4p+0f,  0x1.9b760cp-2f,
       -0x1.621764p-2f, -0x1.b76458p-8f, -0x1.7ddebcp+0f, -0x1.4f0b2ep+0f, -0x1.36c25p+0f,
       -0x1.22f99p+0f,  0x1.957578p-8f,  0x1.4c52bcp-9f,  0x1.00f1c8p-10f, 0x1.a30332p-12f,
       0x1.452572p-13f, 0x1.0c90fep-14f, 0x1.aa3d78p-16f, 0x1.6965dep-17f, 0x1.268b32p-18f,
       0x1.fd6df8p-20f, 0x1.a50a54p-21f, 0x1.6e9248p-22f, 0x1.7df92ap+0f,  0x1.40c80ep+1f,
       0x1.37efaap-5f,  0x1.0334ep-6f},
      {0x1.5f516p-2f,    0x1.5a716ep-2f,   0x1.79b79cp-3f,   -0x1.50af6p-2f,   0x1.7e0248p-3f,
       0x1.23c716p-2f,   0x1.df6d74p-2f,   0x1.a74326p-1f,   0x1.ef7374p-1f,   -0x1.e9c516p+0f,
       0x1.0e628cp-1f,   0x1.f4f15ep-6f,   0x1.b66f2p-1f,    0x1.9a678p-1f,    0x1.9e5f22p-1f,
       0x1.3de6eap-1f,   -0x1.ad17fap-10f, -0x1.01fedap-11f, -0x1.10e0c8p-13f, -0x1.3842bep-15f,
       -0x1.58b0c4p-17f, -0x1.97e0a8p-19f, -0x1.b553e8p-21f, -0x1.135cc6p-22f, -0x1.29cec2p-24f,
       -0x1.692d5cp-26f, -0x1.a2f9c2p-28f, -0x1.0b54ccp-29f, 0x1.ca619cp-1f,   0x1.7a4de8p+1f,
       -0x1.454f82p-6f,  -0x1.89f222p-8f},
      {-0x1.e18c68p-4f, 0x1.3eac14p-1f,  -0x1.a969ep-3f,  0x1.34b40ap+3f,  0x1.a67b6cp-6f,
       0x1.76533p-3f,   0x1.51f4d2p-2f,  0x1.ebdd08p-2f,  -0x1.849386p-1f, 0x1.1f0d62p-3f,
       0x1.be4182p-5f,  -0x1.81ebe2p-4f, 0x1.d27922p-2f,  0x1.d91cacp+2f,  0x1.912486p+1f,
       0x1.266b04p+1f,  0x1.efda4ap-12f, 0x1.9e2a54p-14f, 0x1.424d1cp-16f, 0x1.0dc076p-18f,
       0x1.9110cep-21f, 0x1.47ee2ap-23f, 0x1.fcbe3cp-26f, 0x1.912754p-28f, 0x1.468bc2p-30f,
       0x1.1c91dp-32f,  0x1.cd6e14p-35f, 0x1.8b2d94p-37f, 0x1.144468p+0f,  0x1.7be3e8p+2f,
       0x1.6feeap-7f,   0x1.381306p-9f},
      {-0x1.2fcb8ap+1f,  -0x1.bd2a3p+4f,   0x1.1ea012p+3f,   -0x1.5f4608p+6f,  0x1.5bbe1cp-1f,
       -0x1.684d44p-1f,  0x1.a1d94ep-1f,   -0x1.38349cp-1f,  -0x1.ea1e18p+0f,  0x1.0f9c36p+2f,
       -0x1.acc536p+0f,  0x1.8cfa2ap-3f,   -0x1.c896eap+4f,  -0x1.cb4a22p+7f,  -0x1.8ec756p+8f,
       -0x1.04e696p+8f,  -0x1.325e3ep-13f, 0x1.b7fcdap-20f,  -0x1.ccde32p-19f, -0x1.e410fep-21f,
       -0x1.e8dc8ap-25f, -0x1.5504e8p-30f, -0x1.57498ep-30f, 0x1.3c7994p-32f,  -0x1.31f6ap-36f,
       -0x1.04a63p-38f,  -0x1.e64af4p-42f, 0x1.0a0ffcp-44f,  0x1.71fe78p+0f,   0x1.9cf3b8p+3f,
       -0x1.b0f2ep-8f,   -0x1.2235ep-12f},
      {-0x1.587bd8p+5f,  -0x1.014p+8f,    0x1.62411ep+5f,  0x1.380652p+8f,   0x1.95da3p+0f,
       -0x1.a9fc12p+0f,  0x1.d0ec96p-2f,  -0x1.bec7e2p-1f, -0x1.0fb01cp+0f,  -0x1.3436bap-1f,
       0x1.17ce34p+1f,   -0x1.10c79cp-2f, 0x1.bffc5ap+7f,  -0x1.4b050ap+13f, -0x1.48349cp+12f,
       -0x1.c9f4cep+11f, 0x1.a45646p-15f, 0x1.2a847p-17f,  0x1.f9bdbcp-22f,  0x1.1bdad6p-25f,
       0x1.89162ap-28f,  0x1.08930cp-30f, 0x1.8cbeecp-35f, 0x1.4909dap-36f,  0x1.800dfap-41f,
       0x1.7a05aap-44f,  0x1.99b58ep-48f, 0x1.c170cep-50f, 0x1.079c48p+2f,   0x1.c676eap+4f,
       0x1.630506p-8f,   0x1.000472p-10f}};
};

struct silu_sides {
  static constexpr float least = -0x1.1d25dp-2f, least_rest = 0x1.bdf6fap-27f,
                         inverse = -0x1.cba9dep+1f, right_scale = 0x1.9882bap+1f,
                         last = 0x1.2cccbap+2f, left_scale = 0x1.e52064p+0f,
                         log_scale = -0x1.3467e6p+1f;
  alignas(64) static constexpr float centre[32] = {
      0x1.91111p-2f,  0x1.0e2e5ap-1f, 0x1.68f5c2p-1f, 0x1.b92c5ep-1f, 0x1.18bf24p+0f,
      0x1.68f5c2p+0f, 0x1.b92c5ep+0f, 0x1.04b17ep+1f, 0x1.40da74p+1f, 0x1.91111p+1f,
      0x1.e147aep+1f, 0x1.18bf24p+2f, 0x0p+0f,        0x1.e147aep-4f, 0x1.91111p-3f,
      0x1.18bf24p-2f, 0x1.4p+1f,      0x1.cp+1f,      0x1.4p+2f,      0x1.cp+2f,
      0x1.4p+3f,      0x1.cp+3f,      0x1.4p+4f,      0x1.cp+4f,      0x1.4p+5f,
      0x1.cp+5f,      0x1.4p+6f,      0x1.cp+6f,      0x0p+0f,        0x1.954588p-3f,
      0x1.4p+0f,      0x1.cp+0f};
  alignas(64) static constexpr float c[8][32] = {
      {0x1.6c47aap-2f, 0x1p-1f,        0x1.5c8118p-1f, 0x1.a4aa4p-1f,  0x1.f70832p-1f,
       0x1.1694dap+0f, 0x1.17bbcp+0f,  0x1.0df3f2p+0f, 0x1.031b64p+0f, 0x1.00283ep+0f,
       0x1.0000cep+0f, 0x1.000002p+0f, 0x0p+0f,        0x1.6bececp-4f, 0x1.44d03ep-3f,
       0x1.e042d4p-3f, 0x1.42fd4ap-1f, 0x1.5f6428p-1f, 0x1.7b5e7cp-1f, 0x1.92e494p-1f,
       0x1.a85a4ep-1f, 0x1.b9705ep-1f, 0x1.c8a4fp-1f,  0x1.d49cecp-1f, 0x1.df0732p-1f,
       0x1.e6e84ap-1f, 0x1.ed74f4p-1f, 0x1.f23448p-1f, 0x0p+0f,        -0x1.71c82p-4f,
       0x1.06adc2p-1f, 0x1.23e746p-1f},
      {0x1.0e09a8p+0f,   0x1.0e2e5cp+0f,   0x1.ef494cp-1f,  0x1.a579eap-1f,  0x1.12ef0ep-1f,
       0x1.33ef28p-3f,   -0x1.665222p-4f,  -0x1.0889e6p-3f, -0x1.87aefap-5f, -0x1.bcfb24p-9f,
       -0x1.6612d4p-14f, -0x1.cfe7f4p-21f, 0x1.51edd8p-1f,  0x1.af97ep-1f,   0x1.de1af8p-1f,
       0x1.0004eap+0f,   0x1.141c86p-4f,   0x1.76f54ap-5f,  0x1.dc167cp-6f,  0x1.2a4154p-6f,
       0x1.6112fp-7f,    0x1.aa18eap-8f,   0x1.f15b8p-9f,   0x1.2818dcp-9f,  0x1.4e4ac6p-10f,
       0x1.7cf10cp-11f,  0x1.9a8ba2p-12f,  0x1.c2266ep-13f, -0x1.51edd8p-1f, -0x1.d006cap-3f,
       0x1.12af9ap-3f,   0x1.8fe33ap-4f},
      {0x1.f65194p-4f,   -0x1.d2769ep-4f,  -0x1.7cb1dp-2f,   -0x1.133c5ap-1f,  -0x1.4d97eap-1f,
       -0x1.111beep-1f,  -0x1.b13c82p-3f,  0x1.7a8ddp-5f,    0x1.3a82a8p-4f,   0x1.1c2992p-7f,
       0x1.2b03b2p-12f,  0x1.2ef7c4p-19f,  0x1.cba0f6p-1f,   0x1.51758p-1f,    0x1.007f58p-1f,
       0x1.62143p-2f,    -0x1.e312eep-7f,  -0x1.0330ap-7f,   -0x1.fd3794p-9f,  -0x1.e9e43p-10f,
       -0x1.a5ee48p-11f, -0x1.6e6b9ap-12f, -0x1.2e5e32p-13f, -0x1.09507cp-14f, -0x1.b65dbcp-16f,
       -0x1.72b4dcp-17f, -0x1.216f0ap-18f, -0x1.d14b72p-20f, 0x1.cba072p-1f,   0x1.4a05e2p+0f,
       -0x1.8d4b1ap-5f,  -0x1.c2f71p-6f},
      {-0x1.391e38p-1f,  -0x1.1639fep-1f,  -0x1.ae2b5ap-2f, -0x1.203924p-2f, -0x1.2e959p-5f,
       0x1.15e47p-2f,    0x1.6fe11p-2f,    0x1.4776bcp-3f,  -0x1.a9a824p-5f, -0x1.b3f228p-7f,
       -0x1.35b32cp-11f, -0x1.2cfe42p-17f, -0x1.5978d6p-1f, -0x1.5a4f2cp-1f, -0x1.55e8bep-1f,
       -0x1.4d7c2ep-1f,  0x1.ce8262p-9f,   0x1.799bf6p-10f, 0x1.1ab7f4p-11f, 0x1.a7a008p-13f,
       0x1.12a0bap-14f,  0x1.5caa32p-16f,  0x1.8c8be8p-18f, 0x1.ef5f52p-20f, 0x1.262d9p-21f,
       0x1.6f007cp-23f,  0x1.9d066ep-25f,  0x1.e58014p-27f, 0x1.5962acp-1f,  0x1.47e4fep-1f,
       0x1.5f78ecp-6f,   0x1.25f754p-7f},
      {0x1.8fd98ep-4f,   0x1.4569e2p-3f,   0x1.ad3c6p-3f,    0x1.ed4c56p-3f,   0x1.15eeap-2f,
       0x1.81d192p-3f,   -0x1.0a6198p-4f,  -0x1.9b71d8p-3f,  -0x1.e9cfcep-7f,  0x1.ae85a6p-7f,
       0x1.aad56ap-11f,  0x1.5a1894p-15f,  -0x1.6ab996p-7f,  0x1.20df52p-13f,  0x1.2129fcp-6f,
       0x1.63df08p-5f,   -0x1.e3e282p-11f, -0x1.222cf2p-12f, -0x1.3f998p-14f,  -0x1.66f794p-16f,
       -0x1.6b88e4p-18f, -0x1.5aff6ap-20f, -0x1.154604p-22f, -0x1.e7681ap-25f, -0x1.911b78p-27f,
       -0x1.7795d2p-29f, -0x1.25ee5cp-31f, -0x1.033186p-33f, -0x1.92e8a2p-6f,  -0x1.8a498ep-5f,
       -0x1.6773b8p-7f,  -0x1.ab4e18p-9f},
      {0x1.33fd4p-5f,   0x1.8ed5fcp-6f,   0x1.6d4f6ep-4f,  0x1.b48c66p-5f,  0x1.010d46p-9f,
       -0x1.dd5168p-4f, -0x1.5e1b88p-3f,  0x1.498296p-6f,  0x1.dc747ap-5f,  -0x1.0412dep-7f,
       -0x1.ed99bp-11f, -0x1.8d4bd8p-16f, -0x1.75beb2p-3f, -0x1.99a0ecp-4f, -0x1.88f36ep-3f,
       -0x1.6041b2p-4f, 0x1.18138cp-12f,  0x1.de0b4p-15f,  0x1.75458ep-17f, 0x1.3ec52ep-19f,
       0x1.d57d38p-22f, 0x1.5eb6a8p-24f,  0x1.97f802p-27f, 0x1.eb839p-30f,  0x1.188b64p-32f,
       0x1.736426p-35f, 0x1.aeca36p-38f,  0x1.0cf612p-40f, -0x1.ecd772p-6f, 0x1.86bc3ep-5f,
       0x1.a00b7ep-8f,  0x1.6c87aep-10f},
      {0x1.231f86p-1f,   -0x1.c5eb94p+0f,  -0x1.c55c9ep-1f,  -0x1.dc998ap-5f,  -0x1.614cd4p-5f,
       -0x1.b5c65ap-5f,  0x1.a4e0bap-5f,   0x1.b35a22p-4f,   -0x1.423386p-5f,  0x1.4f8164p-10f,
       0x1.203154p-10f,  -0x1.dc1e26p-14f, 0x1.3ea9d4p+1f,   0x1.56126p+2f,    0x1.0a7a32p+3f,
       0x1.0868c4p+3f,   -0x1.a3766ap-14f, -0x1.e85f08p-17f, -0x1.d49afep-20f, -0x1.108872p-21f,
       -0x1.2144c6p-25f, -0x1.a49a4ap-28f, -0x1.530a62p-31f, -0x1.734a04p-35f, -0x1.beef8p-38f,
       -0x1.a5d916p-43f, -0x1.895b98p-44f, -0x1.140a4p-48f,  -0x1.40d9fp-3f,   0x1.d801acp-2f,
       -0x1.44b118p-8f,  -0x1.4ed84cp-10f},
      {0x1.492cbcp+1f,   0x1.85ec96p+3f,   -0x1.7db24ap+1f, -0x1.807092p-1f,  -0x1.3bfa78p-6f,
       0x1.9be0dp-7f,    0x1.3f0b62p-4f,   -0x1.6887e4p-5f, -0x1.149c26p-10f, 0x1.4ccb58p-9f,
       -0x1.daf8dep-12f, -0x1.c4ae0cp-16f, -0x1.38982ep+3f, 0x1.0335dap+6f,   0x1.7f22fap+6f,
       0x1.ccdcc2p+5f,   0x1.b252aep-16f,  0x1.ae8a96p-19f, 0x1.3a0082p-22f,  0x1.90cc9p-26f,
       0x1.b4d512p-29f,  0x1.510c9p-32f,   0x1.e195f8p-36f, 0x1.40ecccp-39f,  0x1.3ce344p-43f,
       0x1.b6b472p-47f,  0x1.f0053cp-51f,  0x1.427942p-54f, 0x1.da6b3ep-2f,   0x1.eabcbep+0f,
       0x1.2144e4p-9f,   0x1.e9f36ep-17f}};
};

struct mish_sides {
  static constexpr float least = -0x1.3c4172p-2f, least_rest = -0x1.33f3fp-27f,
                         inverse = -0x1.9e7312p+1f, right_scale = 0x1.22e8bap+2f,
                         last = 0x1.a6664cp+1f, left_scale = 0x1.cca652p+0f,
                         log_scale = -0x1.3467e6p+1f;
  alignas(64) static constexpr float centre[32] = {
      0x1.19999ap-2f, 0x1.8a3d7p-2f, 0x1.fae148p-2f, 0x1.1c898ap-1f, 0x1.8a3d7p-1f,
      0x1.fae148p-1f, 0x1.35c29p+0f, 0x1.6e147cp+0f, 0x1.c28f5cp+0f, 0x1.19999ap+1f,
      0x1.51eb86p+1f, 0x1.8a3d7p+1f, 0x0p+0f,        0x1.51eb86p-4f, 0x1.19999ap-3f,
      0x1.8a3d7p-3f,  0x1.4p+1f,     0x1.cp+1f,      0x1.4p+2f,      0x1.cp+2f,
      0x1.4p+3f,      0x1.cp+3f,     0x1.4p+4f,      0x1.cp+4f,      0x1.4p+5f,
      0x1.cp+5f,      0x1.4p+6f,     0x1.cp+6f,      0x0p+0f,        0x1.aace4ep-3f,
      0x1.4p+0f,      0x1.cp+0f};
  alignas(64) static constexpr float c[8][32] = {
      {0x1.0ed1dap-2f, 0x1.935632p-2f, 0x1.0deb0ep-1f, 0x1.333334p-1f, 0x1.aaf75cp-1f,
       0x1.012ecp+0f,  0x1.14fa7ap+0f, 0x1.1467c8p+0f, 0x1.07146cp+0f, 0x1.007644p+0f,
       0x1.0002a2p+0f, 0x1.000006p+0f, 0x0p+0f,        0x1.11fb84p-4f, 0x1.e3eeecp-4f,
       0x1.643602p-3f, 0x1.44abe2p-1f, 0x1.5fdda2p-1f, 0x1.7acbp-1f,   0x1.91bf6ep-1f,
       0x1.a71aaap-1f, 0x1.b86af6p-1f, 0x1.c7f68ep-1f, 0x1.d431d2p-1f, 0x1.deca9ap-1f,
       0x1.e6c5d4p-1f, 0x1.ed6268p-1f, 0x1.f22a2p-1f,  0x0p+0f,        -0x1.a4e3f8p-4f,
       0x1.0a947ep-1f, 0x1.26d5aap-1f},
      {0x1.237db8p+0f,   0x1.344d16p+0f,   0x1.35883ap+0f,  0x1.2f81a4p+0f,  0x1.ed85fp-1f,
       0x1.234806p-1f,   0x1.281ec4p-3f,   -0x1.036112p-3f, -0x1.085b0ep-3f, -0x1.be29bcp-7f,
       -0x1.985eaep-12f, -0x1.209e84p-18f, 0x1.761becp-1f,  0x1.c5e73ep-1f,  0x1.f356aep-1f,
       0x1.0d0d48p+0f,   0x1.0867b6p-4f,   0x1.67695cp-5f,  0x1.cce4a2p-6f,  0x1.25c34p-6f,
       0x1.631c58p-7f,   0x1.b27c72p-8f,   0x1.fcf672p-9f,  0x1.2dfc96p-9f,  0x1.53454cp-10f,
       0x1.812598p-11f,  0x1.9dd1ecp-12f,  0x1.c4c75ep-13f, -0x1.761becp-1f, -0x1.dcb618p-3f,
       0x1.0ac2c8p-3f,   0x1.8107bp-4f},
      {0x1.bbf6dp-2f,    0x1.4a575cp-3f,   -0x1.e15b1p-4f,   -0x1.13d716p-2f,  -0x1.7c379ap-1f,
       -0x1.ff5098p-1f,  -0x1.b5bd14p-1f,  -0x1.5d3a48p-2f,  0x1.86679p-3f,    0x1.7ce8ecp-5f,
       0x1.d8aab4p-10f,  0x1.b98a7ep-16f,  0x1.05c6f2p+0f,   0x1.ba333cp-1f,   0x1.7f4aap-1f,
       0x1.40fa54p-1f,   -0x1.d1a594p-7f,  -0x1.eb07fep-8f,  -0x1.ddc2ep-9f,   -0x1.cec45p-10f,
       -0x1.992766p-11f, -0x1.6f26cp-12f,  -0x1.361a08p-13f, -0x1.1101eep-14f, -0x1.c05d42p-16f,
       -0x1.7921bap-17f, -0x1.24e722p-18f, -0x1.d56218p-20f, 0x1.05c7fp+0f,    0x1.598c86p+0f,
       -0x1.8dd7a6p-5f,  -0x1.bbc316p-6f},
      {-0x1.9b941cp-1f, -0x1.aea392p-1f,  -0x1.aec256p-1f, -0x1.a499a4p-1f, -0x1.3875cep-1f,
       -0x1.e42a5p-4f,  0x1.1c5fbcp-1f,   0x1.c1f942p-1f,  0x1.501936p-4f,  -0x1.767a4cp-4f,
       -0x1.54aaeep-8f, -0x1.6e92acp-14f, -0x1.364b4p-1f,  -0x1.5a1a3p-1f,  -0x1.6fcc56p-1f,
       -0x1.833c4cp-1f, 0x1.cc3892p-9f,   0x1.6dd2bap-10f, 0x1.09fe0cp-11f, 0x1.87cddep-13f,
       0x1.fff8eep-15f, 0x1.50b47ap-16f,  0x1.910d62p-18f, 0x1.ffa4eap-20f, 0x1.2f2616p-21f,
       0x1.775de8p-23f, 0x1.a3c97ep-25f,  0x1.eb4808p-27f, 0x1.36fd3p-1f,   0x1.cbe152p-2f,
       0x1.69fb2p-6f,   0x1.2ad2a2p-7f},
      {-0x1.9c01d2p-4f,  -0x1.06723cp-4f,  0x1.2f49dap-7f,   0x1.a3bc08p-4f,   0x1.95422ep-2f,
       0x1.6f01fp-1f,    0x1.6bb8e6p-1f,   -0x1.c1094cp-4f,  -0x1.322bdap-1f,  0x1.a7a1eap-4f,
       0x1.4c6db6p-7f,   0x1.1f56e8p-13f,  -0x1.3e5d82p-2f,  -0x1.8a562p-3f,   -0x1.2acf04p-3f,
       -0x1.10be82p-3f,  -0x1.f458f8p-11f, -0x1.2111aep-12f, -0x1.35606ep-14f, -0x1.4d2706p-16f,
       -0x1.4b9d22p-18f, -0x1.4adc2p-20f,  -0x1.114062p-22f, -0x1.eb2042p-25f, -0x1.a0191ap-27f,
       -0x1.6d2cb6p-29f, -0x1.2ed73ap-31f, -0x1.0904c2p-33f, -0x1.a41fbcp-3f,  -0x1.10628cp-3f,
       -0x1.7abbe6p-7f,  -0x1.c735c8p-9f},
      {0x1.2cc448p-2f,  -0x1.81d2fp-7f,   0x1.ed9b94p-6f,  0x1.6fda4cp-2f,  0x1.35864p-2f,
       0x1.e3aec6p-3f,  -0x1.5d615cp-2f,  -0x1.011e22p+0f, 0x1.1d6ccp-1f,   -0x1.1d33bap-5f,
       -0x1.fac62ap-7f, -0x1.d75b62p-12f, 0x1.8637a4p+1f,  0x1.ed4f12p-2f,  0x1.6e15c6p-1f,
       -0x1.67038ep-8f, 0x1.1fe5cp-12f,   0x1.ec28f6p-15f, 0x1.72619ap-17f, 0x1.32a212p-19f,
       0x1.adea16p-22f, 0x1.3c4014p-24f,  0x1.811928p-27f, 0x1.f1844cp-30f, 0x1.23af62p-32f,
       0x1.82f4eep-35f, 0x1.b9648ap-38f,  0x1.11acc4p-40f, -0x1.391448p-4f, 0x1.b21754p-3f,
       0x1.afe918p-8f,  0x1.71d0e4p-10f},
      {-0x1.ebd4bcp+1f,  0x1.a82176p+1f,   0x1.ee246ep+2f,   -0x1.a0b3fp-1f,   -0x1.f8e85p-7f,
       -0x1.8b4128p-2f,  -0x1.0a8f6p-1f,   0x1.68ebbp-5f,    0x1.aa5a8ap-2f,   -0x1.b1a64p-4f,
       0x1.55ee8p-6f,    0x1.e14b04p-10f,  -0x1.623336p+5f,  -0x1.51631ep+2f,  -0x1.cdc026p+4f,
       -0x1.673488p+4f,  -0x1.47193ap-14f, -0x1.1d3338p-16f, -0x1.bb5f7ep-20f, -0x1.1b048p-21f,
       -0x1.141a1ap-25f, -0x1.122a8ep-30f, -0x1.1e9e82p-31f, -0x1.5ca748p-34f, -0x1.cb3a3ap-38f,
       -0x1.bd19dp-40f,  -0x1.608d48p-44f, -0x1.1bad4ep-49f, 0x1.e31e94p-2f,   0x1.36f31ep-2f,
       -0x1.076458p-8f,  -0x1.c8529cp-12f},
      {-0x1.0c436ep+5f, 0x1.e5e036p+4f,   0x1.fd4c22p+4f,  0x1.1e6816p+1f,  -0x1.07f1ccp-2f,
       -0x1.fc86dp-2f,  -0x1.02769p-3f,   0x1.1a53a4p+0f,  -0x1.e5969cp-1f, 0x1.6943f6p-3f,
       -0x1.697abp-7f,  -0x1.fee57cp-11f, 0x1.f189ecp+7f,  -0x1.35549p+8f,  -0x1.e77aa2p+8f,
       0x1.2eaa68p+5f,  0x1.0cd92cp-15f,  0x1.47ce08p-19f, 0x1.4e3324p-22f, 0x1.e8b386p-27f,
       0x1.99144ep-29f, 0x1.660492p-32f,  0x1.b11328p-36f, 0x1.08ceccp-39f, 0x1.45a346p-43f,
       0x1.6aefcap-47f, 0x1.01ff7ep-50f,  0x1.4fadaap-54f, -0x1.8e4eap-1f,  0x1.220016p-1f,
       0x1.6d0e44p-9f,  0x1.861e4cp-12f}};
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
