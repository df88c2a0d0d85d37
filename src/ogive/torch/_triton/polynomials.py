"""Written by tools/triton_polynomials.py from the C++ coefficients; do not edit."""

# mypy: ignore-errors
import triton
import triton.language as tl

LN2_HI = tl.constexpr(0.6931471805592082)
LN2_LO = tl.constexpr(7.371002565167799e-13)


@triton.jit
def f64(value: tl.constexpr):
    # A bare literal would be a float32 among the arguments of tl.fma.
    return tl.full((), value, tl.float64)


@triton.jit
def atanh_tail_full(x):
    p = f64(0.07815288900461426)
    p = tl.fma(p, x, f64(0.03746071897775383))
    p = tl.fma(p, x, f64(0.05422589197440007))
    p = tl.fma(p, x, f64(0.05867139530651599))
    p = tl.fma(p, x, f64(0.06667589315724629))
    p = tl.fma(p, x, f64(0.07692271982430275))
    p = tl.fma(p, x, f64(0.09090909948981357))
    p = tl.fma(p, x, f64(0.11111111099118386))
    p = tl.fma(p, x, f64(0.1428571428580005))
    p = tl.fma(p, x, f64(0.19999999999999762))
    p = tl.fma(p, x, f64(0.3333333333333333))
    return p


@triton.jit
def tanh_gap_near_full(x):
    p = f64(1.0194947086878417e-08)
    p = tl.fma(p, x, f64(-1.0671460035440944e-07))
    p = tl.fma(p, x, f64(5.589611878490674e-07))
    p = tl.fma(p, x, f64(-2.0214631163816744e-06))
    p = tl.fma(p, x, f64(5.919642199680327e-06))
    p = tl.fma(p, x, f64(-1.555872204514558e-05))
    p = tl.fma(p, x, f64(3.909489114669662e-05))
    p = tl.fma(p, x, f64(-9.684564548505856e-05))
    p = tl.fma(p, x, f64(0.0002391096012768218))
    p = tl.fma(p, x, f64(-0.0005900235117283935))
    p = tl.fma(p, x, f64(0.0014558338369963881))
    p = tl.fma(p, x, f64(-0.0035921279857806117))
    p = tl.fma(p, x, f64(0.008863235527054621))
    p = tl.fma(p, x, f64(-0.02186948853607107))
    p = tl.fma(p, x, f64(0.053968253968252985))
    p = tl.fma(p, x, f64(-0.13333333333333333))
    return p
