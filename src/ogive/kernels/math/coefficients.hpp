// Written by tools/fit_coefficients.py; do not edit.
#pragma once

#include "runtime/isa.hpp"

namespace ogive::OGIVE_ISA {
namespace {

constexpr double log2_e = 0x1.71547652b82fep+0;
// 40 bits, so that n * ln2_hi is exact for |n| < 2^13.
constexpr double ln2_hi = 0x1.62e42fefa2000p-1;
constexpr double ln2_lo = 0x1.9ef35793c7673p-41;
constexpr double inv_sqrt_2pi = 0x1.9884533d43651p-2;
constexpr double tail_centre = 5;

// e^r = 1 + r + r^2 q(r): q.
// Degree 8 on [-0.346574, 0.346574], relative error 2^-49.61.
constexpr double exp_f32[] = {0x1.0000000000000p-1,  0x1.5555555553b7dp-3,  0x1.5555555554cb8p-5,
                              0x1.1111111c45d5bp-7,  0x1.6c16c1738ecf7p-10, 0x1.a019adabfb6abp-13,
                              0x1.a019c9ab213aap-16, 0x1.72c720b2e07bfp-19, 0x1.28803926c8ea8p-22};

// 2 atanh(s) = 2 s + 2 s^3 p(s^2): p.
// Degree 7 on [0.0, 0.111111], relative error 2^-47.02.
constexpr double atanh_f32[] = {0x1.5555555555157p-2, 0x1.9999999bd81f3p-3, 0x1.2492477e1dce5p-3,
                                0x1.c71d5d8ecb89dp-4, 0x1.743cf2e7a943ep-4, 0x1.3d6fb1589de81p-4,
                                0x1.f1cd3c3f72266p-5, 0x1.6cb6b520b2eb7p-4};

// Phi(-a) = e^(-a^2/2) n(t)/(a + 5), t = (a - 5)/(a + 5), a <= 15: n.
// Degree 17 on [-1.0, 0.5], relative error 2^-50.07.
constexpr double normal_tail_f32[] = {
    0x1.89d3abe1f95b3p-1,   -0x1.54ad03f27ca07p-1, 0x1.fb31653876192p-2,   -0x1.410ed5f8764e1p-2,
    0x1.51f6329f5f51fp-3,   -0x1.1b1c254c177a7p-4, 0x1.54b4d4b8afa36p-6,   -0x1.8859107008679p-9,
    -0x1.a24fed1dbfcc2p-11, 0x1.1daf7da8aba4bp-11, -0x1.f22c669a56179p-15, -0x1.a19ab0dee4416p-15,
    0x1.1850fc7ddc6a4p-16,  0x1.0fd50c3c5767cp-18, -0x1.754257a4a44a2p-19, -0x1.e71a4096a9e90p-22,
    0x1.929d93fa69eb7p-22,  0x1.c3c7c4b59b162p-24};

// e^r = 1 + r + r^2 q(r): q.
// Degree 10 on [-0.346574, 0.346574], relative error 2^-61.36.
constexpr double exp_f64[] = {0x1.0000000000000p-1,  0x1.5555555555557p-3,  0x1.5555555555556p-5,
                              0x1.11111111100dfp-7,  0x1.6c16c16c162d6p-10, 0x1.a01a01abe62ddp-13,
                              0x1.a01a01a6d7808p-16, 0x1.71de02375656cp-19, 0x1.27e4db67b4303p-22,
                              0x1.af4ddd84882fep-26, 0x1.1f72fc730b4ffp-29};

// 2 atanh(s) = 2 s + 2 s^3 p(s^2): p.
// Degree 10 on [0.0, 0.111111], relative error 2^-58.68.
constexpr double atanh_f64[] = {0x1.5555555555555p-2, 0x1.9999999999944p-3, 0x1.2492492499d46p-3,
                                0x1.c71c71bedea97p-4, 0x1.745d19937b1fcp-4, 0x1.3b13515f6f9efp-4,
                                0x1.111abdc8abe16p-4, 0x1.e0a2d581ab68fp-5, 0x1.bc37f0140c19ep-5,
                                0x1.32e0d25c9c761p-5, 0x1.401d3e65cdc48p-4};

// Phi(-a) = e^(-a^2/2) n(t)/(a + 5), t = (a - 5)/(a + 5), a <= 40: n.
// Degree 24 on [-1.0, 0.777778], relative error 2^-55.44.
constexpr double normal_tail_f64[] = {
    0x1.89d3abe1f95aep-1,   -0x1.54ad03f27ca18p-1, 0x1.fb31653876f88p-2,   -0x1.410ed5f875952p-2,
    0x1.51f6329f01c04p-3,   -0x1.1b1c254ca3c7bp-4, 0x1.54b4d4f4865f8p-6,   -0x1.88590e98c7218p-9,
    -0x1.a2503771fafa8p-11, 0x1.1daf1af160dcfp-11, -0x1.f2149592ceac7p-15, -0x1.a1701a0954619p-15,
    0x1.17df295a42506p-16,  0x1.0b15bc0085fb3p-18, -0x1.73e25084db67dp-19, -0x1.676e2e8b85213p-22,
    0x1.d47f50fb2ba00p-22,  0x1.5b7e2fa46eec2p-25, -0x1.2d3282d5bc810p-24, -0x1.2f884249c7181p-27,
    0x1.70c591c71daf0p-27,  0x1.473bd59b8fd09p-29, -0x1.2e765a34b6ac3p-30, -0x1.cf731399e731ep-32,
    -0x1.5b7304334289bp-36};

// Phi(-a) = e^(-a^2/2) n(t)/(a + 5), t = (a - 5)/(a + 5), a <= 24: n.
// Degree 19 on [-1.0, 0.655172], relative error 2^-52.63.
constexpr double normal_tail_product_f32[] = {
    0x1.89d3abe1f95aep-1,   -0x1.54ad03f27ca17p-1, 0x1.fb31653876f6cp-2,   -0x1.410ed5f875b3ap-2,
    0x1.51f6329f036e5p-3,   -0x1.1b1c254c8e3ccp-4, 0x1.54b4d4f2f6e5fp-6,   -0x1.88590ecef8441p-9,
    -0x1.a250350367456p-11, 0x1.1daf242bd6edep-11, -0x1.f21581eb00589p-15, -0x1.a173c979c664cp-15,
    0x1.17e45659c4029p-16,  0x1.0b868e4c539cdp-18, -0x1.73f132733003bp-19, -0x1.7725c12bbae79p-22,
    0x1.ce1af29f8ddfcp-22,  0x1.ed8bf6935de97p-25, -0x1.e1e210ea88762p-25, -0x1.09aed1fa1943ep-26};

// e^r = 1 + r + r^2 q(r): q, where an error of a twentieth of a rounding is small.
// Degree 9 on [-0.346574, 0.346574], relative error 2^-55.8.
constexpr double exp_central[] = {
    0x1.0000000000001p-1,  0x1.5555555555556p-3,  0x1.5555555553d68p-5,  0x1.11111111109b5p-7,
    0x1.6c16c17889ef1p-10, 0x1.a01a01a7c2efep-13, 0x1.a019b9149a41cp-16, 0x1.71de0db2f6b19p-19,
    0x1.28917c89a43a7p-22, 0x1.af389ecfc4b9cp-26};

} // namespace
} // namespace ogive::OGIVE_ISA
