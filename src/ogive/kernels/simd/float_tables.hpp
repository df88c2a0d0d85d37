// Written by tools/fit_float_tables.py; do not edit.
#pragma once

#include "runtime/isa.hpp"

namespace ogive::OGIVE_ISA {
namespace {

constexpr float sixteenths_of_log2_e = 0x1.715476p+4f;
constexpr float ln2_16_high = 0x1.62ep-5f, ln2_16_low = 0x1.0bfbe8p-19f;

// e^r = 1 + r + r^2 q(r), |r| <= ln2/32: q. Error 2^-29.21.
alignas(64) constexpr float exp_tail[] = {0x1.000222p-1f, 0x1.55564p-3f};

// The same where 1 is taken off e^r. Error 2^-37.44.
alignas(64) constexpr float exp_longer_tail[] = {0x1p-1f, 0x1.55572p-3f, 0x1.555624p-5f};

// 2^(j/16) to 12 bits, and the rest.
alignas(64) constexpr float exp2_high[] = {0x1p+0f,     0x1.0b6p+0f, 0x1.172p+0f, 0x1.238p+0f,
                                           0x1.306p+0f, 0x1.3dep+0f, 0x1.4cp+0f,  0x1.5acp+0f,
                                           0x1.6ap+0f,  0x1.7a2p+0f, 0x1.8acp+0f, 0x1.9c4p+0f,
                                           0x1.ae8p+0f, 0x1.c1ap+0f, 0x1.d58p+0f, 0x1.ea4p+0f};

alignas(64) constexpr float exp2_low[] = {
    0x0p+0f,         -0x1.4f260cp-13f, 0x1.7078fap-13f,  0x1.e9b9d6p-14f,
    0x1.fc1464p-13f, 0x1.4c9824p-13f,  -0x1.29564ep-15f, -0x1.f0457p-13f,
    0x1.3cccfep-13f, -0x1.d7182ap-13f, 0x1.ca8456p-13f,  0x1.230548p-13f,
    0x1.3f32b6p-13f, -0x1.9089eap-14f, 0x1.8dcfbap-16f,  0x1.5f454ap-13f};

constexpr float normal_offset = 0x1.1f8a98p+0f;

// e^(a^2/2) Phi(-a).
// Around the middle of interval j, relative error 2^-30.37; constant to 12 bits.
alignas(64) constexpr float mills[][16] = {
    {0x1.f6p-3f, 0x1.8f2p-3f, 0x1.48ap-3f, 0x1.16p-3f, 0x1.c18p-4f, 0x1.646p-4f, 0x1.266p-4f,
     0x1.f4cp-5f, 0x1.988p-5f, 0x1.47ap-5f, 0x1.114p-5f, 0x1.d4ap-6f, 0x1.ff4p-2f, 0x1.a76p-2f,
     0x1.65ap-2f, 0x1.332p-2f},
    {-0x1.f6cbccp-4f, -0x1.4f8a9p-4f, -0x1.d8334ap-5f, -0x1.5ac4p-5f, -0x1.d0ee96p-6f,
     -0x1.2a2daep-6f, -0x1.9bdbcp-7f, -0x1.2c4416p-7f, -0x1.928034p-8f, -0x1.042ab8p-8f,
     -0x1.6b14eep-9f, -0x1.0b6bbp-9f, -0x1.9799dap-2f, -0x1.2de6c6p-2f, -0x1.ca2754p-3f,
     -0x1.63410ap-3f},
    {0x1.b56dfcp-5f, 0x1.f8b70ap-6f, 0x1.365aa6p-6f, 0x1.928682p-7f, 0x1.c7f702p-8f, 0x1.e0cdfep-9f,
     0x1.186daap-9f, 0x1.60ca9ep-10f, 0x1.86f694p-11f, 0x1.99585p-12f, 0x1.df361ep-13f,
     0x1.2fb324p-13f, 0x1.fe89ecp-3f, 0x1.5b6948p-3f, 0x1.e54cdcp-4f, 0x1.5b298p-4f},
    {-0x1.55cbep-6f, -0x1.5b6442p-7f, -0x1.7b1d6ep-8f, -0x1.b79a7ap-9f, -0x1.aab55cp-10f,
     -0x1.76b91p-11f, -0x1.7459c8p-12f, -0x1.96841p-13f, -0x1.769908p-14f, -0x1.3f136cp-15f,
     -0x1.3a2992p-16f, -0x1.5733a2p-17f, -0x1.0f6b0cp-3f, -0x1.583b96p-4f, -0x1.c083aep-5f,
     -0x1.2bb2c4p-5f},
    {0x1.e9b318p-8f, 0x1.bc4642p-9f, 0x1.b31792p-10f, 0x1.c7535p-11f, 0x1.7ee6bep-12f,
     0x1.1b1722p-13f, 0x1.e2cc48p-15f, 0x1.cbe62ep-16f, 0x1.6222e8p-17f, 0x1.ecf5e4p-19f,
     0x1.994684p-20f, 0x1.81f996p-21f, 0x1.fe0e62p-5f, 0x1.30122p-5f, 0x1.74c5fcp-6f,
     0x1.d50844p-7f},
    {-0x1.46f8b8p-9f, -0x1.0c6b4ep-10f, -0x1.dc6b86p-12f, -0x1.c7866cp-13f, -0x1.4abdfcp-14f,
     -0x1.a0c4e6p-16f, -0x1.309944p-17f, -0x1.036e86p-18f, -0x1.4a3d72p-20f, -0x1.7ae6eep-22f,
     -0x1.0b39dp-23f, -0x1.b50b4ep-25f, -0x1.bb8af2p-6f, -0x1.dcf9e8p-7f, -0x1.20bb98p-7f,
     -0x1.3f3c38p-8f},
    {0x1.9c5592p-11f, 0x1.31715p-12f, 0x1.ed5fp-14f, 0x1.ab329cp-15f, 0x1.19e5e8p-16f,
     0x1.2d843ap-18f, 0x1.81126ep-20f, 0x1.19a86ep-21f, 0x1.38de98p-23f, 0x1.23b206p-25f,
     0x1.5991e8p-27f, 0x1.e7ba7cp-29f, 0x1.53ecbep-7f, 0x1.6ebf8ep-8f, 0x1.90ac24p-9f,
     0x1.c7c64ep-10f},
    {-0x1.79653ep-13f, -0x1.a810bap-16f, -0x1.461e34p-20f, 0x1.5f9e54p-17f, -0x1.d0917p-19f,
     -0x1.58a3dcp-21f, -0x1.50bdc2p-22f, 0x1.96a672p-25f, -0x1.2a4088p-26f, -0x1.5b6642p-29f,
     -0x1.0fc5f6p-32f, 0x1.f2ebd8p-35f, 0x1.016446p-6f, -0x1.df27fcp-7f, 0x1.ef56eap-9f,
     -0x1.509f06p-7f}};

// What the 12 bits of mills[0] leave.
alignas(64) constexpr float mills_low[] = {
    -0x1.8a8b74p-18f, -0x1.2df826p-17f, 0x1.0184f8p-16f,  0x1.26428cp-16f,
    -0x1.4202dap-19f, -0x1.df5212p-17f, -0x1.3c775cp-17f, -0x1.19bf5ep-19f,
    0x1.3ebf42p-19f,  -0x1.bece32p-19f, 0x1.2ddd6ep-20f,  -0x1.8dbfdap-21f,
    0x1.36d6b8p-16f,  0x1.adccd6p-15f,  -0x1.ab707cp-16f, -0x1.654f3ep-18f};

// e^(a^2/2) (Phi(-a) - a phi(a)).
// Around the middle of interval j, relative error 2^-25.7; constant to 12 bits.
alignas(64) constexpr float mills_slope[][16] = {
    {-0x1.a2ap-3f, -0x1.d1p-2f, -0x1.604p-1f, -0x1.d3p-1f, -0x1.3ccp+0f, -0x1.a8cp+0f, -0x1.096p+1f,
     -0x1.3dcp+1f, -0x1.8bep+1f, -0x1.f34p+1f, -0x1.2d2p+2f, -0x1.608p+2f, 0x1.fe8p-2f, 0x1.40ap-2f,
     0x1.314p-3f, 0x0p+0f},
    {-0x1.0b1ba4p-1f, -0x1.ec66f8p-2f, -0x1.d38abcp-2f, -0x1.c3dcd4p-2f, -0x1.b5933cp-2f,
     -0x1.ab272ep-2f, -0x1.a56332p-2f, -0x1.a1e674p-2f, -0x1.9ece54p-2f, -0x1.9c94fep-2f,
     -0x1.9b5a7ep-2f, -0x1.9a9b2ap-2f, -0x1.980f16p-1f, -0x1.63358cp-1f, -0x1.3ecbfep-1f,
     -0x1.25126cp-1f},
    {0x1.b56db6p-5f, 0x1.f8b6eap-6f, 0x1.365aaep-6f, 0x1.92866ap-7f, 0x1.c7f712p-8f, 0x1.e0cep-9f,
     0x1.186d82p-9f, 0x1.60ca96p-10f, 0x1.86f68cp-11f, 0x1.995862p-12f, 0x1.df34dep-13f,
     0x1.2fb3d8p-13f, 0x1.fe89eap-3f, 0x1.5b6938p-3f, 0x1.e54cbep-4f, 0x1.5b298p-4f},
    {-0x1.55c116p-6f, -0x1.5b5b18p-7f, -0x1.7b293p-8f, -0x1.b775fp-9f, -0x1.aac424p-10f,
     -0x1.76be9p-11f, -0x1.7410b6p-12f, -0x1.967602p-13f, -0x1.769e0cp-14f, -0x1.3f2964p-15f,
     -0x1.38cf4ep-16f, -0x1.590b9p-17f, -0x1.0f6ec6p-3f, -0x1.584316p-4f, -0x1.c092c2p-5f,
     -0x1.2bb878p-5f},
    {0x1.ea82eep-8f, 0x1.bca646p-9f, 0x1.b2e72p-10f, 0x1.c7e6aap-11f, 0x1.7ecb64p-12f,
     0x1.1b133ep-13f, 0x1.e3b8ccp-15f, 0x1.cc16d6p-16f, 0x1.622b52p-17f, 0x1.ecbe22p-19f,
     0x1.9d042ap-20f, 0x1.7dbdfp-21f, 0x1.fe1bbap-5f, 0x1.30717p-5f, 0x1.757bcep-6f, 0x1.d50cap-7f},
    {-0x1.50591p-9f, -0x1.144b6ep-10f, -0x1.c83f4ep-12f, -0x1.0318a8p-12f, -0x1.44658p-14f,
     -0x1.9c0c32p-16f, -0x1.6f4168p-17f, -0x1.0f7ae6p-18f, -0x1.48141cp-20f, -0x1.680f3ep-22f,
     -0x1.1a0ee2p-22f, 0x1.74237p-25f, -0x1.aebf6ep-6f, -0x1.c31da6p-7f, -0x1.06a622p-7f,
     -0x1.253526p-8f},
    {0x1.d60e78p-12f, 0x1.be05eep-13f, 0x1.20551p-13f, 0x1.568c72p-16f, 0x1.26268ap-16f,
     0x1.310f64p-18f, 0x1.6f97bp-21f, 0x1.df092ap-22f, 0x1.35bb18p-23f, 0x1.3bc406p-25f,
     -0x1.da5bbp-27f, 0x1.25953ep-26f, 0x1.3bb608p-7f, 0x1.4976cap-11f, -0x1.c49704p-10f,
     0x1.af2bbap-10f},
    {0x1.b7b5d2p-12f, 0x1.d6ab74p-13f, -0x1.51761p-13f, 0x1.0f072p-12f, -0x1.bb1f3cp-18f,
     -0x1.492bbap-20f, 0x1.dde008p-19f, 0x1.c2b20ap-22f, -0x1.724336p-26f, -0x1.8fa3f4p-27f,
     0x1.32e466p-24f, -0x1.a325f2p-25f, -0x1.4f3f3cp-7f, -0x1.4f32dp-5f, -0x1.75abecp-6f,
     -0x1.a69da6p-6f},
    {0x1.6eb5e8p-9f, 0x1.566308p-11f, -0x1.59fff8p-13f, 0x1.0b9ef2p-12f, -0x1.9ff81ap-20f,
     -0x1.e2181cp-24f, 0x1.9fa1b8p-20f, 0x1.601cfep-23f, 0x1.83c37ep-31f, -0x1.9065c8p-30f,
     0x1.a8de32p-27f, -0x1.e2fd44p-28f, 0x1.a016ccp-6f, 0x1.50d814p-3f, 0x1.464bdep-3f,
     0x1.043786p-8f}};

// What the 12 bits of mills_slope[0] leave.
alignas(64) constexpr float mills_slope_low[] = {
    -0x1.c2a00ap-18f, -0x1.2f68e8p-16f, -0x1.0a7c2cp-19f, -0x1.21be66p-14f,
    -0x1.a945fap-14f, 0x1.5fac02p-14f,  0x1.2ed384p-14f,  -0x1.bde7d8p-12f,
    0x1.0cd5b6p-12f,  0x1.d1cf04p-14f,  0x1.26855p-12f,   0x1.89f6aap-12f,
    0x1.301d74p-15f,  -0x1.e01b0ep-15f, -0x1.0c7418p-16f, 0x1.d30318p-26f};

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
